//! Suites, what is run of them, and assertions with their texts.

use serde_json::{Value, json};

use super::{Assertion, Filter, Suite, Test, Violations};

#[test]
fn fields_have_any_letter_case_and_null_says_nothing() {
    let document = json!({"apiVersion": "test.gatekeeper.sh/v9", "kind": "Suite", "nope": 1, "TESTS": [
        {"Name": "a", "template": null, "cases": [{"object": "o.yaml", "assertions": [
            {"violations": 2, "message": "m"}, {"violations": "no"}, {},
        ]}], "invalid": true},
    ]});
    assert!(Suite::is_suite(&document));
    let suite = Suite::read(&document).unwrap();
    let test = suite.tests.first().unwrap();
    assert_eq!(
        (test.name.as_str(), test.template.as_str(), test.invalid),
        ("a", "", true)
    );
    let assertions = &test.cases.first().unwrap().assertions;
    let asserted: Vec<_> = assertions
        .iter()
        .map(|it| (it.violations.clone(), it.message.clone()))
        .collect();
    let word = |word: &str| Some(Violations::Word(word.to_owned()));
    let expected = [
        (Some(Violations::Count(2)), Some("m".to_owned())),
        (word("no"), None),
        (None, None),
    ];
    assert_eq!(asserted, expected);
}

#[test]
fn what_has_the_wrong_type_is_refused() {
    for (tests, path) in [
        (json!({"a": "b"}), "tests: must be a list"),
        (
            json!([{"skip": "yes"}]),
            "tests[0].skip: must be true or false",
        ),
        (
            json!([{"cases": [{"assertions": [{"violations": true}]}]}]),
            "tests[0].cases[0].assertions[0].violations: must be a 32-bit",
        ),
        (
            json!([{"cases": [{"assertions": [{"violations": 1.5}]}]}]),
            "tests[0].cases[0].assertions[0].violations: must be a 32-bit",
        ),
        (
            json!([{"cases": [{"assertions": [{"violations": 4_000_000_000_u64}]}]}]),
            "tests[0].cases[0].assertions[0].violations: must be a 32-bit",
        ),
    ] {
        let error = Suite::read(&json!({"tests": tests}))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(path), "{error}");
    }
}

fn check(violations: Value, message: Option<&str>, messages: &[&str]) -> String {
    let document = json!({"violations": violations, "message": message});
    let assertion = Assertion::read(&crate::decode::At::root(&document)).unwrap();
    let checked = assertion.check_messages(messages);
    checked.map_or_else(|error| error.to_string(), |()| "holds".to_owned())
}

#[test]
fn assertions_fail_in_gators_words() {
    let two = ["no app", "no team"];
    for (violations, message, messages, expected) in [
        (json!(null), None, &two[..], "holds"),
        (json!("yes"), Some("app$"), &two, "holds"),
        (json!("no"), Some("x"), &two, "holds"),
        (json!(2), None, &two, "holds"),
        (json!(0), None, &[], "holds"),
        (json!("no"), Some("("), &[], "holds"),
        (
            json!(null),
            None,
            &[],
            "unexpected number of violations: got 0 violations but want at least 1: got messages []",
        ),
        (
            json!("no"),
            None,
            &two,
            "unexpected number of violations: got 2 violations but want none: got messages [no app no team]",
        ),
        (
            json!(3),
            Some("app"),
            &two,
            "unexpected number of violations: got 1 violations containing \"app\" but want exactly 3: got messages [no app no team]",
        ),
        (
            json!("yes"),
            Some("x\"q"),
            &two,
            "unexpected number of violations: got 0 violations containing \"x\\\"q\" but want at least 1: got messages [no app no team]",
        ),
        (
            json!(-1),
            None,
            &[],
            "invalid yaml: assertion.violation, if set, must be a nonnegative integer, \"yes\", or \"no\": got messages []",
        ),
        (
            json!("Yes"),
            None,
            &[],
            "invalid yaml: assertion.violation, if set, must be a nonnegative integer, \"yes\", or \"no\": got messages []",
        ),
        (
            json!("no"),
            Some("("),
            &two,
            "message contains invalid regular expression: error parsing regexp: missing closing ): `(`",
        ),
    ] {
        assert_eq!(check(violations, message, messages), expected);
    }
}

#[test]
fn filters_find_tests_cases_or_both() {
    let document = json!({"name": "labels", "cases": [{"name": "allowed"}, {"name": "denied"}]});
    let test = Test::read(&crate::decode::At::root(&document)).unwrap();
    let run = |filter: &str| {
        let filter = Filter::read(filter).unwrap();
        let cases = test
            .cases
            .iter()
            .filter(|case| filter.takes_case(&test.name, &case.name));
        (
            filter.takes_test(&test),
            cases
                .map(|case| case.name.clone())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    for (filter, is_run, cases) in [
        ("", true, "allowed denied"),
        ("lab", true, "allowed denied"),
        ("^den", true, "denied"),
        ("^$", false, ""),
        ("labels//", true, "allowed denied"),
        ("//^allowed$", true, "allowed"),
        ("x//allowed", false, ""),
    ] {
        assert_eq!(run(filter), (is_run, cases.to_owned()), "{filter}");
    }
    let error = |filter: &str| Filter::read(filter).unwrap_err().to_string();
    assert_eq!(
        error("a//b//c"),
        "invalid test filter: a filter may include at most one \"//\""
    );
    assert_eq!(
        error("("),
        "invalid test filter: error parsing regexp: missing closing ): `(`"
    );
}
