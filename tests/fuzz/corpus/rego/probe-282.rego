package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := [crypto.hmac.md5("a", "k"), crypto.hmac.sha1("a", "k"), crypto.hmac.sha256("a", "k")]; msg := "hit" }
