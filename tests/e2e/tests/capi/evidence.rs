//! What the audit log tells of a namespace: who wrote what, and what each webhook made of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use basphere_harness::{Event, Mark};
use serde_json::{Value, json};

use crate::suite::{Suite, name, text};
use crate::view::{CONFIGS, MACHINES, SETS, TEMPLATES, VSPHERE_MACHINES};

/// The name of both of our webhook configurations.
pub(crate) const OURS: &str = "basphere";
/// The kinds that Basphere's webhook sees, and what controllers make of them.
pub(crate) const KINDS: [&str; 12] = [
    "clusters.v1beta2.cluster.x-k8s.io",
    "kubeadmcontrolplanes.v1beta2.controlplane.cluster.x-k8s.io",
    "machinedeployments.v1beta2.cluster.x-k8s.io",
    SETS,
    MACHINES,
    CONFIGS,
    "kubeadmconfigtemplates.v1beta2.bootstrap.cluster.x-k8s.io",
    "vsphereclusters.v1beta2.infrastructure.cluster.x-k8s.io",
    TEMPLATES,
    VSPHERE_MACHINES,
    "vspherevms.v1beta2.infrastructure.cluster.x-k8s.io",
    "machinehealthchecks.v1beta2.cluster.x-k8s.io",
];
/// What changes without anybody having asked for something else.
const PASSING: [&str; 4] = ["resourceVersion", "generation", "managedFields", "uid"];

/// What a mutating webhook did to a request.
#[derive(Debug)]
pub(crate) struct Mutation {
    /// Its configuration.
    pub(crate) configuration: String,
    /// Its place among all mutating webhooks, in which order they are called.
    pub(crate) index: usize,
    /// The JSON patch that it answered with.
    pub(crate) patch: Vec<Value>,
}

/// The webhooks that an event's request went through, in the order of their calls, second calls left out.
pub(crate) fn mutations(event: &Event) -> Vec<Mutation> {
    const CALL: &str = "mutation.webhook.admission.k8s.io/round_0_index_";
    const PATCH: &str = "patch.webhook.admission.k8s.io/round_0_index_";
    let annotations = event.raw.get("annotations").and_then(Value::as_object);
    let mut found: Vec<Mutation> = annotations
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| {
            let index = key.strip_prefix(CALL)?;
            let call: Value = serde_json::from_str(value.as_str()?).ok()?;
            let patched = event.raw["annotations"][format!("{PATCH}{index}")].as_str();
            let patched: Value = serde_json::from_str(patched.unwrap_or("{}")).ok()?;
            let patch = patched.get("patch").and_then(Value::as_array);
            Some(Mutation {
                configuration: text(&call, "/configuration").to_owned(),
                index: index.parse().ok()?,
                patch: patch.cloned().unwrap_or_default(),
            })
        })
        .collect();
    found.sort_by_key(|mutation| mutation.index);
    found
}

/// The JSON pointers that our webhook changed; `None` when it was not asked.
pub(crate) fn our_paths(event: &Event) -> Option<Vec<String>> {
    let ours: Vec<Mutation> = mutations(event)
        .into_iter()
        .filter(|mutation| mutation.configuration == OURS)
        .collect();
    let asked = !ours.is_empty();
    let patches = ours.iter().flat_map(|mutation| &mutation.patch);
    let paths = patches.map(|patch| text(patch, "/path").to_owned());
    let paths = paths.collect();
    asked.then_some(paths)
}

/// User, verb, kind → how often.
pub(crate) fn count<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        let Event {
            user,
            verb,
            resource,
            ..
        } = event;
        *counts
            .entry(format!("{user} {verb} {resource}"))
            .or_default() += 1;
    }
    counts
}

impl Suite {
    /// What was asked of this namespace's objects of Cluster API since a moment, reads and what only concerns their
    /// status left out, in order.
    pub(crate) fn asked(&self, since: Mark) -> Result<Vec<Event>> {
        let mut events = self.rig.audit(since)?;
        events.retain(|event| {
            event.namespace == self.kim.namespace
                && event.group.ends_with("cluster.x-k8s.io")
                && event.subresource != "status"
        });
        Ok(events)
    }

    /// The same, for one resource.
    pub(crate) fn asked_of(&self, resource: &str, since: Mark) -> Result<Vec<Event>> {
        let mut events = self.asked(since)?;
        events.retain(|event| event.resource == resource);
        Ok(events)
    }

    /// What has been written of this namespace's objects since a moment, their status left out.
    pub(crate) fn written(&self, since: Mark) -> Result<Vec<Event>> {
        let mut events = self.asked(since)?;
        events.retain(Event::wrote);
        Ok(events)
    }

    /// Waits until nobody has written anything but status in this namespace for so long.
    pub(crate) fn settled(&self, quiet: Duration) -> Result<()> {
        let mut mark = self.rig.mark()?;
        let mut since = Instant::now();
        self.until(&format!("nobody has written for {quiet:?}"), || {
            let next = self.rig.mark()?;
            if !self.written(mark)?.is_empty() {
                since = Instant::now();
            }
            mark = next;
            Ok((since.elapsed() >= quiet).then_some(()))
        })
    }

    /// All objects of this namespace as somebody wrote them: without status, and without what tells only that they
    /// were written.
    pub(crate) fn stored(&self) -> Result<BTreeMap<String, Value>> {
        let mut stored = BTreeMap::new();
        for mut object in self.list(&KINDS.join(","))? {
            if let Some(object) = object.as_object_mut() {
                object.remove("status");
            }
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.retain(|field, _| !PASSING.contains(&field.as_str()));
            }
            let key = format!("{}/{}", text(&object, "/kind"), name(&object));
            stored.insert(key, object);
        }
        Ok(stored)
    }

    /// Sees that no object is another than it was.
    pub(crate) fn ensure_unchanged(&self, before: &BTreeMap<String, Value>) -> Result<()> {
        let after = self.stored()?;
        let keys = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
        ensure!(
            keys(before) == keys(&after),
            "{before:#?} became {after:#?}"
        );
        for (key, was) in before {
            ensure!(
                after.get(key) == Some(was),
                "{key} was {was:#}, and is {:#}",
                json!(after.get(key))
            );
        }
        Ok(())
    }

    /// The names of the machines there are.
    pub(crate) fn machine_names(&self) -> Result<Vec<String>> {
        let machines = self.list(MACHINES)?;
        Ok(machines.iter().map(name).collect())
    }
}
