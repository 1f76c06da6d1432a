package foo
import future.keywords
p = 1 { true }
p = "a" { false }
violation[{"msg": msg, "details": {"x": x}}] { x := p + 1; startswith(p,"a"); msg := "hit" }
