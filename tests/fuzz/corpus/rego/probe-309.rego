package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := base64url.encode_no_pad("a?"); msg := "hit" }
