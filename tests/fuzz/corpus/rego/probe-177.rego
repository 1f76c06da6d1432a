package foo
import future.keywords
banned: a verdict may not depend on when it is asked for
violation[{"msg": msg, "details": {"x": x}}] { x := http.send({}); msg := "hit" }
