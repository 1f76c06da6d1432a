package foo
import future.keywords
how a number was written is not kept
violation[{"msg": msg, "details": {"x": x}}] { x := json.marshal(input.review.big); msg := "hit" }
