package foo
import future.keywords
a[k].b := y if some k, y in input.review.object
violation[{"msg": msg, "details": {"x": x}}] { x := a[_].b; msg := "hit" }
