package foo
import future.keywords
p := json.marshal([1])
g(y) := "s"
violation[{"msg": msg, "details": {"x": x}}] { x := p with json.marshal as g; msg := "hit" }
