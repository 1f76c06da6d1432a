//! A namespace of kim's on one of several management clusters, as an admin reads it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use basphere_harness::{Event, Mark, Outcome, Rig, User, run, wait};
use serde_json::Value;

use crate::suite::{ip_addresses, name, text};

const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(500);
/// Resources as they are named where several versions are served.
pub(crate) const VSPHERE_MACHINES: &str = "vspheremachines.v1beta2.infrastructure.cluster.x-k8s.io";
pub(crate) const MACHINES: &str = "machines.v1beta2.cluster.x-k8s.io";
pub(crate) const SETS: &str = "machinesets.v1beta2.cluster.x-k8s.io";
pub(crate) const TEMPLATES: &str =
    "vspheremachinetemplates.v1beta2.infrastructure.cluster.x-k8s.io";
pub(crate) const CONFIGS: &str = "kubeadmconfigs.v1beta2.bootstrap.cluster.x-k8s.io";

/// Where to look.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) namespace: &'a str,
}

impl View<'_> {
    /// Runs kubectl there.
    pub(crate) fn run(&self, user: &User, arguments: &[&str], stdin: &str) -> Result<Outcome> {
        let mut command = self.rig.sandbox().kubectl(user)?;
        command.args(arguments);
        command.args(["--namespace", self.namespace]);
        run(&mut command, stdin)
    }

    /// Runs kubectl there as an admin; it must succeed.
    pub(crate) fn ops(&self, arguments: &[&str], stdin: &str) -> Result<String> {
        self.run(self.rig.sandbox().ops(), arguments, stdin)?
            .stdout()
    }

    /// One object, named as `kind/name`.
    pub(crate) fn get(&self, object: &str) -> Result<Value> {
        let json = self.ops(&["get", object, "--output=json"], "")?;
        serde_json::from_str(&json).context("kubectl wrote no JSON")
    }

    pub(crate) fn list(&self, resource: &str) -> Result<Vec<Value>> {
        let json = self.ops(&["get", resource, "--output=json"], "")?;
        let list: Value = serde_json::from_str(&json)?;
        let items = list.get("items").and_then(Value::as_array);
        Ok(items.context("no list")?.clone())
    }

    /// The names of all objects of a resource.
    pub(crate) fn names(&self, resource: &str) -> Result<Vec<String>> {
        Ok(self.list(resource)?.iter().map(name).collect())
    }

    /// VSphereMachine → its addresses.
    pub(crate) fn addresses(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let machines = self.list(VSPHERE_MACHINES)?;
        let named = machines.iter().map(|it| (name(it), ip_addresses(it)));
        Ok(named.collect())
    }

    /// The address of a cluster's API server, as the Cluster names it.
    pub(crate) fn endpoint(&self, cluster: &str) -> Result<String> {
        let cluster = self.get(&format!("clusters.v1beta2.cluster.x-k8s.io/{cluster}"))?;
        Ok(text(&cluster, "/spec/controlPlaneEndpoint/host").to_owned())
    }

    /// Address → lease, of whatever stands in the namespace.
    pub(crate) fn leases(&self) -> Result<BTreeMap<String, Value>> {
        let mut leases = self.list("addressleases")?;
        leases.retain(|lease| text(lease, "/spec/holder/namespace") == self.namespace);
        let named = leases.into_iter();
        Ok(named
            .map(|lease| (text(&lease, "/spec/address").to_owned(), lease))
            .collect())
    }

    /// `Kind/name` → so many machines, of all in the namespace that kim is charged for; templates are charged with what
    /// refers to them.
    pub(crate) fn charged(&self) -> Result<BTreeMap<String, u64>> {
        let tenant = self.get("tenant/kim")?;
        let entries = tenant.pointer("/status/ledger/entries");
        let entries = entries.and_then(Value::as_object).into_iter().flatten();
        let here = entries.filter(|(_, entry)| text(entry, "/namespace") == self.namespace);
        let mut charged = BTreeMap::new();
        for (_, entry) in here {
            let kind = text(entry, "/kind");
            let asks = [entry.get("stored"), entry.pointer("/pending/0/ask")];
            let ask = asks.into_iter().flatten().next();
            let replicas = ask.and_then(|ask| ask.get("replicas")?.as_u64());
            let key = format!("{kind}/{}", text(entry, "/name"));
            if !kind.ends_with("Template") {
                let known = charged.insert(key.clone(), replicas.unwrap_or_default());
                ensure!(known.is_none(), "{key} is charged twice: {tenant:#}");
            }
        }
        Ok(charged)
    }

    /// All writes in the namespace since a moment.
    pub(crate) fn writes(&self, since: Mark) -> Result<Vec<Event>> {
        let mut events = self.rig.audit(since)?;
        events.retain(|event| event.namespace == self.namespace);
        Ok(events)
    }

    /// Waits until nobody has written anything in the namespace for so long.
    pub(crate) fn quiet(&self, quiet: Duration) -> Result<()> {
        let mut mark = self.rig.mark()?;
        let mut since = Instant::now();
        let what = format!("nobody has written in {} for {quiet:?}", self.namespace);
        wait::every(PAUSE, &what, PATIENCE, || {
            let next = self.rig.mark()?;
            if self.writes(mark)?.iter().any(Event::wrote) {
                since = Instant::now();
            }
            mark = next;
            Ok((since.elapsed() >= quiet).then_some(()))
        })
    }

    /// Writes of controllers that were refused for another reason than that somebody else was faster.
    pub(crate) fn refused(&self, since: Mark) -> Result<Vec<String>> {
        let events = self.writes(since)?;
        let refused = events.iter().filter(|event| {
            event.user.starts_with("system:serviceaccount:")
                && event.code >= 400
                && ![404, 409].contains(&event.code)
        });
        Ok(refused.map(shown).collect())
    }
}

/// An event in one line.
pub(crate) fn shown(event: &Event) -> String {
    let Event {
        user,
        verb,
        resource,
        subresource,
        name,
        code,
        ..
    } = event;
    let message = text(&event.raw, "/responseStatus/message");
    format!("{user} {verb} {resource}/{subresource} {name}: {code} {message}")
}
