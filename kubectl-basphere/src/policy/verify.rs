//! `policy verify`: runs the tests of suites.

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use basphere_api::manifest::gator;
use basphere_rego::constraint::Constraint;
use basphere_rego::expansion::Expander;
use basphere_rego::policies::LoadError;
use basphere_rego::review::ReviewError;
use basphere_rego::session::by_action_and_message;
use basphere_rego::suite::{Case, Filter, Test};
use basphere_rego::template::{TARGET, Template};
use basphere_rego::{Outcome, Policies, Review, Session, Source};
use serde_json::Value;

use crate::cli::Verify;
use crate::exit::{Exit, unless_closed};

use super::report::{self, CaseResult, SuiteResult, TestResult};
use super::suites::{self, Found};
use super::{failed, files, loading, warn_of_unsupported};

/// Runs all suites that are named, prints what they say, and fails if one of them does.
pub(super) fn run(options: &Verify, out: &mut dyn Write, talk: &mut dyn Write) -> Result<Exit> {
    warn_of_unsupported(&options.compatible, talk);
    let mut suites = Vec::new();
    for path in &options.paths {
        match suites::list(path) {
            Ok(found) => suites.extend(found),
            Err(error) => return Ok(failed(&format!("Error: listing test files: {error}"), talk)),
        }
    }
    let filter = match Filter::read(&options.run) {
        Ok(filter) => filter,
        Err(error) => return Ok(failed(&format!("Error: compiling filter: {error}"), talk)),
    };
    let results: Vec<SuiteResult> = suites
        .iter()
        .map(|found| run_suite(found, &filter))
        .collect();
    let text = report::text(&results, options.verbose);
    unless_closed(writeln!(out, "{text}").and_then(|()| out.flush()))?;
    if results.iter().any(SuiteResult::is_failure) {
        return Ok(failed("Error: FAIL", talk));
    }
    Ok(Exit::Ok)
}

fn run_suite(found: &Found, filter: &Filter) -> SuiteResult {
    let start = Instant::now();
    let folder = files::folder(&found.path);
    let tests = if found.suite.skip {
        [].iter()
    } else {
        found.suite.tests.iter()
    };
    let tests = tests.map(|test| {
        if test.skip || !filter.takes_test(test) {
            return TestResult::skipped(&test.name);
        }
        let start = Instant::now();
        let (cases, error) = run_test(folder, test, filter);
        TestResult {
            name: test.name.clone(),
            is_skipped: false,
            error,
            cases,
            time: start.elapsed(),
        }
    });
    SuiteResult {
        path: found.shown.clone(),
        tests: tests.collect(),
        time: start.elapsed(),
    }
}

/// The cases, unless there is an error.
fn run_test(folder: &str, test: &Test, filter: &Filter) -> (Vec<CaseResult>, Option<String>) {
    let loaded = load(folder, test);
    if test.invalid {
        return (Vec::new(), not_invalid(loaded.err()));
    }
    let loaded = loaded.map_err(|refused| refused.text);
    let ready = loaded.and_then(|session| Ok((session, expander(folder, test)?)));
    let (mut session, expander) = match ready {
        Ok(ready) => ready,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let cases = test.cases.iter().map(|case| {
        if case.skip || !filter.takes_case(&test.name, &case.name) {
            return CaseResult::skipped(&case.name);
        }
        let start = Instant::now();
        session.forget_data();
        let error = run_case(folder, case, &mut session, expander.as_ref()).err();
        CaseResult {
            name: case.name.clone(),
            is_skipped: false,
            error,
            time: start.elapsed(),
        }
    });
    (cases.collect(), None)
}

/// What is wrong with a constraint that must fail its schema.
fn not_invalid(refused: Option<Refused>) -> Option<String> {
    let error = match refused {
        Some(refused) if refused.is_of_schema => return None,
        Some(refused) => refused.text,
        // Go's own way to say that there is no error.
        None => "%!w(<nil>)".to_owned(),
    };
    Some(format!(
        "constraint should have failed schema validation: got error {error} but want schema validation failed"
    ))
}

/// Why a template or a constraint is not taken.
struct Refused {
    text: String,
    is_of_schema: bool,
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self {
            text,
            is_of_schema: false,
        }
    }
}

fn load(folder: &str, test: &Test) -> Result<Session, Refused> {
    let mut session = Session::new(Policies::default());
    let template = read_template(folder, test)?;
    let adding = |error: LoadError| format!("adding template: {}", loading::refusal(&error));
    session.add_template(&template).map_err(adding)?;
    let constraint = read_constraint(folder, test)?;
    session
        .add_constraint(&constraint)
        .map_err(|error| Refused {
            is_of_schema: matches!(&error, LoadError::Constraint(error) if error.is_of_schema()),
            text: loading::refusal(&error),
        })?;
    Ok(session)
}

fn read_template(folder: &str, test: &Test) -> Result<Value, String> {
    if test.template.is_empty() {
        return Err("invalid Suite: missing template".to_owned());
    }
    let path = files::join(folder, &test.template);
    let bytes = files::read(&path)
        .map_err(|error| format!("reading ConstraintTemplate from {path:?}: {error}"))?;
    let parsing =
        |error| format!("adding template: parsing ConstraintTemplate YAML from {path:?}: {error}");
    let document = document(&bytes).map_err(parsing)?;
    if !Template::is_template(&document) {
        return Err(format!("path {path:?}: not a ConstraintTemplate"));
    }
    Ok(document)
}

