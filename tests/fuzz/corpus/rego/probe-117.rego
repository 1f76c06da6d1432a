package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := y; msg := "hit" }
