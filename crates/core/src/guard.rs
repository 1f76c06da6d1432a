//! What a tenant must not write, whoever the object belongs to: a label, a reference or a field that
//! anybody can write proves nothing, and what controllers do because of it, they do with their own
//! rights.

use serde_json::Value;

use crate::change::Draft;
use crate::context::Context;
use crate::json::{field_path, is_unset, token};
use crate::site::Trust;
use crate::{Code, Finding, Kind, keys, topology};

/// Kinds that only admins and controllers write: they hold for everybody, or say what is already so.
const NOT_FOR_TENANTS: [Kind; 15] = [
    Kind::AddressLease,
    Kind::AddressPool,
    Kind::ClusterClass,
    Kind::ExtensionConfig,
    Kind::IPAddress,
    Kind::KubeadmControlPlaneTemplate,
    Kind::OpenStackClusterTemplate,
    Kind::OpenStackFloatingIPPool,
    Kind::OpenStackServer,
    Kind::Tenant,
    Kind::VSphereClusterIdentity,
    Kind::VSphereClusterTemplate,
    Kind::VSphereDeploymentZone,
    Kind::VSphereFailureDomain,
    Kind::VSphereVM,
];

/// Kinds that controllers make and adopt, by ownerReferences and labels.
const MACHINES: [Kind; 8] = [
    Kind::KubeadmConfig,
    Kind::Machine,
    Kind::MachineSet,
    Kind::Metal3Machine,
    Kind::OpenStackMachine,
    Kind::OpenStackServer,
    Kind::VSphereMachine,
    Kind::VSphereVM,
];

/// The machines of infrastructure that Cluster API makes from templates.
const MADE: [Kind; 3] = [
    Kind::Metal3Machine,
    Kind::OpenStackMachine,
    Kind::VSphereMachine,
];

/// The kinds that name the address of an API server.
const NAMES_AN_ENDPOINT: [Kind; 4] = [
    Kind::Cluster,
    Kind::Metal3Cluster,
    Kind::OpenStackCluster,
    Kind::VSphereCluster,
];

/// By these labels Cluster API finds out which machines are whose.
const SELECTOR_LABELS: [&str; 6] = [
    keys::CLUSTER_NAME,
    "cluster.x-k8s.io/control-plane",
    "cluster.x-k8s.io/control-plane-name",
    keys::DEPLOYMENT_NAME,
    "cluster.x-k8s.io/set-name",
    "machine-template-hash",
];

const OWNER_REFERENCES: &str = "/metadata/ownerReferences";
/// The cluster modules that CAPV deletes together with the cluster.
const CLUSTER_MODULES: &str = "/spec/clusterModules";
const ENDPOINT: &str = "/spec/controlPlaneEndpoint";

/// Puts back what `kubectl replace` drops of what only controllers write.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    if context.trust() != Trust::Person {
        return;
    }
    if MACHINES.contains(&context.kind()) {
        draft.put_back(OWNER_REFERENCES);
        for key in SELECTOR_LABELS {
            draft.put_back(&format!("/metadata/labels/{}", token(key)));
        }
    }
    if context.kind() == Kind::VSphereCluster {
        draft.put_back(CLUSTER_MODULES);
    }
    if NAMES_AN_ENDPOINT.contains(&context.kind()) {
        draft.put_back(&format!("{ENDPOINT}/host"));
        draft.put_back(&format!("{ENDPOINT}/port"));
    }
}

/// Refuses what a tenant must not write.
pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    if context.trust() != Trust::Person {
        return;
    }
    let kind = context.kind();
    let is_hand_made = MADE.contains(&kind) && context.is_create();
    if NOT_FOR_TENANTS.contains(&kind) || is_hand_made {
        draft.finding(not_for_tenants(kind));
        return;
    }
    if MACHINES.contains(&kind) {
        check_adoption(draft);
    }
    match kind {
        kind if MADE.contains(&kind) => check_machine(draft),
        Kind::VSphereCluster => check_modules(draft),
        _ => {}
    }
    if NAMES_AN_ENDPOINT.contains(&kind) {
        check_endpoint(draft);
    }
    check_references(context, draft);
}

fn not_for_tenants(kind: Kind) -> Finding {
    let message = format!("only admins and controllers write a {kind}");
    let finding = Finding::new(
        Code::KindNotForTenants,
        "kind",
        kind.as_str().into(),
        message,
    );
    match kind {
        Kind::VSphereMachine | Kind::VSphereVM => {
            finding.hint("Cluster API makes it from a VSphereMachineTemplate")
        }
        Kind::OpenStackMachine | Kind::OpenStackServer => {
            finding.hint("Cluster API makes it from an OpenStackMachineTemplate")
        }
        Kind::Metal3Machine => finding.hint("Cluster API makes it from a Metal3MachineTemplate"),
        _ => finding.hint("ask an admin"),
    }
}

