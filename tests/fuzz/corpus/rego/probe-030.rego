package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { [k, 2] = input.review.pair; x := k; msg := "hit" }
