package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := time.parse_duration_ns("1d2h3m1.5s"); msg := "hit" }
