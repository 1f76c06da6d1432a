package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := 1 with nothing as 1; msg := "hit" }
