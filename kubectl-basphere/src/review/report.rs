//! The result of a review. Its serialised form is documented in `review --help`, and stable.

use basphere_core::{Decision, Finding, Kind, Lookup};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::accounts::Need;

/// The result of a review.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    api_version: &'static str,
    kind: &'static str,
    pub(crate) allowed: bool,
    pub(super) items: Vec<Item>,
}

/// What became of one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) file: String,
    pub(crate) document: usize,
    pub(crate) line: usize,
    pub(super) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(super) operation: &'static str,
    pub(super) judged: bool,
    pub(crate) allowed: bool,
    /// Why it could not be judged, though it should have been.
    pub(crate) error: Option<String>,
    pub(crate) denials: Vec<Said>,
    pub(crate) warnings: Vec<Said>,
    pub(super) needs_cluster: Vec<String>,
    pub(super) object: Option<Value>,
    /// The object as it reaches the server.
    #[serde(skip)]
    pub(super) sent: Value,
    /// What it needs of what its tenant may have.
    #[serde(skip)]
    pub(crate) needs: Vec<Need>,
}

impl Report {
    pub(super) fn new(items: Vec<Item>) -> Self {
        Self {
            api_version: "basphere.dev/v1alpha1",
            kind: "ReviewResult",
            allowed: items.iter().all(|item| item.allowed),
            items,
        }
    }
}

/// A finding, and what only the cluster could tell of it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) finding: Finding,
    pub(super) needs_cluster: Vec<String>,
}

impl Item {
    /// Adds what a decision found and was not found before.
    pub(super) fn take(&mut self, decision: Decision) {
        let missed: Vec<_> = decision.missed.iter().map(kind_of).collect();
        let said = |finding: Finding| Said {
            needs_cluster: if finding.code.is_certain() {
                Vec::new()
            } else {
                missed.clone()
            },
            finding,
        };
        add(&mut self.denials, decision.denials.into_iter().map(said));
        add(&mut self.warnings, decision.warnings.into_iter().map(said));
        unite(&mut self.needs_cluster, &missed);
    }

    /// Adds what the schemas refuse; where they are not the cluster's, that is not sure.
    pub(super) fn refuse(&mut self, findings: Vec<Finding>, is_sure: bool) {
        let needs_cluster = if is_sure || findings.is_empty() {
            Vec::new()
        } else {
            vec![DEFINITION.to_owned()]
        };
        unite(&mut self.needs_cluster, &needs_cluster);
        let said = |finding| Said {
            finding,
            needs_cluster: needs_cluster.clone(),
        };
        add(&mut self.denials, findings.into_iter().map(said));
    }
}

/// The kind of which a look-up reads objects.
fn kind_of(lookup: &Lookup) -> String {
    match lookup {
        Lookup::Namespace => NAMESPACE.to_owned(),
        Lookup::All(kind) => kind.to_string(),
        Lookup::Networks => Kind::Cluster.to_string(),
        Lookup::Leases(_) => "AddressLease".to_owned(),
        Lookup::Object(kind, _) => kind.to_string(),
        Lookup::ConfigMap(_) => Kind::ConfigMap.to_string(),
        Lookup::Pools => "AddressPool".to_owned(),
        Lookup::Accounts(_) => TENANT.to_owned(),
    }
}

/// What a finding needs that depends on the namespace itself.
pub(super) const NAMESPACE: &str = "Namespace";
/// What a finding needs that depends on what a tenant uses and may use.
pub(super) const TENANT: &str = "Tenant";
/// What a finding needs that depends on the fields and kinds that the cluster serves.
pub(super) const DEFINITION: &str = "CustomResourceDefinition";

fn add(all: &mut Vec<Said>, more: impl Iterator<Item = Said>) {
    for new in more {
        match all.iter_mut().find(|said| said.finding == new.finding) {
            Some(said) => unite(&mut said.needs_cluster, &new.needs_cluster),
            None => all.push(new),
        }
    }
}

fn unite(all: &mut Vec<String>, more: &[String]) {
    for kind in more {
        if !all.contains(kind) {
            all.push(kind.clone());
        }
    }
}

/// Every field is present, so that scripts need not ask whether one is there.
impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Entry<'a> {
            code: &'a str,
            path: &'a str,
            value: &'a Value,
            message: &'a str,
            hint: Option<&'a str>,
            needs_cluster: &'a [String],
        }
        Entry {
            code: self.finding.code.as_str(),
            path: &self.finding.path,
            value: &self.finding.value,
            message: &self.finding.message,
            hint: self.finding.hint.as_deref(),
            needs_cluster: &self.needs_cluster,
        }
        .serialize(serializer)
    }
}
