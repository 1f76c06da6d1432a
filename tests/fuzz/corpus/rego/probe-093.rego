package foo
import future.keywords
default p = 5
p = 1 { input.review.missing }
violation[{"msg": msg, "details": {"x": x}}] { x := p; msg := "hit" }
