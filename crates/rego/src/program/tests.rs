//! What is refused when it is loaded, where and why.

use std::time::Duration;

use regorus::Value;

use super::Program;
use crate::template::{Source, Version};

fn refused(version: Version, rego: &str, libs: &[&str]) -> String {
    let source = Source {
        version,
        rego: rego.to_owned(),
        libs: libs.iter().map(|lib| (*lib).to_owned()).collect(),
    };
    Program::compile(&source).expect_err(rego).to_string()
}

/// Of a module of version 0 in which `violation` stands in the last line.
fn refused_with(rules: &str, body: &str) -> String {
    let rego = format!("package a\n{rules}\nviolation[{{\"msg\": \"m\"}}] {{ {body} }}");
    refused(Version::V0, &rego, &[])
}

#[test]
fn functions_that_cannot_be_called_are_told_with_the_reason() {
    for (body, why) in [
        ("foo(1)", "rego:3:27: undefined function foo"),
        (
            "azure.policy.fn.empty(1)",
            "rego:3:27: undefined function azure.policy.fn.empty",
        ),
        (
            "count()",
            "rego:3:27: count: arity mismatch: it takes 1 arguments, and 0 are given",
        ),
        (
            "x := http.send({})",
            "rego:3:27: http.send cannot be used: it is banned, since a verdict would depend on what another server answers",
        ),
        (
            "time.now_ns() > 1",
            "rego:3:27: time.now_ns cannot be used: it is banned, since a verdict would depend on when it is asked for",
        ),
        (
            "x := [y | y := rand.intn(\"a\", 2)]",
            "rego:3:37: rand.intn cannot be used: it is banned, since a verdict would depend on chance",
        ),
        (
            "graphql.parse_query(\"{}\")",
            "rego:3:27: graphql.parse_query cannot be used: GraphQL is not read here",
        ),
        (
            "x := print(1)",
            "rego:3:27: print cannot be used: it has no value",
        ),
    ] {
        assert_eq!(refused_with("", body), why, "{body}");
    }
    let rego = "package a\nviolation contains {\"msg\": \"m\"} if any([true])";
    assert_eq!(
        refused(Version::V1, rego, &[]),
        "rego:2:36: deprecated built-in function calls in expression: any"
    );
}

#[test]
fn rules_that_need_themselves_are_told() {
    for (rules, why) in [
        (
            "p { q }; q { not p }",
            "rego:2:1: rule p is recursive: p -> q -> p",
        ),
        (
            "f(x) = y { y := f(x) }",
            "rego:2:1: rule f is recursive: f -> f",
        ),
        (
            "p { true } else { [1 | q] }; q { p }",
            "rego:2:1: rule p is recursive: p -> q -> p",
        ),
        (
            "import future.keywords.if\na.b[x] := 1 if x := count(a)",
            "rego:3:1: rule a.b is recursive: a.b -> a.b",
        ),
    ] {
        let rules = rules.replace("; ", "\n");
        let error = refused_with(&rules, "true");
        assert_eq!(error, why, "{rules}");
    }
    let lib = "package lib.x\np { data.lib[y].q }\nq { p }";
    let rego = "package a\nviolation[{\"msg\": \"m\"}] { data.lib.x.p }";
    assert_eq!(
        refused(Version::V0, rego, &[lib]),
        "libs[0]:2:1: rule p is recursive: p -> q -> p"
    );
}

#[test]
fn what_a_template_may_not_refer_to_is_told() {
    for (imports, body, why) in [
        (
            "import data.foo",
            "true",
            "rego:2:8: bad import data.foo: only data.lib and future.keywords can be imported",
        ),
        (
            "import data.inventory",
            "true",
            "rego:2:8: bad import data.inventory: only data.lib and future.keywords can be imported",
        ),
        (
            "import input.review",
            "true",
            "rego:2:8: bad import input.review: only data.lib and future.keywords can be imported",
        ),
        (
            "",
            "data.foo.bar",
            "rego:3:27: disallowed ref data.foo.bar: only data.inventory and data.lib can be referred to",
        ),
        (
            "",
            "x := data[y]",
            "rego:3:27: disallowed ref data: only data.inventory and data.lib can be referred to",
        ),
        (
            "",
            "x := 1 with p as 2",
            "rego:3:27: with keyword target must reference existing input, data, or a function",
        ),
        (
            "",
            "count(1) with count as object.get",
            "rego:3:27: with keyword replacing a function: the other takes another number of arguments",
        ),
    ] {
        assert_eq!(refused_with(imports, body), why, "{imports} {body}");
    }
    let rego = "package a\nviolation[{\"msg\": \"m\"}] { true }";
    assert_eq!(
        refused(Version::V0, rego, &["package foo"]),
        "libs[0]:1:9: invalid package foo: that of a library must be below lib"
    );
}

#[test]
fn rules_that_cannot_stand_beside_each_other_are_told() {
    for (rules, why) in [
        (
            "p = 1\np[x] { x := 1 }",
            "rego:2:1: conflicting rules p found",
        ),
        (
            "f(x) = 1\nf(x, y) = 1",
            "rego:2:1: conflicting rules f found",
        ),
        (
            "p.q = 1\np.q.r = 2",
            "rego:2:1: rule p.q conflicts with what is defined below it",
        ),
        (
            "default p = 1\ndefault p = 2",
            "rego:2:1: multiple default rules p found, another at 3:1",
        ),
    ] {
        assert_eq!(refused_with(rules, "true"), why, "{rules}");
    }
}

/// Each of these is compiled and evaluated on the small stack of a test's thread.
#[test]
fn what_is_as_deep_as_it_may_be_fits_on_the_stack() {
    let compiled = |rules: &str, body: &str| {
        let source = Source {
            version: Version::V0,
            rego: format!("package a\n{rules}\nviolation[{{\"msg\": \"m\"}}] {{ {body} }}"),
            libs: Vec::new(),
        };
        let program = Program::compile(&source).expect("it compiles");
        let found = program.violations(
            Value::new_object(),
            Value::new_object(),
            Duration::from_secs(60),
        );
        assert_eq!(found.map(|found| found.len()), Ok(1), "{rules} {body}");
    };
    let sum = format!("{}1", "1 + ".repeat(900));
    compiled("", &format!("x := {sum}; x == 901"));
    let rules = format!(
        "p = 1 {{ false }}{} else = 3 {{ true }}",
        " else = 2 { false }".repeat(900)
    );
    compiled(&rules, "p == 3");
    let (open, close) = ("[".repeat(90), "]".repeat(90));
    compiled("", &format!("x := {open}{close}; x == {open}{close}"));
    let sums = format!("{}1{}", "[1 + ".repeat(45), "]".repeat(45));
    assert!(refused_with("", &format!("x := {sums}")).contains("rego:3"));
}
