package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := semver.is_valid("1.2"); msg := "hit" }
