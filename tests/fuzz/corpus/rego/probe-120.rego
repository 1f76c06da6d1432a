package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { not y == 1; x := 1; msg := "hit" }
