package foo
import future.keywords
a[k] := 1 if { k := "a"; a.b }
violation[{"msg": msg, "details": {"x": x}}] { x := 1; msg := "hit" }
