package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := regex.match("^a+$", "aab"); msg := "hit" }
