package foo
import future.keywords.in

violation[{"msg": msg, "details": {"x": x}}] { some y in input.review.list; x := y; msg := "hit" }
