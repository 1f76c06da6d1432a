package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := array.slice([1, 2, 3], 1, 9); msg := "hit" }
