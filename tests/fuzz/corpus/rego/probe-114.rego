package foo
import future.keywords.every
import future.keywords.in

violation[{"msg": msg, "details": {"x": x}}] { every y in input.review.missing { y > 0 }; x := 1; msg := "hit" }
