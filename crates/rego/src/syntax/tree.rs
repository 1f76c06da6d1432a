//! A Rego module as it was written, in the terms that OPA's compiler has for it: operators are calls, and a statement is
//! a term, a unification, an assignment or a declaration.

use crate::template::Version;

/// A place in a source; both begin at 1, columns count bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Module {
    /// The language that it is written in.
    pub(crate) version: Version,
    /// Where the package is named.
    pub(crate) at: Place,
    /// Without `data`.
    pub(crate) package: Vec<String>,
    pub(crate) imports: Vec<Import>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) at: Place,
    pub(crate) path: Vec<String>,
    pub(crate) alias: Option<String>,
}

impl Import {
    /// What it is called in the module.
    pub(crate) fn name(&self) -> Option<&str> {
        self.alias
            .as_deref()
            .or(self.path.last().map(String::as_str))
    }

    /// Whether it only says which words are keywords.
    pub(crate) fn is_of_keywords(&self) -> bool {
        self.path
            .first()
            .is_some_and(|root| root == "future" || root == "rego")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) at: Place,
    pub(crate) is_default: bool,
    pub(crate) head: Head,
    pub(crate) body: Body,
    pub(crate) otherwise: Option<Box<Rule>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The rule's name; a variable first.
    pub(crate) name: String,
    /// What follows the name: `["b", x]` of `a.b[x]`.
    pub(crate) path: Vec<Term>,
    /// Of a function.
    pub(crate) arguments: Option<Vec<Term>>,
    /// What is put into the set that the rule defines.
    pub(crate) key: Option<Term>,
    /// The value, where one is written.
    pub(crate) value: Option<Term>,
}

pub(crate) type Body = Vec<Statement>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) at: Place,
    pub(crate) is_negated: bool,
    pub(crate) what: What,
    /// What is replaced, by what.
    pub(crate) with: Vec<(Term, Term)>,
}

impl Statement {
    pub(crate) fn new(at: Place, what: What) -> Self {
        Self {
            at,
            is_negated: false,
            what,
            with: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Term(Term),
    /// `=`
    Unify(Term, Term),
    /// `==` as a statement: OPA unifies, but it binds only what stands in the brackets of references.
    Equal(Term, Term),
    /// `:=`
    Assign(Term, Term),
    /// `some x, y`
    Some(Vec<String>),
    /// `some k, v in xs`
    SomeIn {
        key: Option<Term>,
        value: Term,
        domain: Term,
    },
    Every {
        key: Option<String>,
        value: String,
        domain: Term,
        body: Body,
    },
    /// `not { … }`: what is looked up in it is looked up inside of the `not`.
    Not(Body),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    /// `_` stands for itself, and is another variable wherever it stands.
    Variable(String),
    Ref(Box<Term>, Vec<Term>),
    /// A function or a builtin, by its path, or an operator by its name.
    Call(Vec<String>, Vec<Term>),
    Array(Vec<Term>),
    Set(Vec<Term>),
    Object(Vec<(Term, Term)>),
    ArrayOf(Box<Term>, Body),
    SetOf(Box<Term>, Body),
    ObjectOf(Box<(Term, Term)>, Body),
}

impl Term {
    pub(crate) fn is_comprehension(&self) -> bool {
        matches!(
            self,
            Self::ArrayOf(..) | Self::SetOf(..) | Self::ObjectOf(..)
        )
    }

    /// Whether it is a reference that begins with this name.
    pub(crate) fn is_below(&self, name: &str) -> bool {
        matches!(self, Self::Ref(head, _) if matches!(&**head, Self::Variable(head) if head == name))
    }

    /// Whether it is a reference of which every part is written out as a text.
    pub(crate) fn is_path(&self) -> bool {
        matches!(self, Self::Ref(_, path) if path.iter().all(|part| matches!(part, Self::Text(_))))
    }

    /// Whether it is a value that is written out.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(
            self,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_)
        )
    }
}

/// The operators: how they are written, and what OPA calls them.
pub(crate) const OPERATORS: [(&str, &str); 13] = [
    ("==", "equal"),
    ("!=", "neq"),
    ("<", "lt"),
    ("<=", "lte"),
    (">", "gt"),
    (">=", "gte"),
    ("+", "plus"),
    ("-", "minus"),
    ("*", "mul"),
    ("/", "div"),
    ("%", "rem"),
    ("&", "and"),
    ("|", "or"),
];
/// `value in collection`, as OPA calls it.
pub(crate) const MEMBER: [&str; 2] = ["internal", "member_2"];
/// `key, value in collection`.
pub(crate) const MEMBER_WITH_KEY: [&str; 2] = ["internal", "member_3"];
/// How variables begin that stand for an expression in a template string.
pub(crate) const TEMPLATE_VARIABLE: &str = "__template_";
/// A template string, of its parts: an expression is the set of its values.
pub(crate) const TEMPLATE: [&str; 2] = ["internal", "template_string"];
