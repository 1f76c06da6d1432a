package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sprintf("%v", [input.review.fraction]); msg := "hit" }
