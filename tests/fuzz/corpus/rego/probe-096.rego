package foo
import future.keywords
p = 1 { input.review.missing }
violation[{"msg": msg, "details": {"x": x}}] { not p; x := 1; msg := "hit" }
