package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sum([1, 2.5]); msg := "hit" }
