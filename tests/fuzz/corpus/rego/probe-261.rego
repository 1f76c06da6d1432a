package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { every y in input.review.list { 1 == 1 }; x := 1; msg := "hit" }
