package foo
import future.keywords
f(v) { v == 1 }
violation[{"msg": msg, "details": {"x": x}}] { not f(input.review.missing); x := 1; msg := "hit" }
