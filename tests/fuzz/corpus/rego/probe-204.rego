package foo
import future.keywords
p.q := 1
p.q.r := 2
violation[{"msg": msg, "details": {"x": x}}] { x := 1; msg := "hit" }
