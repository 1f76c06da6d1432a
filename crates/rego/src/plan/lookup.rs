//! What OPA's index of rules looks up before it evaluates a rule's body.

use super::order::direct;
use super::{Root, Slots, Statement, Term, What};

/// Puts first what OPA's index of rules looks at before it evaluates a rule's body, whose errors are then not found out.
/// What is compared to a variable that is known by then stays where it is; only whether it is there is asked before.
pub(super) fn looked_up_first(body: Vec<Statement>, fresh: &mut usize) -> Vec<Statement> {
    let (mut first, mut others) = (Vec::new(), Vec::new());
    let mut seen = Slots::new();
    for statement in body {
        let mut slots = Slots::new();
        direct(&statement, &mut slots);
        match place_looked_up(&statement) {
            Some(_) if slots.is_disjoint(&seen) => first.push(statement),
            Some(place) => {
                *fresh += 1;
                first.push(Statement {
                    at: statement.at,
                    is_negated: false,
                    what: What::Unify(Term::Variable(*fresh - 1), place),
                    with: Vec::new(),
                    calls: Vec::new(),
                });
                others.push(statement);
            }
            None => others.push(statement),
        }
        seen.extend(slots);
    }
    first.extend(others);
    first
}

/// The place that a statement asks for, if that is all that it does, or compares to a constant or a variable: in the
/// input, or in data that no rule defines.
fn place_looked_up(statement: &Statement) -> Option<Term> {
    if statement.is_negated || !statement.with.is_empty() || !statement.calls.is_empty() {
        return None;
    }
    let place = |term: &Term| match term {
        Term::Ref(root @ (Root::Input | Root::Inventory | Root::Node(_)), path) => {
            let path = path.iter().map(|part| match part {
                Term::Constant(key) => Some(Term::Constant(key.clone())),
                _ => None,
            });
            let path = path.collect::<Option<Vec<Term>>>()?;
            let is_rule = matches!(root, Root::Node(_)) && path.is_empty();
            (!is_rule).then_some(Term::Ref(*root, path))
        }
        _ => None,
    };
    let is_simple = |term: &Term| matches!(term, Term::Constant(_) | Term::Variable(_));
    match &statement.what {
        What::Term(term) => place(term),
        What::Unify(left, right) | What::Equal(left, right) => match (place(left), place(right)) {
            (Some(found), None) if is_simple(right) => Some(found),
            (None, Some(found)) if is_simple(left) => Some(found),
            _ => None,
        },
        What::SomeIn { .. } | What::Every { .. } | What::Not(_) => None,
    }
}
