package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { not input.review.missing; x := 1; msg := "hit" }
