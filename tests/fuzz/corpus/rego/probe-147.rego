package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := [1, 2][1]; msg := "hit" }
