//! `policy test`: judges objects by the policies among them.

use std::collections::HashMap;
use std::io::Write;

use anyhow::{Result, ensure};
use basphere_rego::constraint::Constraint;
use basphere_rego::expansion::Expander;
use basphere_rego::session::by_action_and_message;
use basphere_rego::template::Template;
use basphere_rego::{Policies, Review, Session, Source, Waiver};
use serde_json::{Value, json};

use crate::cli::Test;
use crate::exit::{Exit, unless_closed};
use crate::run::print_warning;

use super::results::{self, Violation};
use super::{failed, go_sort, loading, sources, warn_of_unsupported};

/// Prints what is violated, and fails if any of it denies.
pub(super) fn run(options: &Test, out: &mut dyn Write, talk: &mut dyn Write) -> Result<Exit> {
    if !options.image.is_empty() {
        return Ok(failed("pulling image: images are not supported", talk));
    }
    warn_of_unsupported(&options.compatible, talk);
    if options.stats {
        print_warning("--stats does nothing: there are no statistics", talk);
    }
    let objects = match sources::read(&options.files, talk) {
        Ok(objects) if objects.is_empty() => return Ok(failed("no input data identified", talk)),
        Ok(objects) => objects,
        Err(error) => return Ok(failed(&format!("reading: {error}"), talk)),
    };
    if objects.iter().any(is_mutator) {
        print_warning(
            "mutators (Assign, AssignMetadata, ModifySet, AssignImage) are not applied",
            talk,
        );
    }
    let judged = prepare(objects).and_then(|prepared| {
        let violations = judge(&prepared)?;
        let is_shown = |it: &&Violation| !options.deny_only || it.outcome.is_enforced();
        let shown: Vec<_> = violations.iter().filter(is_shown).collect();
        let is_denied = violations.iter().any(|it| it.outcome.is_enforced());
        Ok((results::text(&shown, &options.output), is_denied))
    });
    let (text, is_denied) = match judged {
        Ok(judged) => judged,
        Err(error) => return Ok(failed(&format!("auditing objects: {error}"), talk)),
    };
    unless_closed(write!(out, "{text}").and_then(|()| out.flush()))?;
    Ok(if is_denied { Exit::Error } else { Exit::Ok })
}

fn is_mutator(object: &Value) -> bool {
    let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let kinds = ["Assign", "AssignMetadata", "ModifySet", "AssignImage"];
    text("apiVersion").starts_with("mutations.gatekeeper.sh/") && kinds.contains(&text("kind"))
}

/// What is judged, and what judges it.
pub(super) struct Prepared {
    objects: Vec<Value>,
    pub(super) session: Session,
    expander: Expander,
}

/// The objects that are no policies.
///
/// # Errors
/// There is none.
pub(super) fn judged(objects: &[Value]) -> Result<Vec<Value>> {
    let is_policy = |object: &&Value| {
        Template::is_template(object)
            || Constraint::is_constraint(object)
            || Waiver::is_waiver(object)
    };
    let judged = objects.iter().filter(|object| !is_policy(object));
    let judged: Vec<Value> = judged.cloned().collect();
    ensure!(!judged.is_empty(), "there is no object to be judged");
    Ok(judged)
}

/// All templates, then all constraints, then everything as data. A constraint has its defaults from then on.
pub(super) fn prepare(mut objects: Vec<Value>) -> Result<Prepared, String> {
    let mut session = Session::new(Policies::with_untyped_parameters());
    for object in objects
        .iter()
        .filter(|object| Template::is_template(object))
    {
        let name = loading::metadata(object, "name");
        session
            .add_template(object)
            .map_err(|error| format!("adding template {name:?}: {}", loading::refusal(&error)))?;
    }
    for object in objects
        .iter_mut()
        .filter(|object| Constraint::is_constraint(object))
    {
        *object = session.add_constraint(object).map_err(|error| {
            let name = loading::metadata(object, "name");
            format!("adding constraint {name:?}: {}", loading::refusal(&error))
        })?;
    }
    for object in &objects {
        let kind = loading::kind(object);
        session
            .add_data(object)
            .map_err(|error| format!("adding data of GVK {kind:?}: {error}"))?;
    }
    let mut expander = Expander::default();
    for object in objects
        .iter()
        .filter(|object| Expander::is_expansion(object))
    {
        expander
            .add(object)
            .map_err(|error| format!("error creating expander: {error}"))?;
    }
    Ok(Prepared {
        objects,
        session,
        expander,
    })
}

/// All violations, in the order in which they are shown.
fn judge(prepared: &Prepared) -> Result<Vec<Violation<'_>>, String> {
    let Prepared {
        objects,
        session,
        expander,
    } = prepared;
    let is_namespace = |object: &&Value| {
        let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
        text("kind") == "Namespace" && !text("apiVersion").contains('/')
    };
    let namespaces = objects.iter().filter(is_namespace);
    let namespaces: HashMap<&str, &Value> = namespaces
        .map(|it| (loading::metadata(it, "name"), it))
        .collect();
    let mut violations = Vec::new();
    for object in objects {
        let namespace = match loading::metadata(object, "namespace") {
            // What is in no namespace is in an empty one to gator, and matched as such.
            "" => Some(json!({})),
            name => match namespaces.get(name) {
                Some(namespace) => Some((*namespace).clone()),
                None if name == "default" => Some(json!({"metadata": {"name": "default"}})),
                None => None,
            },
        };
        let mut found = review(object, namespace.clone(), Source::Original, session, "")?;
        let expanding = |error| {
            format!(
                "expanding resource {}: {error}",
                loading::metadata(object, "name")
            )
        };
        for generated in expander.expand(object).map_err(expanding)? {
            let outcomes = review(
                &generated.object,
                namespace.clone(),
                Source::Generated,
                session,
                "expanded resource ",
            )?;
            found.extend(
                outcomes
                    .into_iter()
                    .map(|outcome| outcome.implied_by(&generated)),
            );
        }
        violations.extend(
            found
                .into_iter()
                .map(|outcome| Violation { outcome, object }),
        );
    }
    go_sort::sort(&mut violations, |one: &Violation, other: &Violation| {
        by_action_and_message(&one.outcome, &other.outcome).is_lt()
    });
    Ok(violations)
}

fn review<'a>(
    object: &Value,
    namespace: Option<Value>,
    source: Source,
    session: &'a Session,
    what: &str,
) -> Result<Vec<basphere_rego::Outcome<'a>>, String> {
    let reviewing = |error: String| {
        let (namespace, name) = (
            loading::metadata(object, "namespace"),
            loading::metadata(object, "name"),
        );
        format!(
            "reviewing {what}{} {namespace}/{name}: {error}",
            loading::kind(object)
        )
    };
    let review = Review::of_object(object.clone(), None, source);
    let mut review = review.map_err(|error| reviewing(error.to_string()))?;
    review.namespace = namespace;
    session
        .review(&mut review)
        .map_err(|error| reviewing(error.to_string()))
}
