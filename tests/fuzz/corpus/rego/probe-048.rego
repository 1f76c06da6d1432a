package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := all([]); msg := "hit" }
