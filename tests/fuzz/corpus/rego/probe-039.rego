package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := -3 + 2 * 4; msg := "hit" }
