//! Whole modules of what one body does not show: names that are references, what `with` replaces, packages, and what is
//! refused when it is loaded.

mod cases;

use basphere_rego::template::Version;
use serde_json::json;

use self::cases::{BOTH, RULES, TYPES, V0, V1};
use crate::oracle::{Answer, Question, difference, ours};

/// Of the library that each module can import.
const LIB: &str = "package lib.tools.more\nimport future.keywords\n\
    one := 1\n\
    two[x] { x := input.review.list[_] }\n\
    add(a, b) := c { c := a + b }\n\
    deep.er[x] := y if some x, y in input.review.object\n\
    default maybe := false\n\
    maybe if input.review.missing";
const LIB_V1: &str = "package lib.tools.more\n\
    one := 1\n\
    two contains x if { x := input.review.list[_] }\n\
    add(a, b) := c if { c := a + b }\n\
    deep.er[x] := y if some x, y in input.review.object\n\
    default maybe := false\n\
    maybe if input.review.missing";

fn question(version: Version, rules: &str, body: &str) -> Question {
    let (imports, rules): (Vec<&str>, Vec<&str>) =
        rules.lines().partition(|line| line.starts_with("import"));
    let key = "{\"msg\": \"m\", \"details\": {\"x\": x}}";
    let (future, head, lib) = match version {
        Version::V0 => ("import future.keywords", format!("violation[{key}]"), LIB),
        Version::V1 => ("", format!("violation contains {key} if"), LIB_V1),
    };
    let review = json!({
        "one": 1, "list": [1, 2, 3], "object": {"a": "b", "b": 2}, "if": {"in": 4},
    });
    Question {
        version,
        libs: vec![lib.to_owned()],
        ..Question::v0(
            &format!(
                "package foo\n{future}\nimport data.lib.tools\n{}\n{}\n{head} {{ {body} }}",
                imports.join("\n"),
                rules.join("\n")
            ),
            review,
        )
    }
}

/// What we refuse and OPA does not: a verdict may not depend on it.
const BANNED: &[&str] = &[
    "x := time.now_ns()",
    "x := http.send({\"url\": \"\", \"method\": \"get\"})",
    "x := opa.runtime()",
    "x := rand.intn(\"a\", 2)",
    "x := uuid.rfc4122(\"a\")",
    "x := net.lookup_ip_addr(\"localhost\")",
];

#[test]
fn each_module_says_the_same() {
    let both = BOTH.iter().flat_map(|(rules, body)| {
        [Version::V0, Version::V1].map(|version| question(version, rules, body))
    });
    let new = V1
        .iter()
        .map(|(rules, body)| question(Version::V1, rules, body));
    let old = V0
        .iter()
        .map(|(rules, body)| question(Version::V0, rules, body));
    let types = TYPES
        .iter()
        .flat_map(|body| [Version::V0, Version::V1].map(|version| question(version, RULES, body)));
    let all = both.chain(new).chain(old).chain(types);
    let differences = all.filter_map(|question| difference(&question));
    let differences: Vec<String> = differences.collect();
    assert!(
        differences.is_empty(),
        "{}:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// Gatekeeper renames libraries, and does not see references to them within other terms: they lead nowhere there. Who
/// imports them has the same verdict from both.
const UNSEEN: &[&str] = &[
    "x := [k | data.lib.tools.more[k]]",
    "x := count(data.lib.tools.more.two)",
    "x := data.lib.tools.more.add(1, 2)",
];

#[test]
fn what_is_known_to_differ_does() {
    for body in UNSEEN {
        let question = question(Version::V0, "", body);
        assert!(difference(&question).is_some(), "{body}");
    }
}

#[test]
fn what_no_verdict_may_depend_on_is_refused() {
    for body in BANNED {
        let answer = ours(&question(Version::V0, "", body));
        let is_told = matches!(&answer, Answer::Refused(why) if why.contains("it is banned"));
        assert!(is_told, "{body}: {answer:?}");
    }
}
