package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := sprintf("%d %s %v", ["a", 1, {1, 2}]); msg := "hit" }
