package foo
import future.keywords
f(y) := y + 1
g(y) := 3
p := f(1)
violation[{"msg": msg, "details": {"x": x}}] { x := [p, p] with f as g; msg := "hit" }
