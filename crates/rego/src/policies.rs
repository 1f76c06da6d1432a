//! Templates and constraints together, and what they say of a review.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::compiled::Compiled;
use crate::constraint::{Action, Constraint, ConstraintError, Point};
use crate::explain::{self, Explained};
use crate::inventory::Need;
use crate::numbers;
use crate::program::{CompileError, Program, Violation};
use crate::review::Review;
use crate::template::{Template, TemplateError};

/// Why a document is not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no template that can be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Its Rego is none.
    #[error("template {template}: {error}")]
    Rego {
        /// The template's name.
        template: String,
        /// Where it is wrong.
        error: CompileError,
    },
    /// It is no constraint that can be used.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// A constraint whose template is not there.
    #[error("there is no ConstraintTemplate {0}")]
    NoTemplate(String),
}

impl LoadError {
    pub(crate) fn rego(template: &Template, error: CompileError) -> Self {
        Self::Rego {
            template: template.name.clone(),
            error,
        }
    }
}

/// Where a violation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A rule found it.
    Rule,
    /// It could not be decided whether the constraint is asked at all.
    Match,
    /// The rules contradict each other, or came to no end.
    Evaluation,
    /// What it looks for in `data.inventory` is not known yet.
    Inventory,
}

/// What one constraint says of a review.
#[derive(Debug, Clone)]
pub struct Finding<'a> {
    /// The constraint's kind.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// All of it.
    pub constraint: &'a Constraint,
    /// Where the violation comes from.
    pub cause: Cause,
    /// What follows.
    pub actions: Vec<Action>,
    /// What it says.
    pub violation: Violation,
}

/// Why a constraint says what it says of a review.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The constraint's template.
    pub template: &'a Template,
    /// The constraint.
    pub constraint: &'a Constraint,
    /// What became of it.
    pub matched: Matched,
}

/// Whether a constraint is asked about a review.
#[derive(Debug)]
pub enum Matched {
    /// It is asked: its rules, or why they cannot be evaluated.
    Asked(Result<Vec<Explained>, String>),
    /// It is not. With the criterion that is not met, where there is a single one to be named.
    NotAsked(Option<&'static str>),
    /// It cannot be said, which counts as a violation with this message.
    Undecided(String),
}

#[derive(Debug, Clone)]
struct Loaded {
    compiled: Compiled,
    needs: BTreeSet<Need>,
    constraints: BTreeMap<String, Constraint>,
}

/// A set of policies. What is taken is checked; what is refused leaves what was there before.
#[derive(Debug, Default, Clone)]
pub struct Policies {
    templates: BTreeMap<String, Loaded>,
    has_untyped_parameters: bool,
}

impl Policies {
    /// Policies whose parameters are numbers as reviews have them, floats from a million on: those of `gator test`,
    /// which reads constraints into plain maps.
    #[must_use]
    pub fn with_untyped_parameters() -> Self {
        Self {
            has_untyped_parameters: true,
            ..Self::default()
        }
    }

    /// Takes a ConstraintTemplate, in the place of one of its name. Constraints of the one before are kept as far as
    /// they hold by its schema, and returned otherwise.
    ///
    /// # Errors
    /// When it is none that can be used; the one before stays.
    pub fn add_template(&mut self, document: &Value) -> Result<Vec<ConstraintError>, LoadError> {
        Ok(self.put_template(&Compiled::new(document)?))
    }

    /// The same of one that was compiled before.
    pub fn put_template(&mut self, compiled: &Compiled) -> Vec<ConstraintError> {
        let name = compiled.template().name.clone();
        let before = self.templates.remove(&name);
        let mut loaded = Loaded {
            compiled: compiled.clone(),
            // Whoever has all objects at hand need not be told which.
            needs: compiled.needs().unwrap_or_default(),
            constraints: BTreeMap::new(),
        };
        let mut lost = Vec::new();
        for constraint in before
            .into_iter()
            .flat_map(|before| before.constraints.into_values())
        {
            match Constraint::read(&constraint.document, compiled.template()) {
                Ok(constraint) => drop(
                    loaded
                        .constraints
                        .insert(constraint.name.clone(), constraint),
                ),
                Err(error) => lost.push(error),
            }
        }
        self.templates.insert(name, loaded);
        lost
    }

