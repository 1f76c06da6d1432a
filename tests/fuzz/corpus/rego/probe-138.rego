package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := false; msg := "hit" }
