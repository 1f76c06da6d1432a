package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := tools.more; msg := "hit" }
