//! Small modules made by chance: negation, what is undefined, comprehensions, partial rules, formats.

mod terms;

use basphere_rego::template::Version;
use serde_json::{Value, json};

use self::terms::{COLLECTIONS, PLACES};
use crate::oracle::{Answer, Question, ours, theirs};

/// So many are tried where nothing else is said.
const MODULES: u64 = 400;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

struct Writer {
    chance: Chance,
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
        let mut chance = Chance(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let version = match chance.below(3) {
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

    /// The head of a rule as its version has it.
    fn head(&self, name: &str, rest: &str) -> String {
        match (self.version, rest) {
            (Version::V0, _) => format!("{name}{rest} {{"),
            (Version::V1, "[v]") => format!("{name} contains v if {{"),
            (Version::V1, "") => format!("{name} if {{"),
            (Version::V1, _) => format!("{name}{} if {{", rest.replace(" = ", " := ")),
        }
    }

    fn lib(&mut self) -> String {
        self.bound.clear();
        let helper = self.head("helper", "(a) = v");
        let value = self.plain_of(&["a"]);
        let known = self.rule("known", "[v]", "v");
        let alone = self.rule("alone", " = v", "v");
        let deep = self.deep("deep.er");
        let future = match self.version {
            Version::V0 => "import future.keywords\n",
            Version::V1 => "",
        };
        format!("package lib.helpers\n{future}{helper} v := {value} }}\n{known}{alone}{deep}")
    }

    /// Rules whose names are references, also such as contradict each other.
    fn deep(&mut self, name: &str) -> String {
        let mut text = String::new();
        let is_set = self.chance.below(4) == 0;
        for _ in 0..=self.chance.below(2) {
            self.bound.clear();
            let collection = self.chance.one(COLLECTIONS);
            let head = match self.chance.below(5) {
                0 if is_set => format!("{name}.one contains v"),
                _ if is_set => format!("{name}[k] contains v"),
                0 => format!("{name}.one := v"),
                1 => format!("{name}.a := v"),
                2 | 3 => format!("{name}[k] := v"),
                _ => format!("{name}[k].two := v"),
            };
            self.bound.extend(["k".to_owned(), "v".to_owned()]);
            let statement = self.flat();
            let is_other = text.starts_with(&format!("{name}["));
            self.has_mixed |= !text.is_empty() && is_other != head.starts_with(&format!("{name}["));
            text.push_str(&format!(
                "{head} if {{ some k, v in input.review.{collection}; {statement} }}\n"
            ));
        }
        text
    }

    /// A term of these variables.
    fn plain_of(&mut self, names: &[&str]) -> String {
        self.bound = names.iter().map(|name| (*name).to_owned()).collect();
        self.plain(1)
    }

    fn module(&mut self) -> String {
        let mut text = String::from("package foo\n");
        if self.version == Version::V0 {
            text.push_str("import future.keywords\n");
        }
        self.has_not_bodies = self.chance.below(4) == 0;
        if self.has_not_bodies {
            text.push_str("import future.keywords.not\n");
        }
        text.push_str(match self.chance.below(2) {
            0 => "import data.lib.helpers\n",
            _ => "import data.lib.helpers as helpers\n",
        });
        if self.chance.below(3) == 0 {
            text.push_str("default p = \"none\"\n");
        }
        text.push_str(&self.rule("p", " = v", "v"));
        text.push_str(&self.rule("q", "[v]", "v"));
        text.push_str(&self.rule("r", "[k] = v", "v"));
        text.push_str(&self.deep("d"));
        if self.chance.below(2) == 0 {
            text.push_str(&self.rule("f", "(a) = v", "v"));
        } else {
            text.push_str(&format!("{} v := a }}\n", self.head("f", "(a) = v")));
        }
        text.push_str(&format!("{} v := [a] }}\n", self.head("mock", "(a) = v")));
        for _ in 0..=self.chance.below(2) {
            self.bound.clear();
            let body = self.body(3);
            let format = self
                .chance
                .one(&["%v", "%v %v", "%s: %v", "%d", "<%v>", "%v, %v and %v"]);
            let (one, two) = (self.term(1), self.term(1));
            let key = "{\"msg\": msg, \"details\": {\"x\": x}}";
            let head = match self.version {
                Version::V0 => format!("violation[{key}] {{"),
                Version::V1 => format!("violation contains {key} if {{"),
            };
            text.push_str(&format!(
                "{head}\n{body}\nx := {}\nmsg := sprintf(\"{format}\", [{one}, {two}])\n}}\n",
                self.term(1)
            ));
        }
        text
    }

    fn rule(&mut self, name: &str, rest: &str, value: &str) -> String {
        self.bound.clear();
        if name == "f" {
            self.bound.push("a".to_owned());
        }
        // Rules before it are known to it, and itself is not.
        let body = self.flat_body(2);
        let key = match name == "r" {
            true => format!("k := {}\n", self.plain(1)),
            false => String::new(),
        };
        let head = self.head(name, rest);
        format!("{head}\n{body}\n{key}{value} := {}\n}}\n", self.plain(1))
    }

    fn flat_body(&mut self, most: usize) -> String {
        let count = 1 + self.chance.below(most);
        (0..count)
            .map(|_| self.flat())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A statement that refers to no rule.
    fn flat(&mut self) -> String {
        match self.chance.below(5) {
            0 => format!("input.review.{}", self.chance.one(PLACES)),
            1 => format!("not input.review.{}", self.chance.one(PLACES)),
            2 => {
                let collection = self.chance.one(COLLECTIONS);
                let name = self.fresh();
                format!("{name} := input.review.{collection}[_]")
            }
            3 => format!("{} != {}", self.plain(1), self.plain(0)),
            _ => format!("not {} == {}", self.compared(1), self.plain(0)),
        }
    }

    fn fresh(&mut self) -> String {
        self.count += 1;
        let name = format!("v{}", self.count);
        self.bound.push(name.clone());
        name
    }

    fn body(&mut self, most: usize) -> String {
        let count = 1 + self.chance.below(most);
        (0..count)
            .map(|_| self.statement())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn statement(&mut self) -> String {
        match self.chance.below(23) {
            0 | 1 => {
                let term = self.term(2);
                let name = self.fresh();
                format!("{name} := {term}")
            }
            2 => format!("not {}", self.condition()),
            3 => format!("not {}", self.term(2)),
            4 => {
                let collection = self.chance.one(COLLECTIONS);
                let name = self.fresh();
                format!("{name} := input.review.{collection}[_]")
            }
            5 => {
                let collection = self.chance.one(COLLECTIONS);
                let (key, value) = (self.fresh(), self.fresh());
                format!("{value} := input.review.{collection}[{key}]")
            }
            6 => {
                let name = self.fresh();
                format!("q[{name}]")
            }
            7 => {
                let (key, value) = (self.fresh(), self.fresh());
                format!("{value} := r[{key}]")
            }
            8 => {
                let term = self.term(1);
                format!("q[{term}]")
            }
            9 => {
                let term = self.term(2);
                let name = self.fresh();
                format!("{name} = {term}")
            }
            10 => self.term(2),
            11 => {
                let (left, right) = (self.plain(1), self.plain(1));
                let (one, other) = (self.fresh(), self.fresh());
                format!("[{one}, {other}] := [{left}, {right}]")
            }
            12 => {
                let collection = self.chance.one(COLLECTIONS);
                let name = self.fresh();
                format!("some {name} in input.review.{collection}")
            }
            13 => {
                let (collection, term) = (self.chance.one(COLLECTIONS), self.term(1));
                format!("every e in input.review.{collection} {{ e != {term} }}")
            }
            14 => {
                let (term, other) = (self.plain(1), self.chance.one(PLACES));
                format!(
                    "{} == {term} with input.review.one as input.review.{other}",
                    self.chance.one(&["p", "q", "f(2)"])
                )
            }
            18 if self.has_not_bodies => {
                format!("not {{ {}; {} }}", self.flat(), self.condition())
            }
            19 => {
                let (term, other) = (self.plain(1), self.term(1));
                let target = self.chance.one(&["f", "count", "helpers.helper"]);
                let by = self.chance.one(&["mock", "7", "input.review.two"]);
                format!("{term} == {other} with {target} as {by}")
            }
            20 => {
                let target = self.chance.one(&[
                    "p",
                    "data.lib.helpers.alone",
                    "data.lib.helpers",
                    "data.lib.other",
                    "data.inventory.a",
                ]);
                let (term, value) = (self.term(1), self.plain(0));
                let name = self.fresh();
                format!("{name} := {term} with {target} as {value}")
            }
            21 => {
                let name = self.fresh();
                let of =
                    self.chance
                        .one(&["d", "helpers", "d.one", "helpers.deep.er", "helpers.deep"]);
                format!("{of}[{name}]")
            }
            22 if self.version == Version::V1 => {
                let (one, two) = (self.term(1), self.plain(0));
                let name = self.fresh();
                format!("{name} := $\"{{{one}}}/{{{two}}}\"")
            }
            15 => format!(
                "{} in input.review.{}",
                self.term(1),
                self.chance.one(COLLECTIONS)
            ),
            _ => self.condition(),
        }
    }
}

fn review() -> Value {
    json!({
        "one": 1, "two": 2, "no": false, "text": "abc", "list": [1, 2, 3], "object": {"a": 1, "b": "x"}, "empty": [],
        "nested": {"list": ["a", "b"], "object": {"a": {"b": null}}}, "nothing": null, "float": 2.5,
        "things": [{"name": "a", "size": 1}, {"name": "b"}], "labels": {"app": "web", "a": "1"},
        "words": ["abc", "b", "a"],
    })
}

#[test]
fn modules_made_by_chance_say_the_same() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let first = number("BASPHERE_REGO_SEED");
    let seeds = match first {
        Some(seed) => seed..seed + 1,
        None => 0..number("BASPHERE_REGO_MODULES").unwrap_or(MODULES),
    };
    let (mut differences, mut said, mut refused, mut failed) = (Vec::new(), 0, 0, 0);
    let count = seeds.end - seeds.start;
    for seed in seeds {
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
    differences.truncate(5);
    assert!(
        several == 0,
        "{several} differ:\n{}",
        differences.join("\n")
    );
    assert!(
        first.is_some() || said * 50 > usize::try_from(count).unwrap(),
        "few say anything"
    );
}
