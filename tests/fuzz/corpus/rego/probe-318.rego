package foo
import future.keywords
f([y]) = y
violation[{"msg": msg, "details": {"x": x}}] { f(1); x := 1; msg := "hit" }
