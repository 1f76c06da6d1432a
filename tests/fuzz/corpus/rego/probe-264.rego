package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { some [y, z] in [[1, 2], [3, 4]]; x := y + z; msg := "hit" }
