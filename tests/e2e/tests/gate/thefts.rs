//! What a tenant tries to take by plain kubectl. Every theft has a test of its own in core; here are
//! those that hang on the registration: kinds, subresources and metadata that must reach Basphere.

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use serde_json::{Value, json};

both_versions!(
    kinds_that_hold_for_everybody,
    cluster_wide_kinds_by_somebody_with_too_many_rights,
    a_machine_by_its_owner_or_its_labels,
    a_vcenter_while_deleting,
    an_even_number_by_scale,
);

const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io";
const CORE: &str = "cluster.x-k8s.io";
const CONTROLLER: &str = "system:serviceaccount:capi-system:capi-manager";

fn object(tenant: &Tenant, group: &str, kind: &str, spec: Value) -> String {
    json!({
        "apiVersion": format!("{group}/{}", tenant.version()),
        "kind": kind,
        "metadata": {"name": "stolen"},
        "spec": spec,
    })
    .to_string()
}

/// The specs are valid, so that no schema refuses before Basphere does.
fn kinds_that_hold_for_everybody(tenant: &Tenant) -> Result<()> {
    let (template, pool) = match tenant.version() {
        "v1beta1" => (
            json!({"ref": {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1", "kind": "VSphereClusterTemplate", "name": "t"}}),
            json!({"apiGroup": "a.example", "kind": "Pool", "name": "p"}),
        ),
        _ => (
            json!({"templateRef": {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "VSphereClusterTemplate", "name": "t"}}),
            json!({"apiGroup": "a.example", "kind": "Pool", "name": "p"}),
        ),
    };
    let control_plane = match tenant.version() {
        "v1beta1" => {
            json!({"ref": {"apiVersion": "controlplane.cluster.x-k8s.io/v1beta1", "kind": "KubeadmControlPlaneTemplate", "name": "t"}})
        }
        _ => {
            json!({"templateRef": {"apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlaneTemplate", "name": "t"}})
        }
    };
    let address = json!({
        "address": "10.254.0.40", "prefix": 21, "claimRef": {"name": "c"}, "poolRef": pool,
    });
    for (group, kind, spec) in [
        (
            CORE,
            "ClusterClass",
            json!({"infrastructure": template, "controlPlane": control_plane}),
        ),
        ("ipam.cluster.x-k8s.io", "IPAddress", address),
        (INFRASTRUCTURE, "VSphereVM", json!({"template": "t"})),
        (INFRASTRUCTURE, "VSphereMachine", json!({"template": "t"})),
        (
            INFRASTRUCTURE,
            "VSphereClusterTemplate",
            json!({"template": {"spec": {}}}),
        ),
        (
            "controlplane.cluster.x-k8s.io",
            "KubeadmControlPlaneTemplate",
            json!({"template": {"spec": {}}}),
        ),
    ] {
        let said = tenant.refused(&object(tenant, group, kind, spec))?;
        let expected = format!("only admins and controllers write a {kind}");
        ensure!(
            said.contains(&expected) && said.contains("[BSP-A001]"),
            "{kind}: {said}"
        );
    }
    Ok(())
}

/// RBAC gives mallory everything, but the Site does not make an admin of her.
fn cluster_wide_kinds_by_somebody_with_too_many_rights(tenant: &Tenant) -> Result<()> {
    let admin = tenant.sandbox.admin();
    let user = format!("mallory-{}", tenant.namespace);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    tenant
        .as_user(admin, &["create", "-f", "-"], &binding.to_string())?
        .stdout()?;
    let hers = object(
        tenant,
        INFRASTRUCTURE,
        "VSphereClusterIdentity",
        json!({"secretName": "theirs", "allowedNamespaces": {"selector": {"matchLabels": {"a": "b"}}}}),
    );
    let outcome = tenant.as_user(admin, &["--as", &user, "create", "-f", "-"], &hers)?;
    ensure!(outcome.stderr.contains("[BSP-A001]"), "{}", outcome.stderr);
    let group = [
        "--as",
        &user,
        "--as-group",
        "basphere:admins",
        "create",
        "--dry-run=server",
        "-f",
        "-",
    ];
    tenant.as_user(admin, &group, &hers)?.stdout()?;
    Ok(())
}

fn a_machine_by_its_owner_or_its_labels(tenant: &Tenant) -> Result<()> {
    let admin = tenant.sandbox.admin();
    let binding = tenant.binding(CONTROLLER).to_string();
    tenant
        .as_user(admin, &["create", "-f", "-"], &binding)?
        .stdout()?;
    let mut reference = json!({"kind": "VSphereMachine", "name": "m"});
    match tenant.version() {
        "v1beta1" => reference["apiVersion"] = format!("{INFRASTRUCTURE}/v1beta1").into(),
        _ => reference["apiGroup"] = INFRASTRUCTURE.into(),
    }
    let machine = json!({
        "apiVersion": format!("{CORE}/{}", tenant.version()),
        "kind": "Machine",
        "metadata": {
            "name": "m",
            "labels": {"cluster.x-k8s.io/cluster-name": "owned", "cluster.x-k8s.io/set-name": "theirs"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "a"}],
        },
        "spec": {"clusterName": "owned", "bootstrap": {"dataSecretName": "x"}, "infrastructureRef": reference},
    });
    let create = ["--as", CONTROLLER, "create", "-f", "-"];
    tenant
        .as_user(admin, &create, &machine.to_string())?
        .stdout()?;
    for (patch, code) in [
        (
            json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": "b"}]}}),
            "[BSP-A002]",
        ),
        (
            json!({"metadata": {"labels": {"cluster.x-k8s.io/set-name": "mine"}}}),
            "[BSP-A003]",
        ),
    ] {
        let arguments = [
            "patch",
            "machine/m",
            "--type=merge",
            "-p",
            &patch.to_string(),
        ];
        let outcome = tenant.kubectl(&arguments, "")?;
        ensure!(
            !outcome.succeeded() && outcome.stderr.contains(code),
            "{}",
            outcome.stderr
        );
    }
    Ok(())
}

fn a_vcenter_while_deleting(tenant: &Tenant) -> Result<()> {
    tenant.apply(&tenant.manifest("document-000")?)?;
    let cluster = "vspherecluster/doc";
    let hold = r#"{"metadata": {"finalizers": ["example.dev/hold"]}}"#;
    tenant
        .kubectl(&["patch", cluster, "--type=merge", "-p", hold], "")?
        .stdout()?;
    tenant
        .kubectl(&["delete", cluster, "--wait=false"], "")?
        .stdout()?;
    let steal = r#"{"spec": {"server": "collector.example"}}"#;
    let arguments = ["patch", cluster, "--type=merge", "-p", steal];
    let outcome = tenant.kubectl(&arguments, "")?;
    ensure!(outcome.stderr.contains("[BSP-D001]"), "{}", outcome.stderr);
    let admin = tenant.sandbox.admin();
    let outcome = tenant.as_user(admin, &arguments, "")?;
    ensure!(outcome.stderr.contains("[BSP-V001]"), "{}", outcome.stderr);

    let release = r#"{"metadata": {"finalizers": null}}"#;
    tenant
        .kubectl(&["patch", cluster, "--type=merge", "-p", release], "")?
        .stdout()?;
    let gone = tenant.kubectl(&["get", cluster, "--ignore-not-found", "-o=name"], "")?;
    ensure!(gone.stdout()?.is_empty(), "deleting is never held up");
    Ok(())
}

fn an_even_number_by_scale(tenant: &Tenant) -> Result<()> {
    tenant.apply(&tenant.manifest("document-000")?)?;
    let scale = |object: &str, replicas: &str| {
        tenant.kubectl(&["scale", object, &format!("--replicas={replicas}")], "")
    };
    let control_plane = "kubeadmcontrolplane/doc-control-plane";
    let outcome = scale(control_plane, "2")?;
    ensure!(
        !outcome.succeeded() && outcome.stderr.contains("[BSP-K003]"),
        "{}",
        outcome.stderr
    );
    scale(control_plane, "3")?.stdout().context("odd")?;
    scale("machinedeployment/doc-workers", "4")?
        .stdout()
        .context("workers")?;
    Ok(())
}
