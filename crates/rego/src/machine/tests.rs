//! What no comparison shows: limits.

use std::time::Duration;

use serde_json::json;

use crate::program::{EvaluationError, Program};
use crate::template::{Source, Version};

fn violations(rego: &str, limit: Duration) -> Result<usize, EvaluationError> {
    let source = Source {
        version: Version::V0,
        rego: rego.to_owned(),
        libs: Vec::new(),
    };
    let program = Program::compile(&source).expect("it compiles");
    let input = json!({"review": {"list": (0..200).collect::<Vec<u32>>()}});
    let found = program.violations(input.into(), json!({}).into(), limit)?;
    Ok(found.len())
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_body_as_long_as_it_may_be_fits_on_the_stack() {
    let rego = |count: usize| {
        let statements: String = (0..count)
            .map(|index| format!("x{index} := {index} + 1\n"))
            .collect();
        format!("package a\nviolation[{{\"msg\": \"m\"}}] {{\n{statements}}}")
    };
    assert_eq!(violations(&rego(1_990), LONG), Ok(1));
    assert_eq!(
        violations(&rego(2_100), LONG),
        Err(EvaluationError::TooDeep)
    );
}

#[test]
fn what_takes_too_long_ends() {
    let rego = "package a\nviolation[{\"msg\": \"m\"}] {\n\
        l := input.review.list; l[_] < l[_] + l[_] + l[_] - 10000000\n}";
    assert_eq!(
        violations(rego, Duration::from_millis(20)),
        Err(EvaluationError::TooLong)
    );
}

#[test]
fn contradicting_rules_are_an_error() {
    let rego = "package a\np = 1 { true }\np = 2 { true }\nviolation[{\"msg\": \"m\"}] { p == 1 }";
    let error = violations(rego, LONG).expect_err("a conflict");
    assert_eq!(
        error.to_string(),
        "p: complete rules must not produce multiple outputs"
    );
}

#[test]
fn what_grows_without_an_end_ends() {
    let rego = |first: &str, next: &str| {
        let statements: String = (0..60)
            .map(|index| {
                let next = next.replace('x', &format!("x{index}"));
                format!("x{} := {next}\n", index + 1)
            })
            .collect();
        format!("package a\nviolation[{{\"msg\": \"m\"}}] {{\nx0 := {first}\n{statements}}}")
    };
    for (first, next) in [
        ("\"a\"", "concat(\"\", [x, x])"),
        ("[1]", "array.concat(x, x)"),
        ("\"a\"", "sprintf(\"%v%v\", [x, x])"),
        ("99999999999", "x * x"),
    ] {
        let result = violations(&rego(first, next), LONG);
        assert_eq!(result, Err(EvaluationError::TooLarge), "{next}");
    }
    for nothing in [
        "numbers.range(1, 1000000000000)",
        "numbers.range_step(1, 1000000000000, 2)",
        "net.cidr_expand(\"10.0.0.0/8\")",
        "net.cidr_expand(\"::/0\")",
        "units.parse(\"1e999999999\")",
        "units.parse_bytes(\"1e99999999Gi\")",
        "time.parse_duration_ns(\"1000000000000000000000000000000d\")",
    ] {
        let rego = format!("package a\nviolation[{{\"msg\": \"m\"}}] {{ {nothing} }}");
        assert_eq!(violations(&rego, LONG), Ok(0), "{nothing}");
    }
}

#[test]
fn statements_in_the_worst_order_are_brought_into_order_in_time() {
    let rego = |count: usize| {
        let statements: String = (0..count)
            .map(|index| format!("x{index} = x{}\n", index + 1))
            .collect();
        format!("package a\nviolation[{{\"msg\": \"m\"}}] {{\n{statements}x{count} = 1\n}}")
    };
    assert_eq!(violations(&rego(1_000), LONG), Ok(1));
    let source = Source {
        version: Version::V0,
        rego: rego(10_000),
        libs: Vec::new(),
    };
    let error = Program::compile(&source).expect_err("too many").to_string();
    assert!(error.contains("too many statements in a body"), "{error}");
}

#[test]
fn more_ways_through_a_graph_than_anybody_waits_for_are_an_error() {
    let rego = "package a\ng := {x: numbers.range(1, 20) | x := numbers.range(1, 20)[_]}\n\
        violation[{\"msg\": \"m\"}] { graph.reachable_paths(g, [1]) }";
    assert_eq!(violations(rego, LONG), Err(EvaluationError::Builtin));
}
