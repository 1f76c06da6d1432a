package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := 9007199254740993; msg := "hit" }
