package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { walk(input.review.object, [p, v]); is_number(v); x := p; msg := "hit" }
