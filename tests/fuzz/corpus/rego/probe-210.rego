package foo
import future.keywords
a[1] := 5
a["x-y"] := 6
violation[{"msg": msg, "details": {"x": x}}] { x := a; msg := "hit" }
