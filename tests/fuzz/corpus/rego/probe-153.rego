package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := abs(-3); y := round(2.5); z := ceil(2.1); msg := "hit" }
