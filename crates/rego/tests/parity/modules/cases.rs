//! The modules.

/// Rules beside a violation that says `x`, and its body; of both versions.
pub(crate) const BOTH: &[(&str, &str)] = &[
    ("a.b.c := 1", "x := a.b.c"),
    ("a.b.c := 1\na.b.d := 2", "x := a"),
    ("a.b.c := 1\na.b.d := 2", "x := a.b[_]"),
    ("a.b.c := 1\na.b.d := 2", "x := [k | a.b[k]]"),
    ("a.b.c := 1\na.b.d := 2 if input.review.missing", "x := a.b"),
    ("a.b.c := 1 if input.review.missing", "x := a"),
    ("a.b contains 1\na.b contains 2", "x := a.b"),
    (
        "a.b contains y if some y in input.review.list",
        "a.b[2]; x := 1",
    ),
    ("a[k] := y if some k, y in input.review.object", "x := a"),
    ("a[k] := y if some k, y in input.review.object", "x := a.b"),
    (
        "a[k] contains y if { some y in input.review.list; k := y % 2 }",
        "x := a",
    ),
    (
        "a[k] contains y if { some y in input.review.list; k := y % 2 }",
        "x := a[1]",
    ),
    (
        "a[k][y] := z if { some k, y in input.review.object; z := 9 }",
        "x := a",
    ),
    (
        "a[k][y] := z if { some k, y in input.review.object; z := 9 }",
        "x := a.b[_]",
    ),
    (
        "a[k].b := y if some k, y in input.review.object",
        "x := a[_].b",
    ),
    (
        "a.b[k] := y if some k, y in input.review.object\na.b.c := 3",
        "x := a",
    ),
    (
        "a.b[k] := y if some k, y in input.review.object\na.b.a := 3",
        "x := a",
    ),
    (
        "a.b[k] := y if some k, y in input.review.object\na.b.a := 3",
        "x := a.b.b",
    ),
    (
        "a.b[k] := 1 if some k in input.review.list\na.b[k] := 2 if some k in [4]",
        "x := a",
    ),
    ("a.f(y) := y + 1", "x := a.f(2)"),
    ("a.f(y) := y + 1\na.g := 2", "x := a"),
    ("a.b := 1 if input.review.missing else := 2", "x := a.b"),
    (
        "default a.b := 7\na.b := 1 if input.review.missing",
        "x := a.b",
    ),
    (
        "default f(_) := 7\nf(y) := 1 if y == 2",
        "x := [f(2), f(3)]",
    ),
    (
        "default p := [y | y := 1]\np := 2 if input.review.missing",
        "x := p",
    ),
    ("p := 1\np.q := 2", "x := 1"),
    ("p.q := 1\np.q.r := 2", "x := 1"),
    ("p[1] := 1\np := 2", "x := 1"),
    ("p[k] := 1 if k := \"a\"\np.f(y) := 2", "x := 1"),
    ("if.x := 1\nx.if := 2\nnot_.default := 3", "x := if.x"),
    ("", "x := input.review.if"),
    (
        "a.if := 1\na.not := 2\na.default := 3",
        "x := [a.if, a.not, a.default]",
    ),
    ("a[1] := 5\na[\"x-y\"] := 6", "x := a"),
    ("a[1] := 5", "x := a[1]"),
    ("p := input.review.one", "x := p with input.review.one as 9"),
    ("f(y) := y + 1", "x := f(1) with f as 7"),
    ("f(y) := y + 1\ng(y) := y * 10", "x := f(1) with f as g"),
    ("f(y) := y + 1\ng(y) := f(y) * 10", "x := f(1) with f as g"),
    (
        "f(y) := y + 1\ng(y) := 3\np := f(1)",
        "x := [p, p] with f as g",
    ),
    (
        "f(y) := y + 1\ng(y) := 3\np := f(1)",
        "y := p with f as g; x := [y, p]",
    ),
    ("p := count(input.review.list)", "x := p with count as 42"),
    (
        "p := count(input.review.list)\ng(y) := 8",
        "x := p with count as g",
    ),
    (
        "p := count(input.review.list)\ng(y) := count(y) * 2",
        "x := p with count as g",
    ),
    ("p := count(input.review.list)", "x := p with count as sum"),
    (
        "p := json.marshal([1])\ng(y) := \"s\"",
        "x := p with json.marshal as g",
    ),
    ("g(y, z) := 8", "x := count([1]) with count as g"),
    ("", "x := 1 with walk as 1"),
    ("", "x := 1 with nothing as 1"),
    ("p := 1", "x := p with p as 2"),
    ("", "x := count with input.a as 1"),
    ("p if not q\nq if p", "x := 1"),
    ("f(y) := z if z := f(y)", "x := 1"),
    ("p contains y if { y := 1; not p[2] }", "x := 1"),
    ("a[k] := 1 if { k := \"a\"; a.b }", "x := 1"),
    ("p contains p", "x := 1"),
    ("p := tools.more.one", "x := p"),
    ("", "x := tools.more"),
    ("", "x := data.lib.tools.more.two"),
    ("", "x := data.lib"),
    ("", "x := data.lib.tools[y].one"),
    ("", "x := [k | tools.more[k]]"),
    ("", "x := data.lib[\"tools\"][\"more\"][\"one\"]"),
    ("", "x := data.lib.tools.more.deep.er.a"),
    ("", "x := data.lib.tools.more.nothing"),
    ("", "x := data.lib.nothing"),
    ("", "not data.lib.nothing; x := 1"),
    ("", "x := tools.more.add(1, 2)"),
    (
        "",
        "x := tools.more.add(1, 2) with data.lib.tools.more.add as 5",
    ),
    (
        "g(y, z) := y * 10",
        "x := tools.more.add(1, 2) with data.lib.tools.more.add as g",
    ),
    (
        "",
        "x := data.lib.tools.more.one with data.lib.tools.more.one as 5",
    ),
    (
        "",
        "x := data.lib.tools.more with data.lib.tools.more.one as 5",
    ),
    (
        "",
        "x := data.lib.tools with data.lib.tools as {\"more\": 5}",
    ),
    (
        "",
        "x := data.lib.tools.more.one with data.lib.tools as {\"more\": {\"one\": 6}}",
    ),
    (
        "",
        "x := data.lib.other.y with data.lib.other as {\"y\": 6}",
    ),
    ("", "x := data.lib[k] with data.lib.other as {\"y\": 6}"),
    (
        "",
        "x := data.lib.tools.more.two with data.lib.tools.more.two as [6]",
    ),
    (
        "",
        "x := data.lib.tools.more.two.a with data.lib.tools.more.two.a as 1",
    ),
    (
        "",
        "x := data.inventory.a.b with data.inventory.a as {\"b\": 1}",
    ),
    ("", "x := data.inventory with data.inventory as {\"b\": 1}"),
    (
        "p := tools.more.one",
        "x := p with data.lib.tools.more.one as 5",
    ),
    ("p := 1 if tools.more.maybe", "x := 3; not p"),
    ("", "some y; x := 1"),
    ("", "some y in input.review.list; x := 1"),
    ("", "every y in input.review.list { 1 == 1 }; x := 1"),
    ("", "every k, y in input.review.list { k + 1 == y }; x := 1"),
    ("", "x := {k: v | some k, v in input.review.object}"),
    ("", "some [y, z] in [[1, 2], [3, 4]]; x := y + z"),
    ("", "some {\"a\": x} in [{\"a\": 1}, {\"a\": 2, \"b\": 3}]"),
    ("", "print(input.review.missing); x := 1"),
    ("", "x := print(1)"),
    ("", "print(y); x := 1"),
    (
        "p := y if some y in input.review.list",
        "y := p; some z in input.review.missing; x := z",
    ),
    ("", "some y in input.review.object[z]; x := [y, z]"),
    ("", "some y in input.review[z]; x := [y, z]"),
    (
        "a.b[k] := 1 if some k in input.review.list\na.b.c := 2 if not a.b.d",
        "x := a.b.c",
    ),
    (
        "p := y if some y in input.review.list",
        "y := sum(input.review.list); z := p; y == input.review.missing; x := 1",
    ),
    (
        "p := y if some y in input.review.list",
        "y := sum(input.review.list); z := p; y == input.review.one; x := 1",
    ),
    ("a[0] := [2]\nlevel := 1", "x := a[level - 1][_]"),
    ("", "x := data"),
    ("", "x := data[y]"),
    ("", "x := data.foo.violation"),
    ("", "x := time.parse_duration_ns(\"1d2h3m1.5s\")"),
    ("", "x := time.parse_duration_ns(\"-1w\")"),
    (
        "",
        "x := [crypto.md5(\"a\"), crypto.sha1(\"a\"), crypto.sha256(\"a\")]",
    ),
    (
        "",
        "x := [crypto.hmac.md5(\"a\", \"k\"), crypto.hmac.sha1(\"a\", \"k\"), crypto.hmac.sha256(\"a\", \"k\")]",
    ),
    ("", "x := crypto.hmac.sha512(\"a\", \"k\")"),
    (
        "",
        "x := io.jwt.decode(\"eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.AAEC\")",
    ),
    (
        "",
        "x := net.cidr_merge({\"10.0.0.0/25\", \"10.0.0.128/25\", \"11.1.1.1\"})",
    ),
    (
        "",
        "x := net.cidr_contains_matches([\"10.0.0.0/8\"], {\"a\": \"10.1.1.1\", \"b\": \"11.0.0.0/8\"})",
    ),
    ("", "x := net.cidr_expand(\"10.0.0.0/30\")"),
    (
        "",
        "x := json.match_schema({\"a\": 1}, {\"type\": \"object\"})",
    ),
    (
        "",
        "x := json.match_schema({\"a\": 1}, {\"type\": \"array\"})[0]",
    ),
    ("", "x := numbers.range_step(0, 10, 3)"),
    ("", "x := numbers.range(5, 2)"),
    ("", "x := intersection({{1, 2}, {2}})"),
    ("", "x := object.subset({\"a\": {\"b\": 1}}, {\"a\": {}})"),
    ("", "x := regex.replace(\"abc\", \"b\", \"x\")"),
    (
        "",
        "x := regex.find_all_string_submatch_n(\"a(.)\", \"abac\", -1)",
    ),
    (
        "",
        "x := regex.template_match(\"a{.*}\", \"abc\", \"{\", \"}\")",
    ),
    ("", "x := semver.is_valid(\"1.2\")"),
    ("", "x := units.parse(\"100m\")"),
    ("", "x := time.parse_rfc3339_ns(\"2024-01-02T03:04:05Z\")"),
    ("", "x := time.date(1704164645000000000)"),
    ("", "x := time.add_date(1704164645000000000, 0, 1, 1)"),
    ("", "x := yaml.unmarshal(\"a: [1, b]\")"),
    ("", "x := yaml.marshal({\"a\": [1, \"b\"]})"),
    ("", "x := urlquery.encode_object({\"a\": [\"b\", \"c\"]})"),
    (
        "",
        "x := graph.reachable({\"a\": [\"b\"], \"b\": []}, [\"a\"])",
    ),
    ("", "x := strings.replace_n({\"a\": \"b\"}, \"aca\")"),
    (
        "",
        "x := uuid.parse(\"00000000-0000-1000-8000-000000000000\").version",
    ),
    ("", "x := hex.decode(\"6162\")"),
    ("", "x := base64url.encode_no_pad(\"a?\")"),
    ("", "x := bits.lsh(1, 3)"),
    ("", "x := walk(1)"),
    ("", "walk(input.review.object, [[\"a\"], x])"),
    ("", "azure.policy.fn.empty(1); x := 1"),
    ("", "test.sleep(\"1ns\"); x := 1"),
];

