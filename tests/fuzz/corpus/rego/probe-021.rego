package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sprintf("%[2]v %[1]v", [1, 2]); msg := "hit" }
