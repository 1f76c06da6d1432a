package foo
import future.keywords
a.b.c := 1
a.b.d := 2
violation[{"msg": msg, "details": {"x": x}}] { x := a.b[_]; msg := "hit" }
