//! What follows from a violation, and at which points.

use crate::decode::{At, WrongType};

use super::ConstraintError;

/// What follows from a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// The request is refused.
    Deny,
    /// The requester is warned.
    Warn,
    /// It is counted and reported, and the requester hears nothing.
    Dryrun,
    /// A word that is none of the others. It is reported, and nothing else follows from it.
    Unrecognized,
}

/// Where constraints are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// `validation.gatekeeper.sh`: admission.
    Webhook,
    /// `audit.gatekeeper.sh`: what is stored.
    Audit,
    /// `gator.gatekeeper.sh`: files.
    Gator,
    /// `vap.k8s.io`: the API server itself.
    ValidatingAdmissionPolicy,
}

impl Point {
    /// Its name in constraints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "validation.gatekeeper.sh",
            Self::Audit => "audit.gatekeeper.sh",
            Self::Gator => "gator.gatekeeper.sh",
            Self::ValidatingAdmissionPolicy => "vap.k8s.io",
        }
    }

    const ALL: [Self; 4] = [
        Self::Webhook,
        Self::Audit,
        Self::Gator,
        Self::ValidatingAdmissionPolicy,
    ];
}

/// Stands for every point.
const EVERYWHERE: &str = "*";
const SCOPED: &str = "scoped";

impl Action {
    /// Reads an action; every word is one.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "deny" => Self::Deny,
            "warn" => Self::Warn,
            "dryrun" => Self::Dryrun,
            _ => Self::Unrecognized,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Dryrun => "dryrun",
            Self::Unrecognized => "unrecognized",
        }
    }
}

/// The actions of a constraint.
#[derive(Debug, Clone)]
pub(super) struct Actions {
    named: String,
    scoped: Vec<Scoped>,
}

#[derive(Debug, Clone)]
struct Scoped {
    action: String,
    points: Vec<String>,
}

impl Actions {
    /// Of `spec`, after defaults.
    pub(super) fn read(spec: &At) -> Result<Self, ConstraintError> {
        let named = spec
            .field("enforcementAction")?
            .text()?
            .unwrap_or("deny")
            .to_owned();
        let scoped = spec.field("scopedEnforcementActions")?;
        if named == SCOPED && scoped.value.is_none() {
            let detail = "is required if spec.enforcementAction is scoped";
            return Err(ConstraintError::invalid(&scoped.path, detail));
        }
        let scoped = scoped
            .items()?
            .iter()
            .map(Scoped::read)
            .collect::<Result<_, _>>()?;
        Ok(Self { named, scoped })
    }

    pub(super) fn named(&self) -> &str {
        &self.named
    }

    pub(super) fn is_scoped(&self) -> bool {
        self.named == SCOPED
    }

    pub(super) fn scoped_at(&self, point: Point) -> Vec<&str> {
        let mut actions = Vec::new();
        if self.is_scoped() {
            for scoped in self.scoped.iter().filter(|scoped| scoped.is_for(point)) {
                if !actions.contains(&scoped.action.as_str()) {
                    actions.push(scoped.action.as_str());
                }
            }
        }
        actions
    }

    pub(super) fn at(&self, point: Point) -> Vec<Action> {
        if !self.is_scoped() {
            return vec![Action::read(&self.named)];
        }
        let mut actions: Vec<Action> = self
            .scoped_at(point)
            .into_iter()
            .map(Action::read)
            .collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    }

    pub(super) fn unrecognized(&self) -> Vec<String> {
        if !self.is_scoped() {
            let path = "spec.enforcementAction";
            let unknown = Action::read(&self.named) == Action::Unrecognized;
            let text = format!(
                "{path}: {:?} is none of deny, dryrun, warn and scoped",
                self.named
            );
            return unknown.then_some(text).into_iter().collect();
        }
        let scoped = self.scoped.iter().enumerate();
        scoped
            .flat_map(|(index, scoped)| scoped.unrecognized(index))
            .collect()
    }
}

impl Scoped {
    fn read(at: &At) -> Result<Self, WrongType> {
        let points = at.field("enforcementPoints")?.items()?;
        let name = |point: &At| Ok(point.field("name")?.text_or_empty()?.to_owned());
        Ok(Self {
            action: at.field("action")?.text_or_empty()?.to_owned(),
            points: points.iter().map(name).collect::<Result<_, WrongType>>()?,
        })
    }

    fn is_for(&self, point: Point) -> bool {
        let named = |name: &String| name == EVERYWHERE || name == point.as_str();
        self.points.iter().any(named)
    }

    fn unrecognized(&self, index: usize) -> Vec<String> {
        let path = format!("spec.scopedEnforcementActions[{index}]");
        let mut unrecognized = Vec::new();
        if Action::read(&self.action) == Action::Unrecognized {
            let text = format!(
                "{path}.action: {:?} is none of deny, dryrun and warn",
                self.action
            );
            unrecognized.push(text);
        }
        if self.points.is_empty() {
            unrecognized.push(format!("{path}.enforcementPoints: names no point"));
        }
        for name in &self.points {
            if name != EVERYWHERE && !Point::ALL.iter().any(|point| point.as_str() == name) {
                let known = Point::ALL.map(Point::as_str).join(", ");
                unrecognized.push(format!(
                    "{path}.enforcementPoints: {name:?} is none of {known}"
                ));
            }
        }
        unrecognized
    }
}
