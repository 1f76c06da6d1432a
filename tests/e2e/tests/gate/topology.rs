//! Five lines become a whole topology, on a real API server without Cluster API's controllers.

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use basphere_harness::ApiVersion;
use serde_json::{Value, json};

use crate::review::reviewed_offline;

both_versions!(
    five_lines_are_stored_as_a_whole_topology,
    applying_again_in_any_form_writes_nothing,
    a_dry_run_shows_the_address_and_reserves_none,
    what_is_too_much_is_refused_where_it_is_written,
    another_node_spec_and_version_do_what_is_expected,
    the_last_workers_go_and_stay_away,
    what_the_site_says_cannot_be_said_otherwise,
    the_class_and_its_templates_are_what_the_schemas_take,
    offline_review_fills_the_same_in,
);

const TYPE: &str = "basphere.dev/cluster-type";
const NODE_SPEC: &str = "basphere.dev/node-spec";

fn variable(topology: &Value, name: &str) -> Value {
    let mut all = topology["variables"].as_array().into_iter().flatten();
    let found = all.find(|variable| variable["name"] == name);
    found.map_or(Value::Null, |variable| variable["value"].clone())
}

fn topology(tenant: &Tenant) -> Result<Value> {
    Ok(tenant.get("cluster/five")?["spec"]["topology"].clone())
}

/// A Cluster with a topology of which only this is said.
fn partial(tenant: &Tenant, topology: Value) -> String {
    json!({
        "apiVersion": format!("cluster.x-k8s.io/{}", tenant.version()), "kind": "Cluster",
        "metadata": {"name": "five", "labels": {TYPE: "dev"}}, "spec": {"topology": topology},
    })
    .to_string()
}

fn five_lines_are_stored_as_a_whole_topology(tenant: &Tenant) -> Result<()> {
    tenant.apply(&tenant.example("topology")?)?;
    let topology = topology(tenant)?;
    let class = match tenant.sandbox.api_version() {
        ApiVersion::V1Beta1 => json!([topology["class"], topology["classNamespace"]]),
        ApiVersion::V1Beta2 => {
            json!([
                topology["classRef"]["name"],
                topology["classRef"]["namespace"]
            ])
        }
    };
    ensure!(
        class == json!(["basphere", "basphere-system"]),
        "{topology:#}"
    );
    ensure!(topology["version"] == "v1.28.0", "{topology:#}");
    ensure!(topology["controlPlane"]["replicas"] == 1, "{topology:#}");
    let workers = &topology["workers"]["machineDeployments"];
    ensure!(
        workers[0]["name"] == "workers" && workers[0]["replicas"] == 2,
        "{topology:#}"
    );
    let size = json!({"numCPUs": 4, "memoryMiB": 8192, "diskGiB": 100});
    ensure!(
        variable(&topology, "controlPlaneMachine") == size,
        "{topology:#}"
    );
    let address = variable(&topology, "controlPlaneIpAddr");
    let address = address.as_str().context("no address")?;
    let pod = variable(&topology, "kubeVipPodManifest");
    ensure!(
        pod.as_str()
            .is_some_and(|pod| pod.contains(&format!("\"{address}\""))),
        "{topology:#}"
    );
    let lease = format!("addresslease/ip.default.{address}");
    let lease = tenant.as_user(tenant.sandbox.admin(), &["get", &lease, "-o", "json"], "")?;
    let lease: Value = serde_json::from_str(&lease.stdout()?)?;
    ensure!(
        lease["spec"]["holder"]["kind"] == "Cluster" && lease["spec"]["holder"]["name"] == "five",
        "{lease:#}"
    );
    Ok(())
}

