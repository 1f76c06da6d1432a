package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { null; x := 1; msg := "hit" }
