//! What the policies say of their cases: as the suites claim, and as Gatekeeper says.

use std::process::Command;
use std::time::Duration;

use basphere_harness::{Oracle, Progress, gator, run};
use basphere_rego::constraint::Point;
use basphere_rego::policies::LoadError;
use basphere_rego::{Policies, Review, Source};
use regex::Regex;
use serde_json::{Value, json};

use crate::suites::{Case, Test, policies, root, tests};

const LIMIT: Duration = Duration::from_secs(5);

/// Messages with their details.
type Said = Vec<(String, Value)>;

fn all_tests() -> Vec<Test> {
    policies().iter().flat_map(|policy| tests(policy)).collect()
}

fn load(test: &Test) -> (Policies, Result<(), LoadError>) {
    let mut policies = Policies::default();
    let added = policies.add_template(&test.template);
    added.unwrap_or_else(|error| panic!("{}: {error}", test.name));
    let added = policies.add_constraint(&test.constraint);
    (policies, added)
}

fn review(case: &Case) -> Review {
    let review = if Review::is_admission_review(&case.object) {
        Review::of_admission_review(&case.object)
    } else {
        Review::of_object(case.object.clone(), None, Source::Original)
    };
    review.unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

fn ours(policies: &Policies, case: &Case) -> Said {
    let findings = policies.review(&review(case), Point::Gator, &json!({}).into(), LIMIT);
    let said = findings.into_iter().map(|finding| {
        let message = finding.violation.message.as_str().unwrap_or_default();
        (message.to_owned(), finding.violation.details)
    });
    sorted(said.collect())
}

fn theirs(oracle: &Oracle, test: &Test, case: &Case) -> Said {
    let question = json!({
        "kind": "review",
        "objects": [test.template, test.constraint],
        "request": review(case).request,
    });
    let answer = oracle.ask(&question).expect("an answer");
    assert!(answer.get("error").is_none(), "{}: {answer}", case.name);
    let results = answer["results"].as_array().into_iter().flatten();
    let said = results.map(|result| {
        let message = result["msg"].as_str().unwrap_or_default();
        (message.to_owned(), result["metadata"]["details"].clone())
    });
    sorted(said.collect())
}

fn sorted(mut said: Said) -> Said {
    said.sort_by_key(|(message, details)| (message.clone(), details.to_string()));
    said
}

/// Why an assertion does not hold of what was said.
fn failure(assertion: &Value, said: &Said) -> Option<String> {
    let message = assertion["message"].as_str().unwrap_or_default();
    let pattern = Regex::new(message).expect("a regular expression");
    let matching = said
        .iter()
        .filter(|(message, _)| pattern.is_match(message))
        .count();
    let holds = match &assertion["violations"] {
        Value::Null => matching > 0,
        Value::String(word) if word == "yes" => matching > 0,
        Value::String(word) if word == "no" => matching == 0,
        number => number.as_u64() == u64::try_from(matching).ok(),
    };
    (!holds).then(|| format!("{assertion} does not hold of {said:?}"))
}

#[test]
fn the_suites_hold() {
    let mut failures = Vec::new();
    for test in all_tests() {
        let (policies, added) = load(&test);
        if test.is_invalid {
            let is_of_schema =
                matches!(&added, Err(LoadError::Constraint(error)) if error.is_of_schema());
            assert!(is_of_schema, "{}: {added:?}", test.name);
            continue;
        }
        added.unwrap_or_else(|error| panic!("{}: {error}", test.name));
        for case in &test.cases {
            let said = ours(&policies, case);
            let failed = case.assertions.iter().filter_map(|it| failure(it, &said));
            failures.extend(failed.map(|failure| format!("{}: {failure}", case.name)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn gatekeeper_says_the_same_word_for_word() {
    let oracle = Oracle::start(Progress::default()).expect("the oracle starts");
    let mut differences = Vec::new();
    for test in all_tests().iter().filter(|test| !test.is_invalid) {
        let (policies, _) = load(test);
        for case in &test.cases {
            let (ours, theirs) = (ours(&policies, case), theirs(&oracle, test, case));
            if ours != theirs {
                let difference = format!("{}\nours: {ours:?}\nGatekeeper: {theirs:?}", case.name);
                differences.push(difference);
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn gator_passes_the_suites() {
    let mut command = Command::new(gator(Progress::default()).expect("gator is built"));
    let everything = root().join("...");
    command.args(["verify", "--enable-k8s-native-validation=false"]);
    let outcome = run(command.arg(everything), "").expect("gator runs");
    assert!(outcome.succeeded(), "{outcome:?}");
    let lines: Vec<_> = outcome.stdout.lines().collect();
    let passed = lines.iter().filter(|line| line.starts_with("ok\t")).count();
    assert_eq!(passed, policies().len(), "{}", outcome.stdout);
    assert!(lines.contains(&"PASS"), "{}", outcome.stdout);
}