fn applying_again_in_any_form_writes_nothing(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("topology")?;
    tenant.apply(&manifest)?;
    let before = tenant.get("cluster/five")?;
    tenant.apply(&manifest)?;
    let again = tenant.get("cluster/five")?;
    ensure!(
        again["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"],
        "{again:#}"
    );
    tenant
        .kubectl(
            &["apply", "--server-side", "--force-conflicts", "-f", "-"],
            &manifest,
        )?
        .stdout()?;
    tenant
        .kubectl(&["replace", "-f", "-"], &manifest)?
        .stdout()?;
    let after = tenant.get("cluster/five")?;
    ensure!(
        after["spec"] == before["spec"],
        "{before:#}\nbecame {after:#}"
    );
    Ok(())
}

fn a_dry_run_shows_the_address_and_reserves_none(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("topology")?;
    let arguments = ["apply", "--dry-run=server", "-o", "json", "-f", "-"];
    let outcome = tenant.kubectl(&arguments, &manifest)?;
    ensure!(outcome.stderr.contains("[BSP-I017]"), "{}", outcome.stderr);
    let shown: Value = serde_json::from_str(&outcome.stdout()?)?;
    let address = variable(&shown["spec"]["topology"], "controlPlaneIpAddr");
    ensure!(
        address
            .as_str()
            .is_some_and(|address| address.starts_with("10.254.0.")),
        "{shown:#}"
    );
    let all = tenant.as_user(
        tenant.sandbox.admin(),
        &["get", "addressleases", "-o", "json"],
        "",
    )?;
    let all: Value = serde_json::from_str(&all.stdout()?)?;
    let mut leases = all["items"].as_array().into_iter().flatten();
    let namespace = json!(tenant.namespace);
    ensure!(
        !leases.any(|lease| lease["spec"]["holder"]["namespace"] == namespace),
        "{all:#}"
    );
    Ok(())
}

/// Machines by the quota of the tenant, and addresses by the pool.
fn what_is_too_much_is_refused_where_it_is_written(tenant: &Tenant) -> Result<()> {
    let many = |replicas: u64| {
        let groups = json!([{"replicas": replicas}]);
        partial(tenant, json!({"workers": {"machineDeployments": groups}}))
    };
    let said = tenant.refused(&many(1200))?;
    for part in ["[BSP-Q002]", "nodes of cluster five", "[BSP-I002]"] {
        ensure!(said.contains(part), "{part:?} is not in {said}");
    }
    tenant.apply(&many(3))?;
    let said = tenant.refused(&many(1200))?;
    ensure!(said.contains("[BSP-Q002]"), "{said}");
    Ok(())
}

fn another_node_spec_and_version_do_what_is_expected(tenant: &Tenant) -> Result<()> {
    tenant.apply(&tenant.example("topology")?)?;
    let large = json!({"metadata": {"labels": {NODE_SPEC: "large"}}, "replicas": 3});
    tenant.apply(&partial(
        tenant,
        json!({"version": "v1.34.4", "controlPlane": large}),
    ))?;
    let after = topology(tenant)?;
    let size = json!({"numCPUs": 8, "memoryMiB": 16384, "diskGiB": 200});
    ensure!(variable(&after, "controlPlaneMachine") == size, "{after:#}");
    ensure!(after["controlPlane"]["replicas"] == 3, "{after:#}");
    let images = variable(&after, "images");
    ensure!(
        images[1] == json!({"version": "v1.34.4", "template": "ubuntu-2404-kube-v1.34.4"}),
        "{after:#}"
    );
    let patch = format!(
        r#"[{{"op": "replace", "path": "/spec/topology/workers/machineDeployments/0/metadata/labels/{}", "value": "small"}}]"#,
        NODE_SPEC.replace('/', "~1")
    );
    tenant
        .kubectl(&["patch", "cluster/five", "--type=json", "-p", &patch], "")?
        .stdout()?;
    let after = topology(tenant)?;
    let size = &after["workers"]["machineDeployments"][0]["variables"]["overrides"][0]["value"];
    ensure!(size["numCPUs"] == 2, "{after:#}");
    Ok(())
}

