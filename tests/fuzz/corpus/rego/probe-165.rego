package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sprintf("%v", [to_number("1000000")]); msg := "hit" }