/// Of version 0 only: types of rules and functions.
pub(crate) const V0: &[(&str, &str)] = &[
    ("f(y) { startswith(y,\"a\") }", "f(1); x := 1"),
    (
        "f(y) { startswith(y,\"a\") }\nf(y) { y == 1 }",
        "f(1); x := 1",
    ),
    (
        "f(y) = 1 { [z | startswith(y,\"a\"); z := 1] }",
        "f(1); x := 1",
    ),
    ("f([y]) = y", "f(1); x := 1"),
    ("f(\"a\") = 1", "f(1); x := 1"),
    ("", "x := f(1) with f as 2"),
    ("p[y] = z { z := input.review[y] }", "p[1]; x := 1"),
    ("p[\"a\"] = 1", "x := p.b"),
    ("p[\"a\"] = 1\np[\"b\"] = \"x\"", "x := p.b + 1"),
    (
        "p = 1 { true }\np = \"a\" { false }",
        "x := p + 1; startswith(p,\"a\")",
    ),
    ("p { true }", "x := p + 1"),
    ("default p = \"a\"\np = 1 { true}", "x := p + 1"),
];

/// Beside these rules, in both versions: types.
pub(crate) const RULES: &str = "import future.keywords\n\
    p if true\n\
    q := 1\n\
    s contains y if y := input.review.list[_]\n\
    f(a) := 1\n\
    g(a) := b if b := count(a)\n\
    r[k] := 1 if k := \"a\"";
