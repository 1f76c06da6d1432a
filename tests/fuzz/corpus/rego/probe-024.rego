package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := count(input.review.list); msg := "hit" }
