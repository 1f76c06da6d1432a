package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := is_string(input.review.one); msg := "hit" }
