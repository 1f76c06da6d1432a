package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := strings.any_prefix_match(["abc"], {"ab"}); msg := "hit" }
