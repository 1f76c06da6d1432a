package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := json.match_schema({"a": 1}, {"type": "object"}); msg := "hit" }
