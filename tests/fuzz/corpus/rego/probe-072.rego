package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := units.parse_bytes("1.5Gi"); msg := "hit" }
