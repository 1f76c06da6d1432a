package foo
import future.keywords
a.f(y) := y + 1
a.g := 2
violation[{"msg": msg, "details": {"x": x}}] { x := a; msg := "hit" }
