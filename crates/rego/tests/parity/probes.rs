//! Places where engines are known to differ, each by itself.

use serde_json::json;

use crate::oracle::{Question, difference};

/// Rules beside, and the body of a violation that says `x`.
const BODIES: &[(&str, &str)] = &[
    ("", "x := 1.0"),
    (
        "",
        r#"y := input.review.missing; not startswith(y, "a"); x := 1"#,
    ),
    ("", r#"not startswith(input.review.missing, "a"); x := 1"#),
    ("f(v) { v == 1 }", "not f(input.review.missing); x := 1"),
    ("f(v) { v == 1 }", "not f(input.review.one); x := 1"),
    ("f(v) { v == 1 }", "not f(input.review.two); x := 1"),
    ("", "not input.review.missing; x := 1"),
    ("", "not input.review.no; x := 1"),
    ("", "not input.review.missing == 1; x := 1"),
    ("", "input.review.missing != 1; x := 1"),
    ("", "not input.review.one != 1; x := 1"),
    ("", "x := [input.review.missing, 1]"),
    ("", "x := {\"a\": input.review.missing}"),
    ("", "x := sprintf(\"%v\", [input.review.missing])"),
    ("", "x := sprintf(\"%v %v\", [1])"),
    ("", "x := sprintf(\"%d %s %v\", [\"a\", 1, {1, 2}])"),
    (
        "",
        "x := sprintf(\"%v\", [[1, \"a\", null, true, {\"b\": [2]}, set()]])",
    ),
    (
        "",
        "x := sprintf(\"%5d|%-5s|%05.1f|%x|%q|%t|%e\", [3, \"ab\", 2.25, 255, \"q\\\"\", true, 1234.5])",
    ),
    ("", "x := sprintf(\"%v\", [1, 2])"),
    ("", "x := sprintf(\"100%\", [])"),
    ("", "x := sprintf(\"%%\", [])"),
    ("", "x := sprintf(\"%[2]v %[1]v\", [1, 2])"),
    ("", "x := [y | y := input.review.list[_]; y > 1]"),
    ("", "x := {y: z | z := input.review.list[y]}"),
    ("", "x := count(input.review.list)"),
    (
        "",
        "x := count({y | y := input.review.list[_]; not input.review.missing[y]})",
    ),
    ("", "input.review.list[i] == 2; x := i"),
    ("", "some i; input.review.list[i] == 2; x := i"),
    ("", "x := input.review.list[_]"),
    ("", "x := input.review.object[k]"),
    ("", "[k, 2] = input.review.pair; x := k"),
    ("", "[k, v] := input.review.pair; x := k + v"),
    ("", "{\"a\": x} = input.review.object"),
    ("", "x := input.review.one + input.review.text"),
    ("", "x := 1 / 0"),
    ("", "x := 7 % 2"),
    ("", "x := 7.5 % 2"),
    ("", "x := 7 / 2"),
    ("", "x := 10 / 5"),
    ("", "x := -3 + 2 * 4"),
    ("", "x := {1, 2} | {3}"),
    ("", "x := {1, 2} & {2}"),
    ("", "x := {1, 2} - {2}"),
    ("", "x := to_number(\"12\")"),
    ("", "x := to_number(\"a\")"),
    ("", "x := to_number(true)"),
    ("", "x := to_number(null)"),
    ("", "x := any([false, true])"),
    ("", "x := all([])"),
    ("", "x := re_match(\"^a+$\", \"aaa\")"),
    ("", "x := re_match(\"(\", \"aaa\")"),
    ("", "x := regex.match(\"^a+$\", \"aab\")"),
    (
        "",
        "x := object.get(input.review, \"missing\", \"default\")",
    ),
    (
        "",
        "x := object.get(input.review, [\"object\", \"a\"], \"default\")",
    ),
    (
        "",
        "x := object.get(input.review.missing, \"a\", \"default\")",
    ),
    ("", "x := trim_suffix(\"abc\", \"c\")"),
    ("", "x := split(\"a/b/c\", \"/\")"),
    ("", "x := concat(\",\", {\"b\", \"a\"})"),
    ("", "x := replace(\"aaa\", \"a\", \"b\")"),
    ("", "x := substring(\"hello\", 1, 3)"),
    ("", "x := substring(\"hello\", 1, -1)"),
    ("", "x := substring(\"hello\", -1, 3)"),
    ("", "x := indexof(\"hello\", \"l\")"),
    ("", "x := contains(\"hello\", \"ell\")"),
    ("", "x := lower(\"ÄB\")"),
    ("", "x := max([])"),
    ("", "x := sum([1, 2.5])"),
    ("", "x := sort([\"b\", 1, null, true, [1], {\"a\": 1}])"),
    ("", "x := array.concat([1], [2])"),
    ("", "x := array.slice([1, 2, 3], 1, 9)"),
    ("", "x := json.unmarshal(\"{\")"),
    ("", "x := units.parse(\"1Ki\")"),
    ("", "x := units.parse_bytes(\"1.5Gi\")"),
    ("", "x := type_name({1})"),
    ("", "x := is_number(input.review.one)"),
    ("", "x := is_string(input.review.one)"),
    ("", "is_string(input.review.one); x := 1"),
    ("", "x := base64.decode(\"YQ==\")"),
    ("", "x := set_diff({1, 2}, {1})"),
    ("", "x := cast_array({1, 2})"),
    ("", "x := net.cidr_contains(\"10.0.0.0/8\", \"10.1.2.3\")"),
    (
        "",
        "x := net.cidr_intersects(\"10.0.0.0/8\", \"10.1.0.0/16\")",
    ),
    ("", "x := glob.match(\"*.a\", [\".\"], \"b.a\")"),
    ("", "x := semver.compare(\"1.2.3\", \"1.3.0\")"),
    ("", "x := strings.any_prefix_match([\"abc\"], {\"ab\"})"),
    ("", "x := numbers.range(1, 3)"),
    ("", "x := walk(input.review.object)"),
    (
        "",
        "walk(input.review.object, [p, v]); is_number(v); x := p",
    ),
    ("p[y] { y := input.review.list[_] }", "x := p"),
    ("p[y] { y := input.review.list[_] }", "p[2]; x := 1"),
    ("p[y] { y := input.review.list[_] }", "not p[9]; x := 1"),
    ("p[y] = z { z := input.review.list[y] }", "x := p[1]"),
    (
        "p = 1 { input.review.missing } else = 2 { input.review.one == 1 } else = 3",
        "x := p",
    ),
    ("default p = 5\np = 1 { input.review.missing }", "x := p"),
    ("p = 1 { true }\np = 2 { true }", "x := p"),
    ("p = 1 { input.review.missing }", "x := p"),
    ("p = 1 { input.review.missing }", "not p; x := 1"),
    (
        "f(v) = 1 { v == 1 }\nf(v) = 2 { v == 2 }",
        "x := f(input.review.two)",
    ),
    ("f(1) = 1\nf(2) = 4", "x := f(input.review.two)"),
    (
        "f(v) = 1 { v > 0 }\nf(v) = 2 { v > 1 }",
        "x := f(input.review.two)",
    ),
    ("f(a, b) = c { c := a + b }", "f(1, 2, y); x := y"),
    ("f(a) = b { b := a.x }", "x := f({\"x\": 1})"),
    ("f([a, b]) = c { c := a + b }", "x := f(input.review.pair)"),
    ("p { not q }\nq { input.review.missing }", "p; x := 1"),
    ("p { true } { true }", "p; x := 1"),
    ("", "x := input.review.one with input.review.one as 9"),
    (
        "p = y { y := input.review.one }",
        "x := p with input.review.one as 9",
    ),
    (
        "p = y { y := input.review.one }",
        "x := p with input as {\"review\": {\"one\": 7}}",
    ),
    (
        "import future.keywords.in",
        "1 in input.review.list; x := 1",
    ),
    (
        "import future.keywords.in",
        "not 9 in input.review.list; x := 1",
    ),
    (
        "import future.keywords.in",
        "not 9 in input.review.missing; x := 1",
    ),
    (
        "import future.keywords.in",
        "some y in input.review.list; x := y",
    ),
    (
        "import future.keywords.in",
        "some k, v in input.review.object; x := [k, v]",
    ),
    (
        "import future.keywords.every\nimport future.keywords.in",
        "every y in input.review.list { y > 0 }; x := 1",
    ),
    (
        "import future.keywords.every\nimport future.keywords.in",
        "every y in input.review.missing { y > 0 }; x := 1",
    ),
    (
        "import future.keywords.every\nimport future.keywords.in",
        "every k, v in input.review.object { v > 0 }; x := 1",
    ),
    ("", "input.review.one\n (input.review.two) >= 2; x := 1"),
    ("", "x := y"),
    ("", "foo(1); x := 1"),
    ("", "x := 1; x := 2"),
    ("", "not y == 1; x := 1"),
    ("", "count(1, 2, 3); x := 1"),
    ("", "x := data.foo"),
    ("", "x := data.inventory.cluster"),
    ("", "y = input.review.list; y[_] = x"),
    ("", "x := {y | y := input.review.list[_]} - {1}"),
    ("", "x := input.review[\"text\"]"),
    ("", "x := input.review[input.review.key]"),
    ("", "x := input.review.list[count(input.review.list) - 1]"),
    ("", "x := `raw \\n`"),
    ("", "x := \"\\u00e4\\n\""),
    ("", "x := 100000000000000000000"),
    ("", "x := 9007199254740993"),
    ("", "1 == 1.0; x := 1"),
    ("", "\"a\" < \"b\"; x := 1"),
    ("", "1 < \"a\"; x := 1"),
    ("", "null < false; x := 1"),
    ("", "x := null"),
    ("", "x := false"),
    ("", "y := false; x := y"),
    ("", "false; x := 1"),
    ("", "null; x := 1"),
    ("", "0; x := 1"),
    ("", "x := input.review.object.a.b.c"),
    ("", "x := input.review.text[0]"),
    ("", "x := input.review.text.a"),
    ("", "x := {1: 2}[1]"),
    ("", "x := [1, 2][1]"),
    ("", "x := {\"a\", \"b\"}[\"a\"]"),
    ("", "x := split(\"a,b\", \",\")[1]"),
    ("", "x := object.union({\"a\": 1}, {\"b\": 2})"),
    ("", "x := object.remove({\"a\": 1, \"b\": 2}, {\"a\"})"),
    (
        "",
        "x := json.filter({\"a\": {\"b\": 1, \"c\": 2}}, [\"a/b\"])",
    ),
    ("", "x := abs(-3); y := round(2.5); z := ceil(2.1)"),
    ("", "x := round(2.5)"),
    ("", "x := trim(\"  a \", \" \")"),
    ("", "x := format_int(255, 16)"),
    (
        "",
        "x := sprintf(\"%v %d %v\", [input.review.big, input.review.big, 1000000])",
    ),
    (
        "",
        "x := sprintf(\"%v %s\", [input.review.huge, input.review.bits])",
    ),
    (
        "",
        "x := sprintf(\"%v\", [[input.review.big, input.review.fraction, 999999]])",
    ),
    ("", "input.review.big == 1000000; x := 1"),
    ("", "x := input.review.big + 1"),
    ("", "x := sprintf(\"%v\", [input.review.big + 1])"),
    ("", "x := sprintf(\"%v\", [input.review.big * 2])"),
    ("", "x := format_int(input.review.big, 10)"),
    ("", "x := sprintf(\"%v\", [to_number(\"1000000\")])"),
    ("", "x := sprintf(\"%v\", [max([input.review.big, 1])])"),
    ("", "x := sprintf(\"%v\", [sum([input.review.big, 1])])"),
    ("", "x := sprintf(\"%v\", [input.review.fraction])"),
    ("", "x := [1, 2] - [2]"),
    ("", "x := concat(\",\", [1])"),
    ("", "x := upper(1)"),
    ("", "x := startswith(1, \"a\")"),
    ("", "not startswith(1, \"a\"); x := 1"),
    ("", "x := json.marshal(input.review.big)"),
    ("", "x := json.marshal(\"<&>\\u2028\")"),
    ("", "x := sprintf(\"%v %v %v\", [1.5, 1e6, 1000000])"),
    ("", "x := sprintf(\"%d %d\", [1.0, 1e6])"),
    ("", "x := sprintf(\"%06f|%.2p|%+d\", [false, true, null])"),
    ("", "x := sprintf(\"%v\", [[\"\\u0301\"]])"),
    ("", "x := regex.split(\"x*\", \"axbxc\")"),
    ("", "x := regex.find_n(\"a*\", \"baaac\", -1)"),
    (
        "",
        "x := regex.replace(\"abcd\", \"(b)(z)?\", \"<$1$2$$>\")",
    ),
    ("", "x := regex.match(`^\\d+$`, \"١\")"),
    (
        "",
        "x := regex.template_match(\"a{[0-9]+}c\", \"a12c\", \"{\", \"}\")",
    ),
    ("", "x := glob.match(\"{a,b*}.c\", [\".\"], \"bx.c\")"),
    ("", "x := glob.match(\"a*c\", [], \"a.c\")"),
    ("", "x := glob.match(\"[!a-c]?**\", null, \"dx/y.z\")"),
    ("", "x := net.cidr_expand(\"10.1.2.252/30\")"),
    ("", "x := glob.quote_meta(\"*,?{a}[b]-!\")"),
    (
        "",
        "x := graph.reachable_paths({\"a\": [\"b\", \"c\"], \"b\": [\"a\"], \"c\": []}, [\"a\", \"z\"])",
    ),
];

/// Bodies of which we say something else than Gatekeeper, and why.
const KNOWN: &[(&str, &str)] = &[
    (
        "how a number was written is not kept",
        "x := json.marshal({\"b\": [1, 2.0], \"a\": null})",
    ),
    (
        "banned: a verdict may not depend on when it is asked for",
        "x := http.send({})",
    ),
];

fn question(rules: &str, body: &str) -> Question {
    let (imports, rules): (Vec<&str>, Vec<&str>) =
        rules.lines().partition(|line| line.starts_with("import"));
    let rego = format!(
        "package foo\n{}\n{}\nviolation[{{\"msg\": msg, \"details\": {{\"x\": x}}}}] {{ {body}; msg := \"hit\" }}",
        imports.join("\n"),
        rules.join("\n")
    );
    let review = json!({
        "one": 1, "two": 2, "no": false, "text": "abc", "key": "two", "list": [1, 2, 3], "pair": [1, 2],
        "object": {"a": 1, "b": 2}, "big": 1_000_000, "huge": 12_345_678_901_u64, "bits": 9_007_199_254_740_993_u64,
        "fraction": 1234567.5,
    });
    Question::v0(&rego, review)
}

#[test]
fn each_probe_says_the_same() {
    let differences = BODIES
        .iter()
        .filter_map(|(rules, body)| difference(&question(rules, body)));
    let differences: Vec<String> = differences.collect();
    let count = differences.len();
    assert!(
        count == 0,
        "{count} of {}:\n{}",
        BODIES.len(),
        differences.join("\n")
    );
}

/// Whoever mends one of them moves it to the others.
#[test]
fn what_is_known_to_differ_does() {
    for (why, body) in KNOWN {
        assert!(difference(&question("", body)).is_some(), "{body} ({why})");
    }
}
