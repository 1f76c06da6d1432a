package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := numbers.range(5, 2); msg := "hit" }
