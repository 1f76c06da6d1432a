//! What `policy verify` prints, in the layout of `go test` that gator has.

use std::fmt::Write;
use std::time::Duration;

/// What became of a suite.
#[derive(Debug)]
pub(super) struct SuiteResult {
    pub(super) path: String,
    pub(super) tests: Vec<TestResult>,
    pub(super) time: Duration,
}

/// What became of a test. One that has an error has no cases.
#[derive(Debug)]
pub(super) struct TestResult {
    pub(super) name: String,
    pub(super) is_skipped: bool,
    pub(super) error: Option<String>,
    pub(super) cases: Vec<CaseResult>,
    pub(super) time: Duration,
}

/// What became of a case.
#[derive(Debug)]
pub(super) struct CaseResult {
    pub(super) name: String,
    pub(super) is_skipped: bool,
    pub(super) error: Option<String>,
    pub(super) time: Duration,
}

impl SuiteResult {
    pub(super) fn is_failure(&self) -> bool {
        self.tests.iter().any(TestResult::is_failure)
    }
}

impl TestResult {
    pub(super) fn skipped(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_skipped: true,
            error: None,
            cases: Vec::new(),
            time: Duration::ZERO,
        }
    }

    fn is_failure(&self) -> bool {
        self.error.is_some() || self.cases.iter().any(|case| case.error.is_some())
    }
}

impl CaseResult {
    pub(super) fn skipped(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_skipped: true,
            error: None,
            time: Duration::ZERO,
        }
    }
}

/// The report of all suites.
pub(super) fn text(suites: &[SuiteResult], is_verbose: bool) -> String {
    let mut text = String::new();
    for suite in suites {
        for test in &suite.tests {
            write_test(test, is_verbose, &mut text);
        }
        let verdict = if suite.is_failure() { "FAIL" } else { "ok" };
        line(
            &mut text,
            &format!("{verdict}\t{}\t{}", suite.path, seconds(suite.time)),
        );
    }
    let is_failure = suites.iter().any(SuiteResult::is_failure);
    line(&mut text, if is_failure { "FAIL" } else { "PASS" });
    text
}

fn write_test(test: &TestResult, is_verbose: bool, text: &mut String) {
    if is_verbose && test.is_skipped {
        return line(text, &format!("=== SKIP  {}", test.name));
    }
    if is_verbose {
        line(text, &format!("=== RUN   {}", test.name));
    }
    for case in &test.cases {
        write_case(case, is_verbose, text);
    }
    let (name, time) = (&test.name, seconds(test.time));
    if test.is_failure() {
        line(text, &format!("--- FAIL: {name}\t({time})"));
        if let Some(error) = &test.error {
            line(text, &format!("  {error}"));
        }
    } else if is_verbose {
        line(text, &format!("--- PASS: {name}\t({time})"));
    }
}

fn write_case(case: &CaseResult, is_verbose: bool, text: &mut String) {
    if is_verbose && case.is_skipped {
        return line(text, &format!("    === SKIP  {}", case.name));
    }
    if is_verbose {
        line(text, &format!("    === RUN   {}", case.name));
    }
    let (name, time) = (&case.name, seconds(case.time));
    if let Some(error) = &case.error {
        line(
            text,
            &format!("    --- FAIL: {name}\t({time})\n        {error}"),
        );
    } else if is_verbose {
        line(text, &format!("    --- PASS: {name}\t({time})"));
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}s", time.as_secs_f64())
}

fn line(text: &mut String, line: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(text, "{line}");
}
