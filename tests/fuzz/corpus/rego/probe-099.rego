package foo
import future.keywords
f(v) = 1 { v > 0 }
f(v) = 2 { v > 1 }
violation[{"msg": msg, "details": {"x": x}}] { x := f(input.review.two); msg := "hit" }
