package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := data.lib.tools.more.deep.er.a; msg := "hit" }
