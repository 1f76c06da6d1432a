//! Whose object this is: it follows from namespace and Cluster, never from who sends it.

use serde_json::Value;

use crate::change::Draft;
use crate::context::Context;
use crate::json::{field_path, text_at, token};
use crate::site::Trust;
use crate::{Code, Finding, Kind, keys, topology};

const OWNER_KEYS: [&str; 2] = [keys::OWNER, keys::OWNER_SHORT];

/// Where an object of this kind carries owner labels: on itself, and in the metadata that Cluster
/// API copies onto machines, their infrastructure and their bootstrap configuration. Both
/// propagate in place and roll nothing.
fn label_maps(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::KubeadmControlPlane => &["/metadata/labels", "/spec/machineTemplate/metadata/labels"],
        Kind::MachineDeployment | Kind::MachinePool => {
            &["/metadata/labels", "/spec/template/metadata/labels"]
        }
        Kind::Cluster
        | Kind::Machine
        | Kind::MachineSet
        | Kind::MachineHealthCheck
        | Kind::KubeadmControlPlaneTemplate
        | Kind::KubeadmConfig
        | Kind::KubeadmConfigTemplate
        | Kind::VSphereCluster
        | Kind::VSphereClusterTemplate
        | Kind::VSphereMachine
        | Kind::VSphereMachineTemplate
        | Kind::VSphereVM
        | Kind::OpenStackCluster
        | Kind::OpenStackClusterTemplate
        | Kind::OpenStackFloatingIPPool
        | Kind::OpenStackMachine
        | Kind::OpenStackMachineTemplate
        | Kind::OpenStackServer
        | Kind::Metal3Cluster
        | Kind::Metal3Machine
        | Kind::Metal3MachineTemplate => &["/metadata/labels"],
        Kind::AddressLease
        | Kind::AddressPool
        | Kind::Tenant
        | Kind::ClusterClass
        | Kind::MachineDrainRule
        | Kind::ClusterResourceSet
        | Kind::ClusterResourceSetBinding
        | Kind::HelmChartProxy
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::IPAddress
        | Kind::IPAddressClaim
        | Kind::ExtensionConfig
        | Kind::VSphereClusterIdentity
        | Kind::VSphereDeploymentZone
        | Kind::VSphereFailureDomain => &[],
    }
}

/// Where a foreign owner could hide: also in metadata that controllers copy onto what they make,
/// and that we do not fill in, since they compare it with what they want.
fn checked_maps(kind: Kind, object: &Value) -> Vec<String> {
    let mut maps: Vec<_> = label_maps(kind).iter().map(ToString::to_string).collect();
    match kind {
        Kind::MachineSet => maps.push("/spec/template/metadata/labels".to_owned()),
        Kind::Cluster => {
            let groups = topology::walk(object);
            maps.extend(groups.map(|group| format!("{}/metadata/labels", group.pointer)));
        }
        _ => {}
    }
    maps
}

/// What is known of the owner before the object is looked at.
#[derive(Debug)]
struct Title {
    /// Who owns it, when anybody does.
    owner: Option<String>,
    trust: Trust,
}

fn title(context: &Context<'_>) -> Title {
    let trust = context.trust();
    let object = context.request.object.as_ref();
    let old = context.request.old_object.as_ref();
    let named_by_admin = || {
        (trust == Trust::Admin)
            .then(|| newly_named(object?, old))
            .flatten()
            .map(str::to_owned)
    };
    let stored = || {
        old.and_then(|old| label(old, keys::OWNER))
            .map(str::to_owned)
    };
    let of_cluster = || {
        if context.kind() == Kind::Cluster {
            return None;
        }
        context
            .cluster_of(object?)
            .and_then(|(_, facts)| facts?.owner.clone())
    };
    let owner = named_by_admin()
        .or_else(stored)
        .or_else(of_cluster)
        .or_else(|| context.namespace_owner());
    Title { owner, trust }
}

/// Who owns the object of the request, when anybody does.
pub(crate) fn owner(context: &Context<'_>) -> Option<String> {
    title(context).owner
}

/// The owner that either label names, where the stored object did not name it already.
fn newly_named<'a>(object: &'a Value, old: Option<&Value>) -> Option<&'a str> {
    OWNER_KEYS.into_iter().find_map(|key| {
        label(object, key).filter(|&owner| old.and_then(|old| label(old, key)) != Some(owner))
    })
}

fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    let found = object.pointer("/metadata/labels")?.get(key)?;
    found.as_str().filter(|owner| !owner.is_empty())
}

