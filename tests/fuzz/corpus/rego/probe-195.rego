package foo
import future.keywords
a.b[k] := y if some k, y in input.review.object
a.b.a := 3
violation[{"msg": msg, "details": {"x": x}}] { x := a.b.b; msg := "hit" }
