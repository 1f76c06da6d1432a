//! Suites of `gator verify`: which tests there are, which are run, and what is asserted of their results.
//!
//! A suite is data. Who runs it brings the files that it names (see [`crate::Session`] for what is done with them).

#[cfg(test)]
mod tests;

use regex::Regex;
use serde_json::Value;
use thiserror::Error;

use crate::decode::{At, WrongType};
use crate::pattern;
use crate::session::{Outcome, quoted};
use crate::template::group_version_kind;

/// The API group of suites.
pub const GROUP: &str = "test.gatekeeper.sh";
/// Their kind.
pub const KIND: &str = "Suite";

/// A file of tests.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// Its tests, in order.
    pub tests: Vec<Test>,
    /// Whether all of it is passed over.
    pub skip: bool,
}

/// A template with a constraint, and what they are asked. Files are named relative to the suite's; what is not said is
/// empty.
#[derive(Debug, Clone, Default)]
pub struct Test {
    /// What it is called.
    pub name: String,
    /// The file of the ConstraintTemplate.
    pub template: String,
    /// The file of the constraint.
    pub constraint: String,
    /// A file of ExpansionTemplates.
    pub expansion: String,
    /// Its cases, in order.
    pub cases: Vec<Case>,
    /// Whether the constraint must fail its template's schema. No case is run then.
    pub invalid: bool,
    /// Whether it is passed over.
    pub skip: bool,
}

/// An object, and what is asserted of it.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// The file of the object, which may be an AdmissionReview.
    pub object: String,
    /// The files of what else there is.
    pub inventory: Vec<String>,
    /// What must hold, in order.
    pub assertions: Vec<Assertion>,
    /// Whether it is passed over.
    pub skip: bool,
}

/// How many violations there must be.
#[derive(Debug, Clone, Default)]
pub struct Assertion {
    /// How many; nothing is `yes`.
    pub violations: Option<Violations>,
    /// A regular expression of Go's: only violations whose message it finds are counted.
    pub message: Option<String>,
}

/// A number of violations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violations {
    /// So many.
    Count(i32),
    /// `yes`, `no`, or a mistake.
    Word(String),
}

/// Why an assertion does not hold. The texts are gator's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssertionError {
    /// There are more or fewer.
    #[error(
        "unexpected number of violations: got {found}{which} but want {wanted}: got messages [{messages}]"
    )]
    Number {
        /// How many there are that count, with their word.
        found: String,
        /// Which ones count.
        which: String,
        /// How many are wanted.
        wanted: String,
        /// The messages of all violations.
        messages: String,
    },
    /// It asks for no number.
    #[error(
        "invalid yaml: assertion.violation, if set, must be a nonnegative integer, \"yes\", or \"no\": got messages [{0}]"
    )]
    NoNumber(String),
    /// Its message is no regular expression. With what is wrong.
    #[error("message contains invalid regular expression: error parsing regexp: {0}")]
    Pattern(String),
}

impl Suite {
    /// Whether a document is a suite, of whatever version.
    #[must_use]
    pub fn is_suite(document: &Value) -> bool {
        let (group, _, kind) = group_version_kind(document);
        (group, kind) == (GROUP, KIND)
    }

    /// Reads a suite. Fields may be written in any letter case, and unknown ones say nothing.
    ///
    /// # Errors
    ///
    /// A value of the wrong type.
    pub fn read(document: &Value) -> Result<Self, WrongType> {
        let root = At::root(document);
        Ok(Self {
            tests: each(&root.any_case("tests")?, Test::read)?,
            skip: flag(&root, "skip")?,
        })
    }
}

impl Test {
    fn read(at: &At) -> Result<Self, WrongType> {
        Ok(Self {
            name: text(at, "name")?,
            template: text(at, "template")?,
            constraint: text(at, "constraint")?,
            expansion: text(at, "expansion")?,
            cases: each(&at.any_case("cases")?, Case::read)?,
            invalid: flag(at, "invalid")?,
            skip: flag(at, "skip")?,
        })
    }
}

impl Case {
    fn read(at: &At) -> Result<Self, WrongType> {
        Ok(Self {
            name: text(at, "name")?,
            object: text(at, "object")?,
            inventory: at.any_case("inventory")?.texts()?,
            assertions: each(&at.any_case("assertions")?, Assertion::read)?,
            skip: flag(at, "skip")?,
        })
    }
}

impl Assertion {
    fn read(at: &At) -> Result<Self, WrongType> {
        let message = at.any_case("message")?.text()?;
        Ok(Self {
            violations: Violations::read(&at.any_case("violations")?)?,
            message: message.map(str::to_owned),
        })
    }

    /// Whether it holds of the results of a review, in the order in which they are shown.
    ///
    /// # Errors
    ///
    /// When it does not hold, or asks for what cannot be.
    pub fn check(&self, outcomes: &[Outcome]) -> Result<(), AssertionError> {
        let messages: Vec<&str> = outcomes.iter().map(|it| it.message.as_str()).collect();
        self.check_messages(&messages)
    }

