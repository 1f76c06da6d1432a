package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := to_number(true); msg := "hit" }
