package foo
import future.keywords
p[y] = z { z := input.review[y] }
violation[{"msg": msg, "details": {"x": x}}] { p[1]; x := 1; msg := "hit" }
