package foo
import future.keywords.not
p if { not { y := input.review.list[_]; y > 3 } }
violation[{"msg": msg, "details": {"x": x}}] { p; x := 1; msg := "hit" }
