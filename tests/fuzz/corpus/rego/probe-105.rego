package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := input.review.one with input.review.one as 9; msg := "hit" }
