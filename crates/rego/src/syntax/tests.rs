//! What is refused, where, and that nothing that is written makes it panic.

use super::read_all;
use super::tree::Module;
use crate::syntax::SourceError;
use crate::template::Version;

fn read(source: &str, version: Version) -> Result<Module, SourceError> {
    // Whoever compiles a program grows the stack as well.
    let modules = stacker::grow(32 << 20, || read_all(&[source], version));
    let modules = modules.map_err(|(_, error)| error)?;
    Ok(modules.into_iter().next().expect("one module"))
}

fn refused(body: &str) -> String {
    let source = format!("package a\np {{\n{body}\n}}");
    match read(&source, Version::V0) {
        Ok(module) => panic!("{body} is read as {module:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_no_rego_is_refused_with_its_place() {
    for (body, why) in [
        ("", "4:1: found empty body, found `}`"),
        ("x := ", "4:1: expected a term, found `}`"),
        (
            "x := 1 y := 2",
            "3:8: expected a newline, `;` or `}`, found `y`",
        ),
        ("f (1)", "3:3: expected a newline, `;` or `}`, found `(`"),
        ("x := \"a", "3:6: non-terminated string"),
        (
            "x := 01",
            "3:6: expected number without leading zero, found `01`",
        ),
        ("x := 1\nx := 2", "4:1: var x assigned above"),
        ("y == x\nx := 2", "4:1: var x referenced above"),
        ("not some x", "3:5: illegal negation, found `some`"),
        ("x := $`a", "3:6: non-terminated string"),
        ("some y; x := 1", "3:1: declared var y unused"),
        ("x := [1 | some y]", "3:11: declared var y unused"),
        ("x := 1 ^ 2", "3:8: illegal character '^'"),
        ("x := \"a\".b", "3:6: illegal ref (head cannot be a scalar)"),
    ] {
        assert_eq!(refused(body), why, "{body}");
    }
}

#[test]
fn template_strings_are_of_the_new_version() {
    let refused = |text: &str, version| {
        let source = format!("package a\np := {text}");
        read(&source, version).expect_err(text).to_string()
    };
    for (text, why) in [
        (
            "$\"{y = 1}\"",
            "2:9: unexpected unification ('=') in template-string expression",
        ),
        (
            "$\"{1 2}\"",
            "2:11: expected } to end template string expression, found `2`",
        ),
        ("$\"{1}", "2:10: non-terminated string"),
        ("$\"\\x\"", "2:6: illegal template-string part: \\x"),
    ] {
        assert_eq!(refused(text, Version::V1), why, "{text}");
    }
    assert_eq!(
        refused("$\"a\"", Version::V0),
        "2:6: template strings are not supported by this version of Rego"
    );
    for text in ["$\"{{1}} {\"}\"} {$\"{1}\"}\"", "$`\\n\n{[x | x := 1]}`"] {
        read(&format!("package a\np := {text}"), Version::V1).expect(text);
    }
}

#[test]
fn what_the_new_version_asks_for_is_asked_for() {
    let error = read("package a\np { true }", Version::V1).expect_err("no `if`");
    assert_eq!(
        error.to_string(),
        "2:3: `if` keyword is required before rule body, found `{`"
    );
    read("package a\np if { true }", Version::V1).expect("Rego of version 1");
    read(
        "package a\nimport rego.v1\np contains x if x := 1",
        Version::V0,
    )
    .expect("imported");
}

#[test]
fn what_is_nested_without_an_end_is_refused() {
    for mark in [
        "[",
        "{",
        "(",
        "f(",
        "-x[",
        "not {x | ",
        "not ",
        "every x in ",
        "{1: ",
        "x[",
        "x.y[\"a\"](",
    ] {
        let error = refused(&mark.repeat(20_000));
        assert!(
            error.contains("nested too deep") || error.contains("expected"),
            "{mark}: {error}"
        );
    }
}

#[test]
fn chains_without_an_end_are_refused() {
    for link in ["1 + ", "x | ", "1 * 2 - ", "1 == "] {
        let error = refused(&link.repeat(20_000));
        assert!(error.contains("nested too deep"), "{link}: {error}");
    }
    let rules = format!(
        "package a\np = 1 {{ false }}{}",
        " else = 2 { false }".repeat(20_000)
    );
    let error = read(&rules, Version::V0).expect_err("too many").to_string();
    assert!(error.contains("nested too deep"), "{error}");
}

#[test]
fn no_sequence_of_tokens_panics() {
    const TOKENS: [&str; 50] = [
        "$\"a{",
        "$`{",
        "$\"b\"",
        "\"",
        "`",
        "future.keywords.not",
        "package",
        "import",
        "default",
        "else",
        "not",
        "some",
        "every",
        "in",
        "if",
        "contains",
        "with",
        "as",
        "input",
        "data",
        "x",
        "_",
        "set",
        "future.keywords.in",
        "1",
        "2.5e3",
        "\"a\"",
        "`b`",
        "null",
        "true",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ".",
        ",",
        ";",
        ":",
        ":=",
        "=",
        "==",
        "|",
        "-",
        "\n",
        "#",
        "ä",
        "p",
        "q[x]",
    ];
    let mut state = 7_u64;
    for _ in 0..20_000 {
        let mut source = String::from("package a\np { ");
        for _ in 0..24 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 40).unwrap_or_default() % TOKENS.len();
            source.push_str(TOKENS[at]);
            if state & (1 << 33) == 0 {
                source.push(' ');
            }
        }
        for version in [Version::V0, Version::V1] {
            let _ = read(&source, version);
        }
    }
}