    fn check_messages(&self, messages: &[&str]) -> Result<(), AssertionError> {
        let found = self.count(messages)?;
        let all = || messages.join(" ");
        let wanted = match &self.violations {
            None => at_least_one(found),
            Some(Violations::Word(word)) if word == "yes" => at_least_one(found),
            Some(Violations::Word(word)) if word == "no" => (found > 0).then(|| "none".to_owned()),
            Some(Violations::Count(count)) if *count >= 0 => {
                let is_right = usize::try_from(*count) == Ok(found);
                (!is_right).then(|| format!("exactly {count}"))
            }
            Some(_) => return Err(AssertionError::NoNumber(all())),
        };
        let Some(wanted) = wanted else { return Ok(()) };
        let which = self.message.as_ref();
        let which = which.map(|pattern| format!(" containing {}", quoted(pattern)));
        Err(AssertionError::Number {
            found: format!("{found} violations"),
            which: which.unwrap_or_default(),
            wanted,
            messages: all(),
        })
    }

    /// A pattern that nothing is compared with is never looked at.
    fn count(&self, messages: &[&str]) -> Result<usize, AssertionError> {
        let pattern = self.message.as_ref().filter(|_| !messages.is_empty());
        let Some(pattern) = pattern else {
            return Ok(messages.len());
        };
        let compiled = pattern::compile(pattern)
            .map_err(|error| AssertionError::Pattern(reason(pattern, &error)))?;
        Ok(messages
            .iter()
            .filter(|message| compiled.is_match(message))
            .count())
    }
}

fn at_least_one(found: usize) -> Option<String> {
    (found == 0).then(|| "at least 1".to_owned())
}

impl Violations {
    fn read(at: &At) -> Result<Option<Self>, WrongType> {
        match at.value {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(Self::Word(word.clone()))),
            Some(_) => {
                let number = at.integer().map_err(|_| at.wrong(WANTED))?;
                let count = number.map(i32::try_from).transpose();
                Ok(count.map_err(|_| at.wrong(WANTED))?.map(Self::Count))
            }
        }
    }
}

const WANTED: &str = "a 32-bit integer, \"yes\" or \"no\"";

/// Which tests and cases are run.
#[derive(Debug)]
pub enum Filter {
    /// All of them.
    All,
    /// Those that it finds in their own name, in that of their test, or in that of one of their cases.
    Either(Regex),
    /// The tests that the first one finds and, of these, the cases that the second one finds.
    Both(Regex, Regex),
}

/// Why a filter is none. The texts are gator's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// More than one separator.
    #[error("invalid test filter: a filter may include at most one \"//\"")]
    Separators,
    /// It is no regular expression. With what is wrong.
    #[error("invalid test filter: error parsing regexp: {0}")]
    Pattern(String),
}

impl Filter {
    /// Reads what `--run` says: nothing, a regular expression, or two with `//` between them.
    ///
    /// # Errors
    ///
    /// What is none.
    pub fn read(filter: &str) -> Result<Self, FilterError> {
        let compile = |pattern: &str| {
            pattern::compile(pattern).map_err(|error| FilterError::Pattern(reason(pattern, &error)))
        };
        let parts: Vec<&str> = filter.split("//").collect();
        match parts.as_slice() {
            [""] => Ok(Self::All),
            [either] => Ok(Self::Either(compile(either)?)),
            [test, case] => Ok(Self::Both(compile(test)?, compile(case)?)),
            _ => Err(FilterError::Separators),
        }
    }

    /// Whether a test is run.
    #[must_use]
    pub fn takes_test(&self, test: &Test) -> bool {
        match self {
            Self::All => true,
            Self::Either(pattern) => {
                let mut names = test.cases.iter().map(|case| &case.name);
                pattern.is_match(&test.name) || names.any(|name| pattern.is_match(name))
            }
            Self::Both(pattern, _) => pattern.is_match(&test.name),
        }
    }

    /// Whether a case of a test is run.
    #[must_use]
    pub fn takes_case(&self, test: &str, case: &str) -> bool {
        match self {
            Self::All => true,
            Self::Either(pattern) => pattern.is_match(case) || pattern.is_match(test),
            Self::Both(tests, cases) => cases.is_match(case) && tests.is_match(test),
        }
    }
}

/// What is wrong with a pattern: in Go's words for what is most often wrong, and otherwise in ours.
fn reason(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    match last.trim_start_matches("error: ") {
        "unclosed group" => format!("missing closing ): `{pattern}`"),
        "unopened group" => format!("unexpected ): `{pattern}`"),
        other => other.to_owned(),
    }
}

fn each<T>(at: &At, read: fn(&At) -> Result<T, WrongType>) -> Result<Vec<T>, WrongType> {
    at.items()?.iter().map(read).collect()
}

fn text(at: &At, name: &str) -> Result<String, WrongType> {
    Ok(at.any_case(name)?.text_or_empty()?.to_owned())
}

fn flag(at: &At, name: &str) -> Result<bool, WrongType> {
    Ok(at.any_case(name)?.boolean()?.unwrap_or_default())
}
