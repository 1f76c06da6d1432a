//! The order of statements. A variable is bound by the first statement that can: a reference binds what stands in its
//! brackets, a unification what stands on its other side. What no order can bind is unsafe, and refused.

use super::{Collected, Comprehension, Root, Slots, Statement, Term, What};
use crate::syntax::{Place, SourceError};

/// Brings a body into order, and all bodies in it.
pub(super) fn order(
    body: Vec<Statement>,
    safe: &mut Slots,
    outer: &Slots,
    names: &dyn Fn(usize) -> String,
) -> Result<Vec<Statement>, SourceError> {
    let mut visible = outer.clone();
    body.iter()
        .for_each(|statement| direct(statement, &mut visible));
    let mut waiting = body;
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let mut left = Vec::new();
        let before = ordered.len();
        for mut statement in waiting {
            let outputs = outputs(&statement, safe);
            let mut needed = Slots::new();
            all(&statement, &visible, &mut needed);
            let is_ready = needed
                .iter()
                .all(|slot| safe.contains(slot) || outputs.contains(slot));
            if !is_ready {
                left.push(statement);
                continue;
            }
            let mut inside = safe.clone();
            inside.extend(&outputs);
            closures(&mut statement, &inside, &visible, names)?;
            safe.extend(outputs);
            ordered.push(statement);
        }
        if ordered.len() == before
            && let Some(statement) = left.first()
        {
            let outputs = outputs(statement, safe);
            let mut needed = Slots::new();
            all(statement, &visible, &mut needed);
            needed.retain(|slot| !safe.contains(slot) && !outputs.contains(slot));
            return Err(unsafe_variables(statement.at, &needed, names));
        }
        waiting = left;
    }
    Ok(ordered)
}

/// Says which variables nothing binds.
pub(super) fn unsafe_variables(
    at: Place,
    slots: &Slots,
    names: &dyn Fn(usize) -> String,
) -> SourceError {
    let all: Vec<String> = slots.iter().map(|slot| names(*slot)).collect();
    let message = match all.as_slice() {
        [name] => format!("var {name} is unsafe"),
        all => format!("vars {} are unsafe", all.join(", ")),
    };
    SourceError::new(at, message)
}

/// Orders what stands in a term's comprehensions.
pub(super) fn within(
    term: &mut Term,
    safe: &Slots,
    visible: &Slots,
    names: &dyn Fn(usize) -> String,
) -> Result<(), SourceError> {
    match term {
        Term::Constant(_) | Term::Variable(_) => Ok(()),
        Term::Ref(_, terms) | Term::Call(_, terms) | Term::Array(terms) | Term::Set(terms) => terms
            .iter_mut()
            .try_for_each(|term| within(term, safe, visible, names)),
        Term::Object(fields) => fields.iter_mut().try_for_each(|(key, value)| {
            within(key, safe, visible, names)?;
            within(value, safe, visible, names)
        }),
        Term::Comprehension(comprehension) => {
            let Comprehension { of, body, .. } = &mut **comprehension;
            let mut safe = safe.clone();
            let at = body
                .first()
                .map(|statement| statement.at)
                .unwrap_or_default();
            let taken = std::mem::take(body);
            *body = order(taken, &mut safe, visible, names)?;
            let mut yielded = Slots::new();
            match of {
                Collected::Array(term) | Collected::Set(term) => variables(term, &mut yielded),
                Collected::Object(key, value) => {
                    variables(key, &mut yielded);
                    variables(value, &mut yielded);
                }
            }
            yielded.retain(|slot| !safe.contains(slot));
            match yielded.is_empty() {
                true => Ok(()),
                false => Err(unsafe_variables(at, &yielded, names)),
            }
        }
    }
}

