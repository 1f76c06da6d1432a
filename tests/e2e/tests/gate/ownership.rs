//! Who owns what, as the API server's users see it.

use anyhow::{Result, ensure};
use basphere_e2e::Tenant;
use serde_json::json;

both_versions!(
    a_foreign_owner_is_forbidden,
    a_namespace_of_nobody_is_forbidden,
    what_controllers_create_inherits_the_owner,
    a_health_check_has_an_owner_too,
    the_requester_is_kept_as_the_api_server_knew_it,
    an_admin_names_another_owner,
    a_label_that_is_removed_comes_back,
);

fn cluster(tenant: &Tenant, labels: &str) -> String {
    format!(
        "{{apiVersion: cluster.x-k8s.io/{}, kind: Cluster, metadata: {{name: owned, labels: {{{labels}}}}}, spec: {{paused: true}}}}",
        tenant.version()
    )
}

fn a_foreign_owner_is_forbidden(tenant: &Tenant) -> Result<()> {
    let said = tenant.refused(&cluster(tenant, "owner: lee"))?;
    ensure!(
        said.contains("Forbidden") || said.contains("forbidden"),
        "{said}"
    );
    ensure!(
        said.contains("metadata.labels.owner") && said.contains("[BSP-O002]"),
        "{said}"
    );
    tenant.apply(&cluster(tenant, ""))?;
    let said = tenant.refused(&cluster(tenant, "\"basphere.dev/owner\": lee"))?;
    ensure!(
        said.contains("metadata.labels[basphere.dev/owner]") && said.contains("[BSP-O003]"),
        "{said}"
    );
    Ok(())
}

fn a_namespace_of_nobody_is_forbidden(tenant: &Tenant) -> Result<()> {
    let mut nobodys = tenant.binding("kim");
    nobodys["metadata"]["namespace"] = "default".into();
    nobodys["metadata"]["name"] = tenant.namespace.as_str().into();
    let admin = tenant.sandbox.admin();
    tenant
        .as_user(
            admin,
            &["-n", "default", "create", "-f", "-"],
            &nobodys.to_string(),
        )?
        .stdout()?;
    let outcome = tenant.kubectl(&["-n", "default", "apply", "-f", "-"], &cluster(tenant, ""))?;
    ensure!(
        !outcome.succeeded() && outcome.stderr.contains("[BSP-O001]"),
        "{}",
        outcome.stderr
    );
    Ok(())
}

fn what_controllers_create_inherits_the_owner(tenant: &Tenant) -> Result<()> {
    let ops = tenant.sandbox.ops();
    let named = cluster(tenant, "owner: team-7");
    tenant
        .as_user(ops, &["apply", "-f", "-"], &named)?
        .stdout()?;
    let controller = "system:serviceaccount:capi-system:capi-manager";
    tenant
        .as_user(
            tenant.sandbox.admin(),
            &["create", "-f", "-"],
            &tenant.binding(controller).to_string(),
        )?
        .stdout()?;
    let reference = match tenant.version() {
        "v1beta1" => {
            json!({"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1", "kind": "VSphereMachine", "name": "m"})
        }
        _ => {
            json!({"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "VSphereMachine", "name": "m"})
        }
    };
    let machine = json!({
        "apiVersion": format!("cluster.x-k8s.io/{}", tenant.version()),
        "kind": "Machine",
        "metadata": {"name": "m", "labels": {"cluster.x-k8s.io/cluster-name": "owned"}},
        "spec": {"clusterName": "owned", "bootstrap": {"dataSecretName": "x"}, "infrastructureRef": reference},
    });
    tenant
        .as_user(
            ops,
            &["--as", controller, "create", "-f", "-"],
            &machine.to_string(),
        )?
        .stdout()?;
    let labels = &tenant.get("machine/m")?["metadata"]["labels"];
    ensure!(
        labels["basphere.dev/owner"] == "team-7" && labels["owner"] == "team-7",
        "{labels}"
    );
    Ok(())
}

fn a_health_check_has_an_owner_too(tenant: &Tenant) -> Result<()> {
    let mut check = json!({
        "apiVersion": format!("cluster.x-k8s.io/{}", tenant.version()),
        "kind": "MachineHealthCheck",
        "metadata": {"name": "check"},
        "spec": {"clusterName": "owned", "selector": {"matchLabels": {"pool": "a"}}},
    });
    if tenant.version() == "v1beta1" {
        check["spec"]["unhealthyConditions"] =
            json!([{"type": "Ready", "status": "False", "timeout": "300s"}]);
    }
    tenant.apply(&check.to_string())?;
    let labels = &tenant.get("machinehealthcheck/check")?["metadata"]["labels"];
    ensure!(
        labels["basphere.dev/owner"] == "kim" && labels["owner"] == "kim",
        "{labels}"
    );
    Ok(())
}

fn the_requester_is_kept_as_the_api_server_knew_it(tenant: &Tenant) -> Result<()> {
    let name = "oidc:kim@corp.example";
    tenant
        .as_user(
            tenant.sandbox.admin(),
            &["create", "-f", "-"],
            &tenant.binding(name).to_string(),
        )?
        .stdout()?;
    let user = tenant
        .sandbox
        .control_plane()
        .user(name, &["basphere:tenants"])?;
    let written = cluster(tenant, "owner: \"oidc:kim@corp.example\"");
    tenant
        .as_user(&user, &["apply", "-f", "-"], &written)?
        .stdout()?;
    let metadata = &tenant.get("cluster/owned")?["metadata"];
    ensure!(metadata["labels"]["owner"] == "kim", "{metadata}");
    ensure!(
        metadata["annotations"]["basphere.dev/requester"] == name,
        "{metadata}"
    );
    let forged = [
        "annotate",
        "cluster/owned",
        "--overwrite",
        "basphere.dev/requester=lee",
    ];
    tenant.kubectl(&forged, "")?.stdout()?;
    ensure!(
        tenant.get("cluster/owned")?["metadata"]["annotations"]["basphere.dev/requester"] == name
    );
    Ok(())
}

fn an_admin_names_another_owner(tenant: &Tenant) -> Result<()> {
    tenant.apply(&cluster(tenant, ""))?;
    let label = [
        "label",
        "--overwrite",
        "cluster/owned",
        "basphere.dev/owner=lee",
    ];
    tenant.as_user(tenant.sandbox.ops(), &label, "")?.stdout()?;
    let labels = &tenant.get("cluster/owned")?["metadata"]["labels"];
    ensure!(
        labels["basphere.dev/owner"] == "lee" && labels["owner"] == "lee",
        "{labels}"
    );
    Ok(())
}

fn a_label_that_is_removed_comes_back(tenant: &Tenant) -> Result<()> {
    tenant.apply(&cluster(tenant, ""))?;
    tenant
        .kubectl(
            &["label", "cluster/owned", "basphere.dev/owner-", "owner-"],
            "",
        )?
        .stdout()?;
    let labels = &tenant.get("cluster/owned")?["metadata"]["labels"];
    ensure!(
        labels["basphere.dev/owner"] == "kim" && labels["owner"] == "kim",
        "{labels}"
    );
    Ok(())
}