/// A machine follows its ownerReferences and its labels, so that whoever changes them takes it.
fn check_adoption(draft: &mut Draft<'_>) {
    if draft.old().is_none() {
        return;
    }
    if is_changed(draft, OWNER_REFERENCES) {
        let path = field_path(OWNER_REFERENCES);
        let message = "only controllers change what a machine belongs to";
        draft.finding(Finding::new(
            Code::OwnerReferenceChanged,
            path,
            Value::Null,
            message,
        ));
    }
    for key in SELECTOR_LABELS {
        let pointer = format!("/metadata/labels/{}", token(key));
        if is_changed(draft, &pointer) {
            let message = "Cluster API finds its machines by this label";
            let hint = Some("leave it as it is".to_owned());
            draft.found(Code::SelectorLabelChanged, &pointer, message, hint);
        }
    }
}

/// CAPV copies the whole spec onto the running VM, its addresses too; CAPO takes a new identity.
fn check_machine(draft: &mut Draft<'_>) {
    if is_changed(draft, "/spec") {
        let message = "only controllers change a machine that runs";
        let finding = Finding::new(Code::FieldOfControllers, "spec", Value::Null, message);
        draft.finding(finding.hint("change its template: write a new one and refer to that"));
    }
}

fn check_modules(draft: &mut Draft<'_>) {
    if is_changed(draft, CLUSTER_MODULES) {
        let message = "CAPV deletes these with the cluster, and writes them itself";
        let hint = Some("leave the field out".to_owned());
        draft.found(Code::FieldOfControllers, CLUSTER_MODULES, message, hint);
    }
}

fn check_endpoint(draft: &mut Draft<'_>) {
    let stored = draft.old().and_then(|old| old.pointer(ENDPOINT));
    let is_set = stored
        .and_then(|endpoint| endpoint.get("host"))
        .is_some_and(|host| !is_unset(host));
    if is_set && is_changed(draft, ENDPOINT) {
        let message = "all machines and kubeconfigs of the cluster know it by this address";
        let hint = Some("leave it as it is".to_owned());
        draft.found(Code::EndpointChanged, ENDPOINT, message, hint);
    }
}

/// Whether a field says something else than the stored one; to leave out what was unset is no change.
fn is_changed(draft: &Draft<'_>, pointer: &str) -> bool {
    let said = |value: Option<&Value>| value.filter(|value| !is_unset(value)).cloned();
    said(draft.get(pointer)) != said(draft.old().and_then(|old| old.pointer(pointer)))
}

/// Refuses references that lead out of the object's namespace: controllers follow them with rights
/// of their own. What stood there already is not asked about.
fn check_references(context: &Context<'_>, draft: &mut Draft<'_>) {
    let namespace = context.request.namespace.as_str();
    let mut found = Vec::new();
    if let Some(spec) = draft.get("/spec") {
        collect_references(spec, &mut "/spec".to_owned(), namespace, &mut found);
    }
    for pointer in found {
        let allowed = topology::foreign_namespace(context, &pointer);
        if !is_changed(draft, &pointer) || (allowed.is_some() && draft.text(&pointer) == allowed) {
            continue;
        }
        let message = format!("references stay in namespace {namespace}");
        let hint = Some("leave the namespace out".to_owned());
        draft.found(Code::OtherNamespace, &pointer, message, hint);
    }
}

fn collect_references(value: &Value, here: &mut String, own: &str, found: &mut Vec<String>) {
    let length = here.len();
    match value {
        Value::Object(fields) => {
            let is_reference = fields.contains_key("name") || fields.contains_key("kind");
            for (key, value) in fields {
                here.push('/');
                here.push_str(&token(key));
                let is_namespace = key == "classNamespace" || (key == "namespace" && is_reference);
                let is_foreign = value
                    .as_str()
                    .is_some_and(|name| !name.is_empty() && name != own);
                if is_namespace && is_foreign {
                    found.push(here.clone());
                } else if key != "variables" {
                    // The values of a class's variables mean what the class says.
                    collect_references(value, here, own, found);
                }
                here.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                here.push('/');
                here.push_str(&index.to_string());
                collect_references(item, here, own, found);
                here.truncate(length);
            }
        }
        _ => {}
    }
}