fn closures(
    statement: &mut Statement,
    safe: &Slots,
    visible: &Slots,
    names: &dyn Fn(usize) -> String,
) -> Result<(), SourceError> {
    for (_, value) in &mut statement.with {
        within(value, safe, visible, names)?;
    }
    match &mut statement.what {
        What::Term(term) => within(term, safe, visible, names),
        What::Unify(left, right) | What::Equal(left, right) => {
            within(left, safe, visible, names)?;
            within(right, safe, visible, names)
        }
        What::SomeIn { domain, .. } => within(domain, safe, visible, names),
        What::Every {
            key,
            value,
            domain,
            body,
        } => {
            within(domain, safe, visible, names)?;
            let mut inside = safe.clone();
            inside.extend(key.iter().chain([&*value]));
            let taken = std::mem::take(body);
            *body = order(taken, &mut inside, visible, names)?;
            Ok(())
        }
        What::Not(body) => {
            let taken = std::mem::take(body);
            *body = order(taken, &mut safe.clone(), visible, names)?;
            Ok(())
        }
    }
}

/// The variables of a statement that are not only in its comprehensions.
pub(super) fn direct(statement: &Statement, slots: &mut Slots) {
    for (_, value) in &statement.with {
        variables(value, slots);
    }
    match &statement.what {
        What::Term(term) => variables(term, slots),
        What::Unify(left, right) | What::Equal(left, right) => {
            variables(left, slots);
            variables(right, slots);
        }
        What::SomeIn { key, value, domain } => {
            key.iter()
                .chain([value, domain])
                .for_each(|term| variables(term, slots));
        }
        What::Every { domain, .. } => variables(domain, slots),
        What::Not(_) => {}
    }
}

/// All variables that have to be bound, or that the statement binds: of its comprehensions those that are seen outside.
fn all(statement: &Statement, visible: &Slots, slots: &mut Slots) {
    direct(statement, slots);
    let mut inner = Slots::new();
    inner_of_statement(statement, &mut inner);
    slots.extend(inner.intersection(visible));
}

fn inner_of_statement(statement: &Statement, slots: &mut Slots) {
    for (_, value) in &statement.with {
        inner_of_term(value, slots);
    }
    match &statement.what {
        What::Term(term) => inner_of_term(term, slots),
        What::Unify(left, right) | What::Equal(left, right) => {
            inner_of_term(left, slots);
            inner_of_term(right, slots);
        }
        What::SomeIn { domain, .. } => inner_of_term(domain, slots),
        What::Every { domain, body, .. } => {
            inner_of_term(domain, slots);
            inner_of_body(body, slots);
        }
        What::Not(body) => inner_of_body(body, slots),
    }
}

fn inner_of_body(body: &[Statement], slots: &mut Slots) {
    for statement in body {
        direct(statement, slots);
        inner_of_statement(statement, slots);
    }
}

fn inner_of_term(term: &Term, slots: &mut Slots) {
    match term {
        Term::Constant(_) | Term::Variable(_) => {}
        Term::Ref(_, terms) | Term::Call(_, terms) | Term::Array(terms) | Term::Set(terms) => {
            terms.iter().for_each(|term| inner_of_term(term, slots));
        }
        Term::Object(fields) => fields.iter().for_each(|(key, value)| {
            inner_of_term(key, slots);
            inner_of_term(value, slots);
        }),
        Term::Comprehension(comprehension) => {
            inner_of_body(&comprehension.body, slots);
            match &comprehension.of {
                Collected::Array(term) | Collected::Set(term) => variables(term, slots),
                Collected::Object(key, value) => {
                    variables(key, slots);
                    variables(value, slots);
                }
            }
        }
    }
}

/// The variables of a term, without those in its comprehensions.
pub(super) fn variables(term: &Term, slots: &mut Slots) {
    match term {
        Term::Constant(_) => {}
        Term::Comprehension(comprehension) => slots.extend(&comprehension.free),
        Term::Variable(slot) => {
            slots.insert(*slot);
        }
        Term::Ref(root, path) => {
            if let Root::Variable(slot) = root {
                slots.insert(*slot);
            }
            path.iter().for_each(|term| variables(term, slots));
        }
        Term::Call(_, terms) | Term::Array(terms) | Term::Set(terms) => {
            terms.iter().for_each(|term| variables(term, slots));
        }
        Term::Object(fields) => fields.iter().for_each(|(key, value)| {
            variables(key, slots);
            variables(value, slots);
        }),
    }
}

