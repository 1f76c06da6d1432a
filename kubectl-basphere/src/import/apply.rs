//! Applies the manifests, server-side, without taking anything away from others.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use anyhow::{Context, Result};
use basphere_api::crd::AddressLease;
use basphere_core::ipam::State;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, TypeMeta};
use serde_json::Value;

use crate::cli::Global;
use crate::connection::Connection;
use crate::exit::unless_closed;
use crate::ipam::list;
use crate::run::print_error;

use super::Manifests;

/// Who we are in `metadata.managedFields`.
const MANAGER: &str = "kubectl-basphere-import";

/// What becomes of a lease.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It is created, or gets the annotations of its line.
    Write,
    /// It is there.
    Unchanged,
    /// Its life went on since it was imported.
    Kept(String),
    /// Somebody else has it.
    Refused(String),
}

/// Applies everything, prints what became of it, and says whether all of it could be applied.
pub(super) fn apply(
    manifests: &Manifests,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<bool> {
    let cluster = Connection::of(global, "leave out --apply to print the manifests")?;
    let mut is_whole = true;
    for object in manifests.others()? {
        is_whole &= say(write(&cluster, &object), &title(&object), out, talk)?;
    }
    let live: Vec<AddressLease> = list(&cluster).context("cannot list AddressLeases")?;
    let live: HashMap<_, _> = live
        .iter()
        .map(|lease| (lease.metadata.name.clone(), lease))
        .collect();
    for lease in &manifests.leases {
        let object = serde_json::to_value(lease)?;
        let became = match fate(lease, live.get(&lease.metadata.name).copied()) {
            Fate::Write => write(&cluster, &object),
            Fate::Unchanged => Ok("unchanged".to_owned()),
            Fate::Kept(why) => Ok(format!("unchanged ({why})")),
            Fate::Refused(why) => Err(anyhow::Error::msg(why)),
        };
        is_whole &= say(became, &title(&object), out, talk)?;
    }
    Ok(is_whole)
}

/// Prints what became of an object, and whether that is good.
fn say(
    became: Result<String>,
    title: &str,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<bool> {
    match became {
        Ok(became) => {
            unless_closed(writeln!(out, "{title} {became}"))?;
            Ok(true)
        }
        Err(error) => {
            print_error(&error.context(title.to_owned()), talk);
            Ok(false)
        }
    }
}

/// As kubectl names objects: `addresslease.basphere.dev/ip.default.10.254.0.33`.
fn title(object: &Value) -> String {
    let text = |at: &str| {
        object
            .pointer(at)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = text("/kind").to_lowercase();
    format!("{kind}.basphere.dev/{}", text("/metadata/name"))
}

/// Server-side apply without force: fields that others have set to something else are conflicts.
fn write(cluster: &Connection, object: &Value) -> Result<String> {
    let types: TypeMeta = serde_json::from_value(object.clone())?;
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    let name = name.context("an object without a name")?;
    let (group, version) = types.api_version.split_once('/').context("no group")?;
    let kind = kube::core::GroupVersionKind::gvk(group, version, &types.kind);
    let objects: Api<DynamicObject> =
        Api::all_with(cluster.client(), &ApiResource::from_gvk(&kind));
    let version = |object: &DynamicObject| object.metadata.resource_version.clone();
    let before = cluster.ask(objects.get_metadata_opt(name))?;
    let patch = PatchParams::apply(MANAGER);
    let after = cluster.ask(objects.patch(name, &patch, &Patch::Apply(object)))?;
    Ok(match before {
        None => "created",
        Some(before) if before.metadata.resource_version == version(&after) => "unchanged",
        Some(_) => "configured",
    }
    .to_owned())
}

/// Compares what was imported with what the cluster holds.
fn fate(wanted: &AddressLease, live: Option<&AddressLease>) -> Fate {
    let Some(live) = live else {
        return Fate::Write;
    };
    let (want, have) = (&wanted.spec.0, &live.spec.0);
    if want == have {
        let has = has_all(&live.metadata.labels, &wanted.metadata.labels)
            && has_all(&live.metadata.annotations, &wanted.metadata.annotations);
        return if has { Fate::Unchanged } else { Fate::Write };
    }
    let by = format!("{} of {}", have.holder, have.tenant);
    let is_ours = want.tenant == have.tenant && want.holder.is(&have.holder);
    if is_ours && have.state == State::Releasing {
        return Fate::Kept("it was released, and cools".to_owned());
    }
    if is_ours {
        return Fate::Unchanged;
    }
    // The cluster's own machine has taken over what the line keeps for it.
    let is_adopted = want.tenant == have.tenant
        && want.holder.kind == "Cluster"
        && want.holder.namespace == have.holder.namespace;
    if is_adopted {
        Fate::Kept(format!("it is held by {by} by now"))
    } else {
        Fate::Refused(format!(
            "is held by {by}, and the line says {} of {}; it was left as it is",
            want.holder, want.tenant
        ))
    }
}

type Marks = Option<BTreeMap<String, String>>;

fn has_all(live: &Marks, wanted: &Marks) -> bool {
    let mut wanted = wanted.iter().flatten();
    wanted.all(|(key, value)| live.as_ref().and_then(|live| live.get(key)) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lease(holder: Value, more: Value) -> AddressLease {
        let mut spec = json!({
            "kind": "Address", "domain": "default", "address": "10.254.0.33", "pool": "nodes",
            "tenant": "kim", "purpose": "import", "holder": holder, "state": "Bound",
            "since": "2025-03-03T01:20:00Z",
        });
        json_patch::merge(&mut spec, &more);
        let name = "ip.default.10.254.0.33";
        let object = json!({"apiVersion": "basphere.dev/v1alpha1", "kind": "AddressLease", "metadata": {"name": name}, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_lease_whose_life_went_on_is_left_as_it_is() {
        let worker = json!({"kind": "Cluster", "namespace": "user-kim", "name": "demo", "device": "worker-1"});
        let vm = json!({"kind": "VirtualMachine", "namespace": "user-kim", "name": "web"});
        let machine = json!({"kind": "VSphereMachine", "namespace": "user-kim", "name": "demo-x", "device": "0"});
        let none = || json!({});
        let wanted = lease(worker.clone(), none());
        assert_eq!(fate(&wanted, None), Fate::Write);
        assert_eq!(fate(&wanted, Some(&wanted)), Fate::Unchanged);

        let mut numbered = wanted.clone();
        numbered.metadata.annotations = Some([("line".to_owned(), "2".to_owned())].into());
        assert_eq!(fate(&numbered, Some(&wanted)), Fate::Write);
        assert_eq!(fate(&wanted, Some(&numbered)), Fate::Unchanged);

        let bound = lease(
            worker.clone(),
            json!({"since": "2026-01-01T00:00:00Z", "holder": {"uid": "u"}}),
        );
        assert_eq!(fate(&wanted, Some(&bound)), Fate::Unchanged);
        let released = lease(worker, json!({"state": "Releasing"}));
        assert_eq!(
            fate(&wanted, Some(&released)),
            Fate::Kept("it was released, and cools".to_owned())
        );
        let adopted = lease(machine.clone(), json!({"purpose": "node"}));
        assert_eq!(
            fate(&wanted, Some(&adopted)),
            Fate::Kept("it is held by VSphereMachine user-kim/demo-x (0) of kim by now".to_owned())
        );
        // A VM outside of Kubernetes is never a machine.
        let refused = Fate::Refused("is held by VSphereMachine user-kim/demo-x (0) of kim, and the line says VirtualMachine user-kim/web of kim; it was left as it is".to_owned());
        assert_eq!(fate(&lease(vm, none()), Some(&adopted)), refused);
        let others = lease(
            machine,
            json!({"tenant": "lee", "holder": {"namespace": "user-lee"}}),
        );
        assert!(matches!(fate(&wanted, Some(&others)), Fate::Refused(_)));
    }
}
