package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sprintf("%v", [[input.review.big, input.review.fraction, 999999]]); msg := "hit" }
