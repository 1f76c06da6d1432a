//! Statements.

use basphere_rego::template::Version;

use super::Writer;
use super::terms::{COLLECTIONS, PLACES};

impl Writer {
    pub(super) fn flat_body(&mut self, most: usize) -> String {
        let count = 1 + self.below(most);
        (0..count)
            .map(|_| self.flat())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A statement that refers to no rule.
    pub(super) fn flat(&mut self) -> String {
        match self.below(5) {
            0 => format!("input.review.{}", self.one(PLACES)),
            1 => format!("not input.review.{}", self.one(PLACES)),
            2 => {
                let collection = self.one(COLLECTIONS);
                let name = self.fresh();
                format!("{name} := input.review.{collection}[_]")
            }
            3 => format!("{} != {}", self.plain(1), self.plain(0)),
            _ => format!("not {} == {}", self.compared(1), self.plain(0)),
        }
    }

    pub(super) fn fresh(&mut self) -> String {
        self.count += 1;
        let name = format!("v{}", self.count);
        self.bound.push(name.clone());
        name
    }

    pub(super) fn body(&mut self, most: usize) -> String {
        let count = 1 + self.below(most);
        (0..count)
            .map(|_| self.statement())
            .collect::<Vec<_>>()
            .join("\n")
    }

    pub(super) fn statement(&mut self) -> String {
        match self.below(28) {
            0 | 1 => {
                let term = self.term(2);
                let name = self.fresh();
                format!("{name} := {term}")
            }
            2 => format!("not {}", self.condition()),
            3 => format!("not {}", self.term(2)),
            4 => {
                let collection = self.one(COLLECTIONS);
                let name = self.fresh();
                format!("{name} := input.review.{collection}[_]")
            }
            5 => {
                let collection = self.one(COLLECTIONS);
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
                let collection = self.one(COLLECTIONS);
                let name = self.fresh();
                format!("some {name} in input.review.{collection}")
            }
            13 => {
                let (collection, term) = (self.one(COLLECTIONS), self.term(1));
                format!("every e in input.review.{collection} {{ e != {term} }}")
            }
            14 => {
                let (term, other) = (self.plain(1), self.one(PLACES));
                format!(
                    "{} == {term} with input.review.one as input.review.{other}",
                    self.one(&["p", "q", "f(2)"])
                )
            }
            18 if self.has_not_bodies => {
                format!("not {{ {}; {} }}", self.flat(), self.condition())
            }
            19 => {
                let (term, other) = (self.plain(1), self.term(1));
                let target = self.one(&["f", "count", "helpers.helper"]);
                let by = self.one(&["mock", "7", "input.review.two"]);
                format!("{term} == {other} with {target} as {by}")
            }
            20 => {
                let target = self.one(&[
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
                let of = self.one(&["d", "helpers", "d.one", "helpers.deep.er", "helpers.deep"]);
                format!("{of}[{name}]")
            }
            22 if self.version == Version::V1 => {
                let (one, two) = (self.term(1), self.plain(0));
                let name = self.fresh();
                format!("{name} := $\"{{{one}}}/{{{two}}}\"")
            }
            15 => format!("{} in input.review.{}", self.term(1), self.one(COLLECTIONS)),
            23..=25 => {
                let term = self.builtin(1);
                let name = self.fresh();
                format!("{name} := {term}")
            }
            26 => format!("not {}", self.builtin(1)),
            _ => self.condition(),
        }
    }
}
