package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { 1 < "a"; x := 1; msg := "hit" }
