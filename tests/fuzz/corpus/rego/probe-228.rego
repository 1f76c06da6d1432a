package foo
import future.keywords
p if not q
q if p
violation[{"msg": msg, "details": {"x": x}}] { x := 1; msg := "hit" }
