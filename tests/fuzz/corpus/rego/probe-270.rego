package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { some y in input.review.object[z]; x := [y, z]; msg := "hit" }
