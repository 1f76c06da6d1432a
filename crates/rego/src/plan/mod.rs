//! A module in the form that it is evaluated in: variables are slots of a frame, names are rules, and the statements of
//! each body stand in an order in which each finds its variables bound, as OPA's compiler puts them.

mod asked;
mod build;
mod check;
mod fixed;
mod index;
mod infer;
mod lookup;
mod order;
mod recursion;
mod references;
mod types;

pub(crate) use asked::{Asked, asked};
pub(crate) use build::build;

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;

use crate::builtins::Builtin;
use crate::syntax::tree::Place;

/// All rules of a template's modules.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) rules: Vec<Rule>,
    /// Where they are; the first one is `data` itself.
    pub(crate) nodes: Vec<Node>,
    /// The rule that tells violations.
    pub(crate) entry: usize,
}

/// A place below `data`: of a rule, or one below which there are rules.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// From `data` to here.
    pub(crate) path: Vec<Value>,
    pub(crate) children: BTreeMap<Value, usize>,
    pub(crate) rule: Option<usize>,
}

/// All definitions of one name.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// The module that has its first definition, and where.
    pub(crate) at: (usize, Place),
    /// From `data` to it.
    pub(crate) path: Vec<Value>,
    pub(crate) kind: Kind,
    pub(crate) definitions: Vec<Definition>,
    /// What it is where no definition applies.
    pub(crate) default: Option<Definition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has one value.
    Complete,
    /// It is a set of all keys.
    Set,
    /// It is an object, of which definitions put something at a path.
    Object,
    /// It has one value for its arguments, of which there are so many.
    Function(usize),
}

#[derive(Debug)]
pub(crate) struct Definition {
    /// The number of its module.
    pub(crate) module: usize,
    /// The size of its frame.
    pub(crate) slots: usize,
    pub(crate) arguments: Vec<Term>,
    /// Where in the object that the rule is it puts something.
    pub(crate) path: Vec<Term>,
    /// What it puts into a set.
    pub(crate) key: Option<Term>,
    pub(crate) value: Term,
    pub(crate) body: Vec<Statement>,
    pub(crate) otherwise: Option<Box<Definition>>,
}

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) at: Place,
    pub(crate) is_negated: bool,
    pub(crate) what: What,
    pub(crate) with: Vec<(Target, Term)>,
    /// Functions that are called in place of others.
    pub(crate) calls: Vec<(Function, Function)>,
}

/// What `with` replaces by a value.
#[derive(Debug)]
pub(crate) enum Target {
    /// The input, or something in it.
    Input(Vec<String>),
    /// `data.inventory`, or something in it.
    Inventory(Vec<String>),
    /// Something else below `data`.
    Data(Vec<Value>),
    /// What a function returns.
    Function(Function),
}

#[derive(Debug)]
pub(crate) enum What {
    Term(Term),
    Unify(Term, Term),
    /// The same, but it binds only what stands in the brackets of references.
    Equal(Term, Term),
    SomeIn {
        key: Option<Term>,
        value: Term,
        domain: Term,
    },
    Every {
        key: Option<usize>,
        value: usize,
        domain: Term,
        body: Vec<Statement>,
    },
    /// There is no solution of these.
    Not(Vec<Statement>),
}

#[derive(Debug)]
pub(crate) enum Term {
    Constant(Value),
    Variable(usize),
    Ref(Root, Vec<Term>),
    Call(Function, Vec<Term>),
    Array(Vec<Term>),
    Set(Vec<Term>),
    Object(Vec<(Term, Term)>),
    Comprehension(Box<Comprehension>),
}

/// What a reference begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    Input,
    Inventory,
    Rule(usize),
    /// A place without a rule of its own.
    Node(usize),
    Variable(usize),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    Builtin(&'static Builtin),
    /// By the rule's number, with so many arguments.
    Rule(usize, usize),
    Walk,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Builtin(one), Self::Builtin(other)) => std::ptr::eq(*one, *other),
            (Self::Rule(one, _), Self::Rule(other, _)) => one == other,
            (Self::Walk, Self::Walk) => true,
            _ => false,
        }
    }
}

impl Function {
    /// How many arguments it takes; a call may have one more, for what it returns.
    pub(crate) const fn arity(self) -> usize {
        match self {
            Self::Builtin(builtin) => builtin.arity,
            Self::Rule(_, arity) => arity,
            Self::Walk => 1,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Comprehension {
    pub(crate) of: Collected,
    pub(crate) body: Vec<Statement>,
    /// Of an expression in a template string, its variables: they have to be bound outside, so that it has one value.
    pub(crate) free: Slots,
}

#[derive(Debug)]
pub(crate) enum Collected {
    Array(Term),
    Set(Term),
    Object(Term, Term),
}

/// Whether a value consists of others.
fn is_composite(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Set(_) | Value::Object(_))
}

pub(crate) type Slots = BTreeSet<usize>;