fn read_constraint(folder: &str, test: &Test) -> Result<Value, String> {
    if test.constraint.is_empty() {
        return Err("invalid Suite: missing constraint".to_owned());
    }
    let path = files::join(folder, &test.constraint);
    let bytes =
        files::read(&path).map_err(|error| format!("reading Constraint from {path:?}: {error}"))?;
    let parsing = |error| format!("adding constraint: parsing Constraint from {path:?}: {error}");
    let document = document(&bytes).map_err(parsing)?;
    if !Constraint::is_constraint(&document) {
        return Err("not a Constraint".to_owned());
    }
    Ok(document)
}

/// The first document of a file.
fn document(bytes: &[u8]) -> Result<Value, String> {
    let fields = gator::first_document(bytes).map_err(|error| format!("yaml: {error}"))?;
    loading::object(fields)
}

fn expander(folder: &str, test: &Test) -> Result<Option<Expander>, String> {
    if test.expansion.is_empty() {
        return Ok(None);
    }
    let path = files::join(folder, &test.expansion);
    let bytes = files::read(&path)
        .map_err(|error| format!("reading ExpansionTemplate from {path:?}: {error}"))?;
    let objects = objects(&path, &bytes)?;
    if objects.is_empty() || !objects.iter().all(Expander::is_expansion) {
        return Err(format!("not an Expansion Template: {path:?}"));
    }
    let mut expander = Expander::default();
    for object in &objects {
        expander.add(object).map_err(|error| error.to_string())?;
    }
    Ok(Some(expander))
}

/// All objects of a file.
fn objects(path: &str, bytes: &[u8]) -> Result<Vec<Value>, String> {
    let invalid = |error: String| format!("reading {path:?}: invalid yaml: {error}");
    let objects = gator::objects(bytes).map_err(|error| invalid(format!("yaml: {error}")))?;
    objects
        .into_iter()
        .map(|fields| loading::object(fields).map_err(invalid))
        .collect()
}

fn read_objects(path: &str) -> Result<Vec<Value>, String> {
    let objects = objects(path, &files::read(path)?)?;
    if objects.is_empty() {
        return Err(format!(
            "missing objects: path {path:?} defines no YAML objects"
        ));
    }
    Ok(objects)
}

fn run_case(
    folder: &str,
    case: &Case,
    session: &mut Session,
    expander: Option<&Expander>,
) -> Result<(), String> {
    if case.object.is_empty() {
        return Err("invalid Case: must define object".to_owned());
    }
    if case.assertions.is_empty() {
        return Err("invalid Case: assertions must be non-empty".to_owned());
    }
    let path = files::join(folder, &case.object);
    let mut objects = read_objects(&path)?;
    let object = match (objects.pop(), objects.len()) {
        (Some(object), 0) => object,
        (_, others) => {
            let count = others + 1;
            return Err(format!(
                "object file must contain exactly one object: {path:?} defines {count} objects"
            ));
        }
    };
    for named in &case.inventory {
        for object in read_objects(&files::join(folder, named))? {
            session.add_data(&object).map_err(|error| {
                let (namespace, name) = (
                    loading::metadata(&object, "namespace"),
                    loading::metadata(&object, "name"),
                );
                let kind = loading::kind(&object);
                format!(
                    "unable to add object to data.inventory: {kind} {namespace}/{name}: {error}"
                )
            })?;
        }
    }
    let mut outcomes = review(object, session, expander)?;
    outcomes.sort_by(by_action_and_message);
    let mut assertions = case.assertions.iter();
    assertions
        .try_for_each(|assertion| assertion.check(&outcomes))
        .map_err(|error| error.to_string())
}

/// What is said of an object, or of a request, and of what would be made of an object.
fn review<'a>(
    object: Value,
    session: &'a Session,
    expander: Option<&Expander>,
) -> Result<Vec<Outcome<'a>>, String> {
    if Review::is_admission_review(&object) {
        let mut review = Review::of_admission_review(&object).map_err(|error| match error {
            ReviewError::NothingDeleted => {
                format!("{TARGET}: target.HandleReview failed for target {TARGET:?}: {error}\n")
            }
            other => other.to_string(),
        })?;
        return session
            .review(&mut review)
            .map_err(|error| error.to_string());
    }
    let reviewing = |what: &str, object: &Value, error: String| {
        let (namespace, name) = (
            loading::metadata(object, "namespace"),
            loading::metadata(object, "name"),
        );
        format!(
            "reviewing {what}{} {namespace}/{name}: {error}",
            loading::kind(object)
        )
    };
    let mut outcomes = review_one(&object, Source::Original, session)
        .map_err(|error| reviewing("", &object, error))?;
    let Some(expander) = expander else {
        return Ok(outcomes);
    };
    let expanding = |error| {
        format!(
            "expanding resource {}: {error}",
            loading::metadata(&object, "name")
        )
    };
    for generated in expander.expand(&object).map_err(expanding)? {
        let found = review_one(&generated.object, Source::Generated, session)
            .map_err(|error| reviewing("expanded resource ", &generated.object, error))?;
        outcomes.extend(
            found
                .into_iter()
                .map(|outcome| outcome.implied_by(&generated)),
        );
    }
    Ok(outcomes)
}

fn review_one<'a>(
    object: &Value,
    source: Source,
    session: &'a Session,
) -> Result<Vec<Outcome<'a>>, String> {
    let mut review =
        Review::of_object(object.clone(), None, source).map_err(|error| error.to_string())?;
    session
        .review(&mut review)
        .map_err(|error| error.to_string())
}
