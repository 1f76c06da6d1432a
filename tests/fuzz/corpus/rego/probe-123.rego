package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := data.inventory.cluster; msg := "hit" }
