package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := data.lib.tools with data.lib.tools as {"more": 5}; msg := "hit" }
