package foo
import future.keywords.in

violation[{"msg": msg, "details": {"x": x}}] { 1 in input.review.list; x := 1; msg := "hit" }
