package foo
import future.keywords
g(y, z) := y * 10
violation[{"msg": msg, "details": {"x": x}}] { x := tools.more.add(1, 2) with data.lib.tools.more.add as g; msg := "hit" }
