package foo
import future.keywords
f(y) := y + 1
violation[{"msg": msg, "details": {"x": x}}] { x := f(1) with f as 7; msg := "hit" }
