package foo
import future.keywords
a.b.c := 1 if input.review.missing
violation[{"msg": msg, "details": {"x": x}}] { x := a; msg := "hit" }
