package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := format_int(255, 16); msg := "hit" }
