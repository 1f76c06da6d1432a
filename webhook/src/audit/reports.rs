//! Reports at the API server: one a namespace and one of the cluster, written when they say something else than before.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use basphere_api::stored::Stored;
use basphere_rego::audit::{Flavour, MANAGED_BY, MANAGER, REPORT_NAME, Tally};
use jiff::Timestamp;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::Value;
use tracing::{debug, info, warn};

use crate::register::FIELD_MANAGER;

/// The kinds of reports that are served.
struct Kinds<'a> {
    flavour: Flavour,
    namespaced: &'a Stored,
    cluster: &'a Stored,
}

/// A report as this process has seen it last.
struct Seen {
    version: String,
    /// Of what it says.
    hash: u64,
}

/// The reports of the audit.
pub(super) struct Reports {
    client: Client,
    /// By group and namespace. Who comes to lead has seen none, and reads each once.
    seen: HashMap<(&'static str, String), Seen>,
    complaint: String,
    flavour: Option<Flavour>,
}

impl Reports {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            seen: HashMap::new(),
            complaint: String::new(),
            flavour: None,
        }
    }

    /// Writes the reports of a tally into the first kinds of [`Flavour::ALL`] that are served, and removes all others of
    /// ours. Returns how many were written or removed.
    pub(super) async fn write(
        &mut self,
        stored: &[Stored],
        tally: &Tally,
        now: Timestamp,
    ) -> usize {
        let kinds: Vec<_> = Flavour::ALL
            .into_iter()
            .filter_map(|flavour| kinds(flavour, stored))
            .collect();
        let flavour = kinds.first().map(|kinds| kinds.flavour);
        if flavour != self.flavour {
            info!(kinds = ?flavour, "reports are written");
            self.flavour = flavour;
        }
        let (mut written, mut errors) = (0, Vec::new());
        for kinds in kinds {
            let mut wanted = BTreeMap::new();
            if Some(kinds.flavour) == flavour {
                wanted = tally.reports().collect();
            }
            let found = match self.ours(&kinds).await {
                Ok(found) => found,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            for namespace in found.keys().filter(|it| !wanted.contains_key(it.as_str())) {
                match self.remove(&kinds, namespace).await {
                    Ok(()) => written += 1,
                    Err(error) => errors.push(error),
                }
            }
            for (namespace, tally) in wanted {
                let stored = kinds.stored(namespace);
                let version = &stored.resource.api_version;
                let report = kinds.flavour.report(version, namespace, tally);
                let version = found.get(namespace).map(String::as_str);
                match self.put(&kinds, namespace, report, version, now).await {
                    Ok(has_written) => written += usize::from(has_written),
                    Err(error) => errors.push(error),
                }
            }
        }
        let is_wanted = |group: &str, namespace: &str| {
            flavour.is_some_and(|flavour| flavour.group() == group)
                && tally.report(namespace).is_some()
        };
        self.seen
            .retain(|(group, namespace), _| is_wanted(group, namespace));
        self.complain(&errors);
        written
    }

    /// Namespaces that have a report of ours, with its resource version.
    async fn ours(&self, kinds: &Kinds<'_>) -> kube::Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for stored in [kinds.namespaced, kinds.cluster] {
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &stored.resource);
            let selection = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
            let listed = api.list_metadata(&selection).await?;
            for report in listed {
                if report.name_any() == REPORT_NAME {
                    let version = report.resource_version().unwrap_or_default();
                    found.insert(report.namespace().unwrap_or_default(), version);
                }
            }
        }
        Ok(found)
    }

    /// Writes a report if what is stored says anything else; whether it did.
    async fn put(
        &mut self,
        kinds: &Kinds<'_>,
        namespace: &str,
        report: Value,
        version: Option<&str>,
        now: Timestamp,
    ) -> kube::Result<bool> {
        let key = (kinds.flavour.group(), namespace.to_owned());
        let hash = hash(&report);
        let is_known = |seen: &Seen| Some(seen.version.as_str()) == version && seen.hash == hash;
        if self.seen.get(&key).is_some_and(is_known) {
            return Ok(false);
        }
        let api = kinds.api(&self.client, namespace);
        let stored = api.get_opt(REPORT_NAME).await?;
        let version = stored.as_ref().and_then(ResourceExt::resource_version);
        let stored = stored.map(serde_json::to_value).transpose();
        let stored = stored.map_err(kube::Error::SerdeError)?;
        let same = stored
            .as_ref()
            .is_some_and(|it| kinds.flavour.is_same(&report, it));
        let version = match same {
            true => version,
            false => {
                let report = kinds.flavour.at(report, stored.as_ref(), now.as_second());
                let parameters = PatchParams::apply(FIELD_MANAGER).force();
                let patch = Patch::Apply(&report);
                match api.patch(REPORT_NAME, &parameters, &patch).await {
                    // Its namespace is going, or gone.
                    Err(kube::Error::Api(status))
                        if status.code == 404 || is_terminating(&status) =>
                    {
                        debug!(namespace, "no report is written any more");
                        return Ok(false);
                    }
                    written => written?.resource_version(),
                }
            }
        };
        let version = version.unwrap_or_default();
        self.seen.insert(key, Seen { version, hash });
        Ok(!same)
    }

    async fn remove(&mut self, kinds: &Kinds<'_>, namespace: &str) -> kube::Result<()> {
        self.seen
            .remove(&(kinds.flavour.group(), namespace.to_owned()));
        let api = kinds.api(&self.client, namespace);
        match api.delete(REPORT_NAME, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(drop),
        }
    }

    /// Says what could not be written, once.
    fn complain(&mut self, errors: &[kube::Error]) {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        if first != self.complaint && !first.is_empty() {
            warn!(
                error = first,
                count = errors.len(),
                "reports could not be written"
            );
        }
        self.complaint = first;
    }
}

impl Kinds<'_> {
    fn stored(&self, namespace: &str) -> &Stored {
        match namespace {
            "" => self.cluster,
            _ => self.namespaced,
        }
    }

    fn api(&self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        let resource = &self.stored(namespace).resource;
        match namespace {
            "" => Api::all_with(client.clone(), resource),
            _ => Api::namespaced_with(client.clone(), namespace, resource),
        }
    }
}

fn kinds(flavour: Flavour, stored: &[Stored]) -> Option<Kinds<'_>> {
    let find = |kind: &str| {
        let mut stored = stored.iter();
        stored.find(|it| it.resource.group == flavour.group() && it.resource.kind == kind)
    };
    Some(Kinds {
        flavour,
        namespaced: find(flavour.kind(true))?,
        cluster: find(flavour.kind(false))?,
    })
}

fn is_terminating(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .into_iter()
        .any(|cause| cause.reason == "NamespaceTerminating")
}

fn hash(report: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    report.to_string().hash(&mut hasher);
    hasher.finish()
}
