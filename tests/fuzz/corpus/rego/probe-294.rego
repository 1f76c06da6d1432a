package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := regex.replace("abc", "b", "x"); msg := "hit" }
