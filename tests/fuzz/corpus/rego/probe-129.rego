package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := `raw \
`; msg := "hit" }
