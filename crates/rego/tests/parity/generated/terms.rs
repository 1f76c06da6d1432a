//! Terms.

use super::Writer;

pub(super) const PLACES: &[&str] = &[
    "one",
    "two",
    "no",
    "text",
    "list",
    "object",
    "missing",
    "empty",
    "nested",
    "nested.list",
    "nested.object.a",
    "object.a",
    "object.missing",
    "list[0]",
    "list[7]",
    "things",
    "things[0].name",
    "nothing",
    "labels",
    "float",
    "big",
    "negative",
    "fraction",
    "unicode",
    "odd",
    "json",
    "mixed",
    "numbers",
    "graph",
];
pub(super) const COLLECTIONS: &[&str] = &[
    "list",
    "object",
    "things",
    "labels",
    "empty",
    "nested.list",
    "missing",
    "text",
    "words",
    "mixed",
    "numbers",
    "graph",
];

impl Writer {
    pub(super) fn condition(&mut self) -> String {
        let operator = self.one(&["==", "!=", "<", ">", "<=", ">=", "=="]);
        format!("{} {operator} {}", self.compared(2), self.term(1))
    }

    /// Mostly something of which no type is known: else most comparisons are refused.
    pub(super) fn compared(&mut self, depth: usize) -> String {
        match self.below(4) {
            0 => self.term(depth),
            _ => format!("input.review.{}", self.one(PLACES)),
        }
    }

    /// A term that refers to no rule.
    pub(super) fn plain(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 4 } else { 9 }) {
            0 => self.literal(),
            1 if !self.bound.is_empty() => self.variable(),
            1..=3 => format!("input.review.{}", self.one(PLACES)),
            4 => self.call(depth - 1, false),
            5 => format!("[{}, {}]", self.plain(depth - 1), self.plain(depth - 1)),
            6 => format!("{{\"a\": {}}}", self.plain(depth - 1)),
            7 => self.builtin(depth - 1),
            _ => self.comprehension(),
        }
    }

    pub(super) fn term(&mut self, depth: usize) -> String {
        match self.below(18) {
            13 => "d".to_owned(),
            14 => format!("d[{}]", self.plain(0)),
            15 => format!("d.{}", self.one(&["one", "a", "one.two", "a.two", "b"])),
            16 => "helpers.deep".to_owned(),
            17 => format!("helpers[{}]", self.plain(0)),
            10 => format!("helpers.helper({})", self.plain(depth.min(1))),
            11 => "helpers.known".to_owned(),
            12 => "helpers.alone".to_owned(),
            0 => "p".to_owned(),
            1 => "q".to_owned(),
            2 => format!("r[{}]", self.plain(0)),
            3 => format!("f({})", self.plain(depth.min(1))),
            4 if depth > 0 => self.call(depth - 1, true),
            5 if depth > 0 => format!("{{{}, {}}}", self.term(depth - 1), self.plain(0)),
            _ => self.plain(depth),
        }
    }

    pub(super) fn literal(&mut self) -> String {
        self.one(&[
            "1",
            "2",
            "0",
            "\"abc\"",
            "\"a\"",
            "true",
            "false",
            "null",
            "[]",
            "{}",
            "set()",
            "\"\"",
            "2.5",
            "-1",
            "1000000",
            "\"ä€\"",
            "9007199254740993",
        ])
        .to_owned()
    }

    pub(super) fn variable(&mut self) -> String {
        let at = self.below(self.bound.len());
        self.bound[at].clone()
    }

    pub(super) fn call(&mut self, depth: usize, has_rules: bool) -> String {
        let term = |writer: &mut Self| match has_rules {
            true => writer.term(depth),
            false => writer.plain(depth),
        };
        // Literals of a wrong type are refused by OPA before anything runs, so that operands are looked up.
        let place = |writer: &mut Self| format!("input.review.{}", writer.one(PLACES));
        match self.below(16) {
            0 => format!("count({})", place(self)),
            1 => format!("sprintf(\"%v/%v\", [{}, {}])", term(self), term(self)),
            2 => format!("startswith({}, \"a\")", place(self)),
            3 => format!("concat(\",\", {})", place(self)),
            4 => format!("object.get({}, \"a\", {})", place(self), term(self)),
            5 => format!("to_number({})", place(self)),
            6 => format!("lower({})", place(self)),
            7 => format!("split({}, \"b\")", place(self)),
            8 => format!("is_string({})", term(self)),
            9 => format!("type_name({})", term(self)),
            10 => format!("{} + {}", place(self), place(self)),
            11 => format!("{} - {}", place(self), place(self)),
            12 => format!("max({})", place(self)),
            13 => format!("{} * 2", place(self)),
            14 => format!("array.concat({}, {})", place(self), place(self)),
            _ => format!("sort({})", place(self)),
        }
    }

    pub(super) fn comprehension(&mut self) -> String {
        let collection = self.one(COLLECTIONS);
        let filter = match self.below(4) {
            0 => "; x != 2",
            1 => "; not x == 1",
            2 => "; not input.review.missing[x]",
            _ => "",
        };
        match self.below(4) {
            0 => format!("[x | x := input.review.{collection}[_]{filter}]"),
            1 => format!("{{x | x := input.review.{collection}[_]{filter}}}"),
            2 => format!("{{y: x | x := input.review.{collection}[y]{filter}}}"),
            _ => format!("count([x | x := input.review.{collection}[_]{filter}])"),
        }
    }
}
