package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := contains("hello", "ell"); msg := "hit" }