    /// A template's name in lower case is that of its constraints' kind.
    #[must_use]
    pub fn template(&self, name: &str) -> Option<&Compiled> {
        self.templates.get(name).map(|loaded| &loaded.compiled)
    }

    /// What the templates ask `data.inventory` for of which there are constraints.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Need> {
        let used = self
            .templates
            .values()
            .filter(|it| !it.constraints.is_empty());
        used.flat_map(|loaded| &loaded.needs).cloned().collect()
    }

    /// Takes a constraint, in the place of one of its kind and name.
    ///
    /// # Errors
    /// When it is none, or its template is not there; the one before stays.
    pub fn add_constraint(&mut self, document: &Value) -> Result<(), LoadError> {
        let name = Constraint::template_name(document)?;
        let loaded = self.templates.get_mut(&name);
        let loaded = loaded.ok_or(LoadError::NoTemplate(name))?;
        let mut constraint = Constraint::read(document, loaded.compiled.template())?;
        if self.has_untyped_parameters {
            numbers::as_untyped_json(&mut constraint.parameters);
        }
        loaded
            .constraints
            .insert(constraint.name.clone(), constraint);
        Ok(())
    }

    /// The API groups and kinds that constraints ask about at a point, `*` standing for all.
    #[must_use]
    pub fn kinds(&self, point: Point) -> BTreeSet<(String, String)> {
        let constraints = self.constraints();
        let asked = constraints.filter(|constraint| !constraint.actions_for(point).is_empty());
        let kinds = asked.flat_map(|constraint| constraint.matches.kinds());
        kinds
            .map(|(group, kind)| (group.to_owned(), kind.to_owned()))
            .collect()
    }

    /// All constraints, by their kinds and names.
    pub fn constraints(&self) -> impl Iterator<Item = &Constraint> {
        let loaded = self.templates.values();
        loaded.flat_map(|loaded| loaded.constraints.values())
    }

