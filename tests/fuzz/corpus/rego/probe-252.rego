package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := data.lib[k] with data.lib.other as {"y": 6}; msg := "hit" }
