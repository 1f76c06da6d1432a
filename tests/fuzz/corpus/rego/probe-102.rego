package foo
import future.keywords
f([a, b]) = c { c := a + b }
violation[{"msg": msg, "details": {"x": x}}] { x := f(input.review.pair); msg := "hit" }
