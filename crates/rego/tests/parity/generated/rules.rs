//! Rules, and the modules that they stand in.

use basphere_rego::template::Version;

use super::Writer;
use super::terms::COLLECTIONS;

impl Writer {
    /// The head of a rule as its version has it.
    pub(super) fn head(&self, name: &str, rest: &str) -> String {
        match (self.version, rest) {
            (Version::V0, _) => format!("{name}{rest} {{"),
            (Version::V1, "[v]") => format!("{name} contains v if {{"),
            (Version::V1, "") => format!("{name} if {{"),
            (Version::V1, _) => format!("{name}{} if {{", rest.replace(" = ", " := ")),
        }
    }

    pub(super) fn lib(&mut self) -> String {
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
    pub(super) fn deep(&mut self, name: &str) -> String {
        let mut text = String::new();
        let is_set = self.below(4) == 0;
        for _ in 0..=self.below(2) {
            self.bound.clear();
            let collection = self.one(COLLECTIONS);
            let head = match self.below(5) {
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
    pub(super) fn plain_of(&mut self, names: &[&str]) -> String {
        self.bound = names.iter().map(|name| (*name).to_owned()).collect();
        self.plain(1)
    }

    pub(super) fn module(&mut self) -> String {
        let mut text = String::from("package foo\n");
        if self.version == Version::V0 {
            text.push_str("import future.keywords\n");
        }
        self.has_not_bodies = self.below(4) == 0;
        if self.has_not_bodies {
            text.push_str("import future.keywords.not\n");
        }
        text.push_str(match self.below(2) {
            0 => "import data.lib.helpers\n",
            _ => "import data.lib.helpers as helpers\n",
        });
        if self.below(2) == 0 {
            text.push_str(&self.calls());
            return text;
        }
        if self.below(3) == 0 {
            text.push_str("default p = \"none\"\n");
        }
        text.push_str(&self.rule("p", " = v", "v"));
        text.push_str(&self.rule("q", "[v]", "v"));
        text.push_str(&self.rule("r", "[k] = v", "v"));
        text.push_str(&self.deep("d"));
        if self.below(2) == 0 {
            text.push_str(&self.rule("f", "(a) = v", "v"));
        } else {
            text.push_str(&format!("{} v := a }}\n", self.head("f", "(a) = v")));
        }
        text.push_str(&format!("{} v := [a] }}\n", self.head("mock", "(a) = v")));
        for _ in 0..=self.below(2) {
            self.bound.clear();
            let body = self.body(3);
            let format = self.one(&["%v", "%v %v", "%s: %v", "%d", "<%v>", "%v, %v and %v"]);
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

    /// Rules that say what one call returns, each by itself: a call that is refused takes all others with it.
    fn calls(&mut self) -> String {
        let mut text = String::new();
        for index in 0..=self.below(2) {
            self.bound.clear();
            let head = match self.version {
                Version::V0 => "violation[{\"msg\": msg, \"details\": {\"x\": x}}] {",
                Version::V1 => "violation contains {\"msg\": msg, \"details\": {\"x\": x}} if {",
            };
            let call = self.builtin(1);
            let body = match self.below(6) {
                0 => format!("not {call}; x := 1"),
                1 => format!("x := [y | y := {call}]"),
                _ => format!("x := {call}"),
            };
            text.push_str(&format!(
                "{head}\n{body}\nmsg := sprintf(\"{index}: %v\", [x])\n}}\n"
            ));
        }
        text
    }

    /// What a rule is otherwise; its own variables are not bound there.
    fn otherwise(&mut self) -> String {
        self.bound.retain(|name| name == "a");
        let value = self.plain(1);
        let body = self.flat();
        match self.version {
            Version::V0 => format!(" else = {value} {{\n{body}\n}}"),
            Version::V1 => format!(" else := {value} if {{\n{body}\n}}"),
        }
    }

    pub(super) fn rule(&mut self, name: &str, rest: &str, value: &str) -> String {
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
        let mut text = format!("{head}\n{body}\n{key}{value} := {}\n}}", self.plain(1));
        if (name == "p" || name == "f") && self.below(4) == 0 {
            text.push_str(&self.otherwise());
        }
        text.push('\n');
        text
    }
}
