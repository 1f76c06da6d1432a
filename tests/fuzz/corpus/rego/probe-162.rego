package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sprintf("%v", [input.review.big + 1]); msg := "hit" }
