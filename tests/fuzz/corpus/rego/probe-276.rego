package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := data; msg := "hit" }
