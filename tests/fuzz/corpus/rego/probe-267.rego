package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := print(1); msg := "hit" }