pub(crate) const TYPES: &[&str] = &[
    "1 == \"a\"; x := 1",
    "not 1 == \"a\"; x := 1",
    "1 = \"a\"; x:=1",
    "[1,2] = [y]; x:=1",
    "y := {\"a\":1}; x := y.b",
    "y := 1; x := y.b",
    "y:=\"abc\"; x:=y[0]",
    "p == \"a\"; x:=1",
    "q == \"a\"; x:=1",
    "s == {1}; x := 1",
    "upper(q, x)",
    "x := count(1)",
    "y := [1]; x := concat(\",\", y)",
    "y := [z | z := 1]; x := concat(\",\", y)",
    "some y in 1; x:=1",
    "every y in 1 {y == 1}; x:=1",
    "1 != \"a\"; x:=1",
    "1 < \"a\"; x := 1",
    "1 in [2]; x:=1",
    "x := q.foo",
    "x := f(1, 2)",
    "f(1,2,3); x:=1",
    "x := q + 1",
    "walk(1,[a,x])",
    "x := to_number([1])",
    "x := any([true])",
    "x := s[\"a\"]",
    "x := {1,2}[\"a\"]",
    "x := [1,2][\"a\"]",
    "x := {\"a\":1}.b",
    "x := input.review.one.foo",
    "x := r.a.b",
    "y = 1; y = \"a\"; x:=1",
    "y := input.review.one; y = 1; startswith(y,\"a\"); x := 1",
    "x := f(1); startswith(x, \"a\")",
    "startswith(g(\"a\"),\"b\"); x:=1",
    "x := count(\"abc\") + \"a\"",
    "x := -\"a\"",
    "object.get(input, 1, 2) == \"a\"; x:=1",
];

