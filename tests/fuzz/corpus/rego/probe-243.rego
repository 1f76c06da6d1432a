package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { not data.lib.nothing; x := 1; msg := "hit" }