/// The schema of v1beta2 knows no empty list.
fn the_last_workers_go_and_stay_away(tenant: &Tenant) -> Result<()> {
    let none = partial(tenant, json!({"workers": {"machineDeployments": []}}));
    let count = |topology: &Value| {
        let groups = topology["workers"]["machineDeployments"].as_array();
        groups.map_or(0, Vec::len)
    };
    tenant.apply(&tenant.example("topology")?)?;
    for manifest in [&none, &none, &tenant.example("topology")?] {
        tenant.apply(manifest)?;
        let after = topology(tenant)?;
        ensure!(count(&after) == 0, "{after:#}");
    }
    let group = json!({"workers": {"machineDeployments": [{"name": "again"}]}});
    tenant.apply(&partial(tenant, group))?;
    let after = topology(tenant)?;
    ensure!(count(&after) == 1, "{after:#}");
    tenant.kubectl(&["delete", "cluster/five"], "")?.stdout()?;
    tenant.apply(&none)?;
    let after = topology(tenant)?;
    ensure!(count(&after) == 0, "{after:#}");
    Ok(())
}

fn what_the_site_says_cannot_be_said_otherwise(tenant: &Tenant) -> Result<()> {
    tenant.apply(&tenant.example("topology")?)?;
    let mut variables = topology(tenant)?["variables"].clone();
    for variable in variables.as_array_mut().into_iter().flatten() {
        if variable["name"] == "vsphere" {
            variable["value"]["server"] = "mine.example".into();
        }
        if variable["name"] == "controlPlaneMachine" {
            variable["value"]["numCPUs"] = 64.into();
        }
    }
    let said = tenant.refused(&partial(tenant, json!({"variables": variables})))?;
    for part in ["[BSP-V001]", "value.server", "[BSP-S003]"] {
        ensure!(said.contains(part), "{part:?} is not in {said}");
    }
    let class = match tenant.sandbox.api_version() {
        ApiVersion::V1Beta1 => json!({"class": "mine", "version": "v1.28.0"}),
        ApiVersion::V1Beta2 => json!({"classRef": {"name": "mine"}, "version": "v1.28.0"}),
    };
    let other = partial(tenant, class).replace("five", "other");
    ensure!(tenant.refused(&other)?.contains("[BSP-C004]"));
    Ok(())
}

fn the_class_and_its_templates_are_what_the_schemas_take(tenant: &Tenant) -> Result<()> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(format!("clusterclass.{}.yaml", tenant.version()));
    let class = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let admin = tenant.sandbox.admin();
    let apply = [
        "apply",
        "--dry-run=server",
        "--validate=strict",
        "--namespace=basphere-system",
        "-f",
        "-",
    ];
    let mut command = tenant.sandbox.kubectl(admin)?;
    command.args(apply);
    let said = basphere_harness::run(&mut command, &class)?.stdout()?;
    ensure!(said.matches("(server dry run)").count() == 6, "{said}");
    // Nobody but an admin writes it, wherever.
    let mine = class.replace("basphere-system", &tenant.namespace);
    let said = tenant.refused(&mine)?;
    ensure!(
        said.contains("clusterclasses") || said.contains("[BSP-A001]"),
        "{said}"
    );
    Ok(())
}

fn offline_review_fills_the_same_in(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("topology")?;
    let reviewed = reviewed_offline(tenant, &manifest)?;
    let item = &reviewed["items"][0];
    ensure!(item["allowed"] == true, "{item:#}");
    tenant.apply(&manifest)?;
    let stored = topology(tenant)?;
    let mut said = item["object"]["spec"]["topology"].clone();
    // Only the cluster knows which addresses there are.
    let needed = item["needsCluster"].as_array().context("no list")?;
    ensure!(needed.contains(&json!("AddressPool")), "{item:#}");
    let variables = said["variables"].as_array_mut().context("no variables")?;
    for name in ["controlPlaneIpAddr", "kubeVipPodManifest"] {
        ensure!(!variables.iter().any(|variable| variable["name"] == name));
        variables.push(json!({"name": name, "value": variable(&stored, name)}));
    }
    ensure!(said == stored, "{said:#}\nstored is {stored:#}");
    Ok(())
}
