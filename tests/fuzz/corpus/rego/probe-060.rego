package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := substring("hello", 1, -1); msg := "hit" }
