package foo
import future.keywords.not

violation[{"msg": msg, "details": {"x": x}}] { not x == 1; x := 2; msg := "hit" }
