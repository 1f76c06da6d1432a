package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := strings.replace_n({"a": "b"}, "aca"); msg := "hit" }
