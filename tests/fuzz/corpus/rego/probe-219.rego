package foo
import future.keywords
p := count(input.review.list)
g(y) := 8
violation[{"msg": msg, "details": {"x": x}}] { x := p with count as g; msg := "hit" }
