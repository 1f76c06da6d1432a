package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := 7.5 % 2; msg := "hit" }
