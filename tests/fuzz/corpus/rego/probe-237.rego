package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := data.lib.tools[y].one; msg := "hit" }
