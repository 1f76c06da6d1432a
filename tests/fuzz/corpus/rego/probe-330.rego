package foo
import future.keywords

violation[{"msg": msg, "details": {"x": x}}] { x := $`{input.review.list} \
 {{1, 2}} {null}`; msg := "hit" }
