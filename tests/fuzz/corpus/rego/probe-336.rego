package foo
import future.keywords
f(y) := y + 1
violation[{"msg": msg, "details": {"x": x}}] { x := $"{f(1)} {f(input.review.missing)} {$"{1.50}"}"; msg := "hit" }
