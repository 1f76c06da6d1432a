package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := set_diff({1, 2}, {1}); msg := "hit" }