/// What a statement binds once what is safe is bound.
fn outputs(statement: &Statement, safe: &Slots) -> Slots {
    let mut bound = Slots::new();
    if statement.is_negated {
        return bound;
    }
    match &statement.what {
        What::Term(term) => of_term(term, [safe, &Slots::new()], &mut bound),
        What::Equal(left, right) => {
            of_term(left, [safe, &Slots::new()], &mut bound);
            of_term(right, [safe, &Slots::new()], &mut bound);
        }
        What::Unify(left, right) => loop {
            let before = bound.len();
            let mut more = Slots::new();
            of_term(left, [safe, &bound], &mut more);
            of_term(right, [safe, &bound], &mut more);
            bound.append(&mut more);
            of_pair(left, right, [safe, &bound], &mut more);
            bound.append(&mut more);
            if bound.len() == before {
                break;
            }
        },
        What::SomeIn { key, value, domain } => {
            of_term(domain, [safe, &Slots::new()], &mut bound);
            if is_bound(domain, [safe, &bound]) {
                key.iter()
                    .chain([value])
                    .for_each(|term| variables(term, &mut bound));
            }
        }
        What::Every { .. } | What::Not(_) => {}
    }
    bound.retain(|slot| !safe.contains(slot));
    bound
}

/// What is bound, in two parts, since to put them together would cost more than all else.
type Known<'s> = [&'s Slots; 2];

fn is_known(slot: usize, known: Known<'_>) -> bool {
    known.iter().any(|slots| slots.contains(&slot))
}

fn is_bound(term: &Term, known: Known<'_>) -> bool {
    let mut slots = Slots::new();
    variables(term, &mut slots);
    slots.into_iter().all(|slot| is_known(slot, known))
}

/// What evaluating a term binds: the brackets of references, and the last argument where a call has one more than the
/// function.
fn of_term(term: &Term, safe: Known<'_>, bound: &mut Slots) {
    match term {
        Term::Ref(root, path) => {
            let is_known = match root {
                Root::Variable(slot) => is_known(*slot, safe),
                _ => true,
            };
            if is_known {
                path.iter().for_each(|term| variables(term, bound));
            }
        }
        Term::Call(function, arguments) => {
            if let Some((output, inputs)) = arguments.split_last()
                && inputs.len() == function.arity()
                && inputs.iter().all(|input| is_bound(input, safe))
            {
                variables(output, bound);
            }
        }
        _ => {}
    }
}

fn of_pair(left: &Term, right: &Term, safe: Known<'_>, bound: &mut Slots) {
    match (left, right) {
        (Term::Array(left), Term::Array(right)) if left.len() == right.len() => {
            left.iter()
                .zip(right)
                .for_each(|(left, right)| of_pair(left, right, safe, bound));
        }
        (Term::Object(left), Term::Object(right)) => {
            for (key, value) in left {
                let other = right.iter().find(|(other, _)| is_same(key, other));
                if let Some((_, other)) = other {
                    of_pair(value, other, safe, bound);
                }
            }
        }
        _ => {
            if is_bound(right, safe) {
                of_pattern(left, bound);
            }
            if is_bound(left, safe) {
                of_pattern(right, bound);
            }
        }
    }
}

fn is_same(key: &Term, other: &Term) -> bool {
    match (key, other) {
        (Term::Constant(key), Term::Constant(other)) => key == other,
        (Term::Variable(key), Term::Variable(other)) => key == other,
        _ => false,
    }
}

fn of_pattern(pattern: &Term, bound: &mut Slots) {
    match pattern {
        Term::Variable(slot) => {
            bound.insert(*slot);
        }
        Term::Array(items) => items.iter().for_each(|item| of_pattern(item, bound)),
        Term::Object(fields) => fields
            .iter()
            .for_each(|(_, value)| of_pattern(value, bound)),
        _ => {}
    }
}
