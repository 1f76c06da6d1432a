package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sprintf("%v", [1, 2]); msg := "hit" }
