package foo
import future.keywords
p := y if some y in input.review.list
violation[{"msg": msg, "details": {"x": x}}] { y := sum(input.review.list); z := p; y == input.review.missing; x := 1; msg := "hit" }
