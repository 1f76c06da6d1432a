package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := net.cidr_merge({"10.0.0.0/25", "10.0.0.128/25", "11.1.1.1"}); msg := "hit" }