    /// All templates, by their names.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.templates
            .values()
            .map(|loaded| loaded.compiled.template())
    }

    /// Why the constraints that are enforced at a point say what they say of a review, by template and name. It costs
    /// far more than [`Policies::review`].
    #[must_use]
    pub fn explain(
        &self,
        review: &Review,
        point: Point,
        inventory: &regorus::Value,
        limit: Duration,
    ) -> Vec<Explanation<'_>> {
        let shown = review.value();
        let mut explanations = Vec::new();
        for loaded in self.templates.values() {
            let constraints = loaded.constraints.values();
            for constraint in constraints.filter(|it| !it.actions_for(point).is_empty()) {
                let matched = match constraint.matches.matches(review) {
                    Ok(true) => Matched::Asked(loaded.explain(
                        &with_parameters(&shown, constraint),
                        inventory,
                        limit,
                    )),
                    Ok(false) => Matched::NotAsked(constraint.matches.unmet(review)),
                    Err(error) => Matched::Undecided(error.rejection()),
                };
                explanations.push(Explanation {
                    template: loaded.compiled.template(),
                    constraint,
                    matched,
                });
            }
        }
        explanations
    }

    /// What all constraints that are enforced at a point say of a review. A match or an evaluation that fails is a
    /// violation that says so. In Gatekeeper a kind's constraints are evaluated together, so that all that match fail
    /// where one does: so it is at gator's point, whose results are compared; at others each one fails for itself.
    #[must_use]
    pub fn review(
        &self,
        review: &Review,
        point: Point,
        inventory: &regorus::Value,
        limit: Duration,
    ) -> Vec<Finding<'_>> {
        self.review_with(review, point, inventory, limit, |_| None)
    }

    /// The same where not all of `data.inventory` need be known yet: what is missing of that which a template asks for
    /// is a violation of its constraints, in these words.
    #[must_use]
    pub fn review_with(
        &self,
        review: &Review,
        point: Point,
        inventory: &regorus::Value,
        limit: Duration,
        missing: impl Fn(&Need) -> Option<String>,
    ) -> Vec<Finding<'_>> {
        let mut findings = Vec::new();
        let mut input = None;
        for loaded in self.templates.values() {
            let template = loaded.compiled.template();
            if point == Point::Webhook && !template.matches_operation(review.operation()) {
                continue;
            }
            let asked = loaded.asked(review, point, &mut findings);
            if asked.is_empty() {
                continue;
            }
            if let Some(words) = loaded.needs.iter().find_map(&missing) {
                findings.extend(asked.iter().map(|(constraint, actions)| {
                    let violation = Violation::of_error(&words);
                    Finding::new(constraint, actions, Cause::Inventory, violation)
                }));
                continue;
            }
            // Made once, since it costs more than most policies.
            let review = input.get_or_insert_with(|| review.value());
            let evaluated = asked.iter().map(|(constraint, _)| {
                let input = with_parameters(review, constraint);
                let found = loaded
                    .compiled
                    .program()
                    .violations(input, inventory.clone(), limit);
                found.map_err(|error| error.to_string())
            });
            let evaluated: Vec<_> = evaluated.collect();
            let failed = evaluated.iter().find_map(|found| found.as_ref().err());
            let failed = failed.filter(|_| point == Point::Gator).cloned();
            for ((constraint, actions), found) in asked.into_iter().zip(evaluated) {
                let found = failed.clone().map_or(found, Err);
                let (cause, violations) = match found {
                    Ok(violations) => (Cause::Rule, violations),
                    Err(error) => (Cause::Evaluation, vec![Violation::of_error(&error)]),
                };
                let violations = violations.into_iter();
                findings.extend(violations.map(|it| Finding::new(constraint, &actions, cause, it)));
            }
        }
        findings
    }
}

impl Loaded {
    fn explain(
        &self,
        input: &regorus::Value,
        inventory: &regorus::Value,
        limit: Duration,
    ) -> Result<Vec<Explained>, String> {
        let program = Program::compile(&self.compiled.template().source)
            .map_err(|error| error.to_string())?;
        let explained = explain::explain(program, input, inventory, limit);
        explained.map_err(|error| error.to_string())
    }

    /// The constraints that a review is for, with what follows; those of which that cannot be said are findings.
    fn asked<'a>(
        &'a self,
        review: &Review,
        point: Point,
        findings: &mut Vec<Finding<'a>>,
    ) -> Vec<(&'a Constraint, Vec<Action>)> {
        let mut asked = Vec::new();
        for constraint in self.constraints.values() {
            let actions = constraint.actions_for(point);
            if actions.is_empty() {
                continue;
            }
            match constraint.matches.matches(review) {
                Ok(false) => {}
                Ok(true) => asked.push((constraint, actions)),
                Err(error) => {
                    let violation = Violation::of_error(&error.rejection());
                    findings.push(Finding::new(constraint, &actions, Cause::Match, violation));
                }
            }
        }
        asked
    }
}

impl<'a> Finding<'a> {
    fn new(
        constraint: &'a Constraint,
        actions: &[Action],
        cause: Cause,
        violation: Violation,
    ) -> Self {
        Self {
            kind: &constraint.kind,
            name: &constraint.name,
            constraint,
            cause,
            actions: actions.to_vec(),
            violation,
        }
    }
}

fn with_parameters(review: &regorus::Value, constraint: &Constraint) -> regorus::Value {
    let fields = [
        ("review", review.clone()),
        ("parameters", constraint.shown_parameters().clone()),
    ];
    let fields = fields.map(|(name, value)| (regorus::Value::from(name), value));
    regorus::Value::from(BTreeMap::from(fields))
}
