package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { some i; input.review.list[i] == 2; x := i; msg := "hit" }
