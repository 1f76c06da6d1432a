package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := 1.0; msg := "hit" }
