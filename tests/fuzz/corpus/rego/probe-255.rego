package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := data.inventory.a.b with data.inventory.a as {"b": 1}; msg := "hit" }
