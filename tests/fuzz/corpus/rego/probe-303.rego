package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := yaml.marshal({"a": [1, "b"]}); msg := "hit" }
