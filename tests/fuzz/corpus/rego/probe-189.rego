package foo
import future.keywords
a[k] contains y if { some y in input.review.list; k := y % 2 }
violation[{"msg": msg, "details": {"x": x}}] { x := a[1]; msg := "hit" }
