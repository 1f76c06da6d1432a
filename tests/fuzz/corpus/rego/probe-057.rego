package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := concat(",", {"b", "a"}); msg := "hit" }
