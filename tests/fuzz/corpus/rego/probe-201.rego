package foo
import future.keywords
default f(_) := 7
f(y) := 1 if y == 2
violation[{"msg": msg, "details": {"x": x}}] { x := [f(2), f(3)]; msg := "hit" }
