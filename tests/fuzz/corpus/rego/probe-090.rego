package foo
import future.keywords
p[y] { y := input.review.list[_] }
violation[{"msg": msg, "details": {"x": x}}] { not p[9]; x := 1; msg := "hit" }
