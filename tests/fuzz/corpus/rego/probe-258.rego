package foo
import future.keywords
p := 1 if tools.more.maybe
violation[{"msg": msg, "details": {"x": x}}] { x := 3; not p; msg := "hit" }
