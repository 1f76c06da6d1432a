package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { not $"{input.review.missing}" == "a"; x := 1; msg := "hit" }
