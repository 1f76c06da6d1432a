package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := object.union({"a": 1}, {"b": 2}); msg := "hit" }
