package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := time.date(1704164645000000000); msg := "hit" }
