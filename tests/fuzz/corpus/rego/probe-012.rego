package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := {"a": input.review.missing}; msg := "hit" }
