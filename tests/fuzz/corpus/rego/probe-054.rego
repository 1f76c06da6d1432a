package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := object.get(input.review.missing, "a", "default"); msg := "hit" }
