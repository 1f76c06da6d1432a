package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := $"{input.review.list[_]}"; msg := "hit" }
