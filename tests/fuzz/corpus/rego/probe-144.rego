package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := input.review.text[0]; msg := "hit" }
