//! Small modules made by chance: negation, what is undefined, comprehensions, partial rules, functions, formats, and calls
//! of all builtin functions with odd arguments.

mod calls;
mod rules;
mod statements;
mod terms;

use std::time::{Duration, Instant};

use basphere_rego::template::Version;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::oracle::{Answer, Question, ours, theirs};

/// So many are tried where nothing else is said.
const MODULES: u64 = 400;

struct Writer {
    chance: Rng,
    version: Version,
    has_not_bodies: bool,
    /// Whether an object has keys that are written out, and others: its type is not inferred here.
    has_mixed: bool,
    /// Variables that are bound.
    bound: Vec<String>,
    count: usize,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let mut chance = Rng::with_seed(seed);
        let version = match chance.usize(..3) {
            0 => Version::V1,
            _ => Version::V0,
        };
        Self {
            chance,
            version,
            has_not_bodies: false,
            has_mixed: false,
            bound: Vec::new(),
            count: 0,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.chance.usize(..end.max(1))
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

fn review() -> Value {
    json!({
        "one": 1, "two": 2, "no": false, "text": "abc", "list": [1, 2, 3], "object": {"a": 1, "b": "x"}, "empty": [],
        "nested": {"list": ["a", "b"], "object": {"a": {"b": null}}}, "nothing": null, "float": 2.5,
        "things": [{"name": "a", "size": 1}, {"name": "b"}], "labels": {"app": "web", "a": "1"},
        "words": ["abc", "b", "a"], "big": 1_000_000, "huge": 12_345_678_901_u64, "negative": -7, "fraction": 1_234_567.5,
        "unicode": "aä€😀\u{301}", "odd": "a\"b\\c\n\td\u{1}", "json": "{\"a\": [1, 2.5, \"x\"]}", "quantity": "100Mi",
        "time": "2024-02-29T12:30:45.5Z", "network": "10.1.2.0/24", "version": "1.2.3-rc.1+5",
        "mixed": [1, "a", null, true, [2], {"b": 1}], "numbers": [3, -1, 2.5, 1_000_000, 0],
        "graph": {"a": ["b"], "b": ["c", "a"], "c": []},
    })
}

/// What a run of many modules is.
struct Run {
    /// The seeds are this one and those that follow it.
    first: u64,
    most: u64,
    until: Option<Instant>,
}

impl Run {
    /// As the environment says: one seed, or so many, or as many as so many seconds allow, from a fresh seed on.
    fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let seconds = number("BASPHERE_REGO_SECONDS").map(Duration::from_secs);
        let (first, most) = match (number("BASPHERE_REGO_SEED"), seconds) {
            (Some(seed), _) => (seed, 1),
            (None, Some(_)) => (fastrand::u64(..u64::MAX / 2), u64::MAX / 2),
            (None, None) => (0, number("BASPHERE_REGO_MODULES").unwrap_or(MODULES)),
        };
        println!("modules from seed {first} on; BASPHERE_REGO_SEED takes up one of them");
        Self {
            first,
            most,
            until: seconds.map(|seconds| Instant::now() + seconds),
        }
    }

    fn seeds(&self) -> impl Iterator<Item = u64> {
        let has_time = |_: &u64| self.until.is_none_or(|until| Instant::now() < until);
        (self.first..self.first + self.most).take_while(has_time)
    }
}

#[test]
fn modules_made_by_chance_say_the_same() {
    const SHOWN: usize = 5;
    let run = Run::from_environment();
    let (mut differences, mut count) = (Vec::new(), 0_usize);
    let (mut said, mut refused, mut failed) = (0, 0, 0);
    for seed in run.seeds() {
        count += 1;
        let mut writer = Writer::new(seed);
        let libs = vec![writer.lib()];
        let question = Question {
            version: writer.version,
            libs,
            ..Question::v0(&writer.module(), review())
        };
        let theirs = theirs(&question);
        match &theirs {
            Answer::Violations(violations) => said += usize::from(!violations.is_empty()),
            Answer::Refused(_) => refused += 1,
            Answer::Failed(_) => failed += 1,
        }
        // OPA's index of rules cannot hold an object, and fails as a whole where it should only find nothing.
        let is_fault = matches!(&theirs, Answer::Failed(why) if why == "illegal value");
        let is_unknown_type = writer.has_mixed
            && matches!(&theirs, Answer::Refused(why) if why.contains("rego_type_error"));
        let ours = ours(&question);
        if !is_fault && !is_unknown_type && !theirs.is(&ours) {
            differences.push(format!(
                "seed {seed}:\n{}\n{}Gatekeeper: {theirs:?}\nours: {ours:?}\n",
                question.libs[0], question.rego
            ));
        }
    }
    println!("{count} modules: {said} say something, {refused} are refused, {failed} fail");
    let several = differences.len();
    let shown: usize = std::env::var("BASPHERE_REGO_SHOWN")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(SHOWN);
    differences.truncate(shown);
    assert!(
        several == 0,
        "{several} differ:\n{}",
        differences.join("\n")
    );
    assert!(run.most == 1 || said * 50 > count, "few say anything");
}
