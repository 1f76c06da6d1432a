//! `/scale`, by kubectl and as the autoscaler writes it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::objects::MOST;
use crate::renter::{Renter, binding, ensure_says};

both_versions!(
    a_deployment_is_not_scaled_beyond_the_quota,
    a_set_is_not_scaled_beyond_the_quota,
    a_pool_is_not_scaled_beyond_the_quota,
    a_control_plane_is_not_scaled_beyond_the_quota,
    the_autoscaler_is_told_the_same,
    what_the_autoscaler_may_make_is_charged_from_the_start,
    scaling_down_passes_whatever_the_limit_is,
);

const AUTOSCALER: &str = "system:serviceaccount:kube-system:cluster-autoscaler";

/// Two machines, of ten that one cluster may have.
fn scaled(renter: &Renter<'_>, kind: &str, plural: &str) -> Result<()> {
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.machines(kind, "workers", "demo", 2))?;
    let object = format!("{plural}/workers");
    let said = renter.refused(&["scale", &object, "--replicas=11"], &Value::Null)?;
    ensure_says(&said, "Error from server (Forbidden)")?;
    ensure_says(&said, &words(renter, 9, 2, 1))?;
    renter.run(&["scale", &object, "--replicas=10"], &Value::Null)?;
    ensure!(renter.read_own(&object)?["spec"]["replicas"] == 10);
    let said = renter.refused(&["scale", &object, "--replicas=12"], &Value::Null)?;
    ensure_says(&said, &words(renter, 2, 10, 2))
}

fn words(renter: &Renter<'_>, requested: u64, used: u64, by: u64) -> String {
    format!(
        "spec.replicas: Forbidden: quota {}: nodes of cluster demo requested +{requested}, used {used}, limit 10, exceeded by {by}; at most 10 replicas fit [BSP-Q002]; kubectl basphere quota explain",
        renter.name
    )
}

impl Renter<'_> {
    pub(crate) fn read_own(&self, object: &str) -> Result<Value> {
        let json = self.run(&["get", object, "-o=json"], &Value::Null)?;
        serde_json::from_str(&json).context("kubectl wrote no JSON")
    }
}

fn a_deployment_is_not_scaled_beyond_the_quota(renter: &Renter<'_>) -> Result<()> {
    scaled(renter, "MachineDeployment", "machinedeployments")
}

fn a_set_is_not_scaled_beyond_the_quota(renter: &Renter<'_>) -> Result<()> {
    scaled(renter, "MachineSet", "machinesets")
}

fn a_pool_is_not_scaled_beyond_the_quota(renter: &Renter<'_>) -> Result<()> {
    scaled(renter, "MachinePool", "machinepools")
}

fn a_control_plane_is_not_scaled_beyond_the_quota(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster_with_control_plane("demo"))?;
    renter.create(&renter.control_plane("demo", 1))?;
    let object = "kubeadmcontrolplanes/demo-control-plane";
    let said = renter.refused(&["scale", object, "--replicas=11"], &Value::Null)?;
    // An even number would be refused for another reason.
    let odd = words(renter, 10, 1, 1).replace("at most 10 ", "at most 9 ");
    ensure_says(&said, &odd)?;
    renter.run(&["scale", object, "--replicas=3"], &Value::Null)?;
    ensure!(renter.read_own(object)?["spec"]["replicas"] == 3);
    Ok(())
}

/// The autoscaler reads the scale, changes the number, and puts it back, resource version and all.
fn the_autoscaler_is_told_the_same(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.deployment("workers", "demo", 2))?;
    let rights = binding(&renter.namespace, AUTOSCALER);
    renter.admin(&["create", "-f", "-"], &rights)?;
    let groups = [
        "system:serviceaccounts",
        "system:serviceaccounts:kube-system",
    ];
    let user = renter.sandbox.control_plane().user(AUTOSCALER, &groups)?;
    let path = format!(
        "/apis/cluster.x-k8s.io/{}/namespaces/{}/machinedeployments/workers/scale",
        renter.version(),
        renter.namespace
    );
    let put = |replicas: u64| {
        let read = renter.run_as(&user, &["get", "--raw", &path], &Value::Null)?;
        let mut scale: Value = serde_json::from_str(&read.stdout()?)?;
        ensure!(scale["kind"] == "Scale", "{scale}");
        scale["spec"]["replicas"] = replicas.into();
        renter.run_as(&user, &["replace", "--raw", &path, "-f", "-"], &scale)
    };
    let outcome = put(11)?;
    ensure!(!outcome.succeeded(), "{}", outcome.stdout);
    ensure_says(&outcome.stderr, &words(renter, 9, 2, 1))?;
    put(10)?.stdout()?;
    ensure!(renter.read_own("machinedeployments/workers")?["spec"]["replicas"] == 10);
    put(1)?.stdout().map(drop)
}

fn what_the_autoscaler_may_make_is_charged_from_the_start(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("demo"))?;
    let mut deployment = renter.deployment("workers", "demo", 2);
    deployment["metadata"]["annotations"] = json!({MOST: "12"});
    let said = renter.create_refused(&deployment)?;
    ensure_says(&said, &format!("metadata.annotations[{MOST}]: Forbidden"))?;
    ensure_says(
        &said,
        "nodes of cluster demo requested +12, used 0, limit 10, exceeded by 2; at most 10 replicas fit [BSP-Q002]",
    )?;
    deployment["metadata"]["annotations"] = json!({MOST: "8"});
    renter.create(&deployment)?;
    renter.wait_for(&renter.name, "nodes", "8/-")?;
    // It is charged already.
    let object = "machinedeployments/workers";
    renter.run(&["scale", object, "--replicas=8"], &Value::Null)?;
    let more = format!("{MOST}=11");
    let said = renter.refused(&["annotate", object, "--overwrite", &more], &Value::Null)?;
    ensure_says(
        &said,
        "nodes of cluster demo requested +3, used 8, limit 10, exceeded by 1; at most 10 replicas fit [BSP-Q002]",
    )
}

fn scaling_down_passes_whatever_the_limit_is(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.deployment("workers", "demo", 8))?;
    renter.limit_own(&json!({"nodesPerCluster": 3}))?;
    let object = "machinedeployments/workers";
    renter.run(&["scale", object, "--replicas=6"], &Value::Null)?;
    renter.wait_for(&renter.name, "nodes", "6/-")?;
    let said = renter.refused(&["scale", object, "--replicas=7"], &Value::Null)?;
    ensure_says(
        &said,
        "nodes of cluster demo requested +1, used 6, limit 3, exceeded by 4; at most 3 replicas fit [BSP-Q002]",
    )?;
    renter.run(&["scale", object, "--replicas=0"], &Value::Null)?;
    renter.wait_for(&renter.name, "nodes", "0/-")
}
