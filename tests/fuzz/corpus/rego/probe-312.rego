package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { walk(input.review.object, [["a"], x]); msg := "hit" }
