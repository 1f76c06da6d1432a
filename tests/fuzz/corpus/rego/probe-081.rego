package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := net.cidr_intersects("10.0.0.0/8", "10.1.0.0/16"); msg := "hit" }
