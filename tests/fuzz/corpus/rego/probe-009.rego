package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { input.review.missing != 1; x := 1; msg := "hit" }
