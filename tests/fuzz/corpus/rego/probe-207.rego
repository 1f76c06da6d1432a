package foo
import future.keywords
if.x := 1
x.if := 2
not_.default := 3
violation[{"msg": msg, "details": {"x": x}}] { x := if.x; msg := "hit" }