/// Puts both owner labels wherever they belong, and the requester onto a new Cluster.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    if let Some(owner) = title(context).owner {
        // The template metadata of the topology controller's objects is what it compares first; its
        // machines get their labels one by one.
        let most = if context.is_topology_owned() {
            1
        } else {
            usize::MAX
        };
        for map in label_maps(context.kind()).iter().take(most) {
            for key in OWNER_KEYS {
                complete_label(context, draft, &format!("{map}/{}", token(key)), &owner);
            }
        }
    }
    if context.kind() == Kind::Cluster {
        complete_requester(context, draft);
    }
}

fn complete_label(context: &Context<'_>, draft: &mut Draft<'_>, pointer: &str, owner: &str) {
    let Some(written) = draft.text(pointer) else {
        if draft.has(pointer) {
            // No text, but it says something: it is refused, and not replaced.
            return;
        }
        // Not `fill`: the stored label may name the owner before an admin named another.
        if draft.takes_defaults() {
            draft.set(pointer, Value::from(owner));
        } else {
            draft.put_back(pointer);
        }
        return;
    };
    // People write their user name as they know it; the site knows how to read it.
    let is_alias = || context.site().label_value_of(written) == owner;
    // An admin who changes one label means all of them.
    let is_left_behind = || {
        let stored = draft.old().and_then(|old| text_at(old, pointer));
        context.trust() == Trust::Admin && stored == Some(written)
    };
    if written != owner && (is_alias() || is_left_behind()) {
        draft.set(pointer, Value::from(owner));
    }
}

/// The name under which the Cluster was asked for never changes afterwards, but for admins, who
/// may move a Cluster and with it all of its annotations.
fn complete_requester(context: &Context<'_>, draft: &mut Draft<'_>) {
    let pointer = format!("/metadata/annotations/{}", token(keys::REQUESTER));
    let is_admin = context.trust() == Trust::Admin;
    if context.is_create() {
        let username = context.request.requester.username.as_str();
        let is_moved = is_admin && draft.has(&pointer);
        if !is_moved && !username.is_empty() {
            draft.set(&pointer, Value::from(username));
        }
    } else if is_admin {
        draft.put_back(&pointer);
    } else {
        match draft.old().and_then(|old| old.pointer(&pointer)).cloned() {
            Some(stored) if draft.get(&pointer) != Some(&stored) => draft.set(&pointer, stored),
            None if draft.has(&pointer) => draft.remove("/metadata/annotations", keys::REQUESTER),
            _ => {}
        }
    }
}

/// Refuses what names another owner. Admins may; controllers carry on what others were allowed.
pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let maps = checked_maps(context.kind(), draft.object());
    let title = title(context);
    if maps.is_empty() || title.trust == Trust::Controller {
        return;
    }
    let Some(owner) = title.owner else {
        if title.trust == Trust::Person {
            draft.finding(no_tenant(context));
        }
        return;
    };
    for map in &maps {
        for key in OWNER_KEYS {
            if let Some(finding) =
                check_label(context, draft, &format!("{map}/{}", token(key)), &owner)
            {
                draft.finding(finding);
            }
        }
    }
}

fn no_tenant(context: &Context<'_>) -> Finding {
    let namespace = &context.request.namespace;
    let prefix = &context.site().spec().tenancy.namespace_prefix;
    Finding::new(
        Code::NamespaceWithoutOwner,
        "metadata.namespace",
        Value::from(namespace.as_str()),
        "this namespace belongs to no tenant",
    )
    .hint(format!(
        "use your own namespace (kubectl -n {prefix}<you>), or ask an admin to label this one {}",
        keys::OWNER
    ))
}

fn check_label(
    context: &Context<'_>,
    draft: &Draft<'_>,
    pointer: &str,
    owner: &str,
) -> Option<Finding> {
    let written = draft.get(pointer)?;
    if written.as_str() == Some(owner) {
        return None;
    }
    let stored = draft.old().and_then(|old| old.pointer(pointer));
    if stored == Some(written) {
        // It was stored like this before Basphere came; to change it takes an admin.
        return None;
    }
    let code = if draft
        .old()
        .is_some_and(|old| text_at(old, pointer).is_some())
    {
        Code::OwnerChanged
    } else {
        Code::OwnerForeign
    };
    let message = if context.trust() == Trust::Admin {
        format!("the object's other owner label says {owner:?}")
    } else {
        format!(
            "objects in namespace {} belong to {owner:?}",
            context.request.namespace
        )
    };
    Some(
        Finding::new(code, field_path(pointer), written.clone(), message)
            .hint("leave the label out, it is filled in; only admins may name another owner"),
    )
}
