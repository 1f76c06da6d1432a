package foo
import future.keywords
f(y) { startswith(y,"a") }
violation[{"msg": msg, "details": {"x": x}}] { f(1); x := 1; msg := "hit" }