/// Of version 1 only.
pub(crate) const V1: &[(&str, &str)] = &[
    ("", "x := any([true])"),
    ("", "x := re_match(\"a\", \"b\")"),
    (
        "",
        "x := $\"{input.review.one} {input.review.missing} {\"a\"}\\t\\{\"",
    ),
    ("", "x := $`{input.review.list} \\n {{1, 2}} {null}`"),
    ("", "some i; x := $\"{input.review.list[i]}\""),
    ("", "some i; y := input.review.list[i]; x := $\"{y} {i}\""),
    ("", "x := $\"{input.review.list[_]}\""),
    ("", "x := $\"{y}\""),
    ("", "x := $\"{y = 1}\""),
    (
        "f(y) := y + 1",
        "x := $\"{f(1)} {f(input.review.missing)} {$\"{1.50}\"}\"",
    ),
    ("", "x := $\"{[y | y := input.review.list[_]]}\""),
    ("", "x := [$\"<{y}>\" | some y in input.review.list]"),
    ("", "not $\"{input.review.missing}\" == \"a\"; x := 1"),
    (
        "import future.keywords.not\np if not input.review.missing + 1 == 2",
        "p; x := 1",
    ),
    (
        "import future.keywords.not\np if not { y := 1; y == input.review.one }",
        "not p; x := 1",
    ),
    (
        "import future.keywords.not\np if { not { y := input.review.list[_]; y > 3 } }",
        "p; x := 1",
    ),
    (
        "import future.keywords.not\nq := input.review.one\np if not { q == 1 } with input.review.one as 2",
        "p; x := 1",
    ),
    (
        "import future.keywords.not\nf(y) := true",
        "not f(input.review.missing); x := 1",
    ),
    ("import future.keywords.not", "not x == 1; x := 2"),
    ("import future.keywords.and", "x := 1"),
    ("import rego.v1", "x := 1"),
];
