package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := upper(1); msg := "hit" }
