//! What an admin sets for one tenant: why, for how long, and who.

use anyhow::{Result, ensure};
use basphere_harness::wait;
use serde_json::{Value, json};

use crate::renter::{PATIENCE, Renter, ensure_says};

both_versions!(
    an_override_counts_until_it_expires,
    who_has_set_it_is_filled_in,
    a_soft_limit_warns,
    a_tenant_that_contradicts_itself_is_refused,
);

fn an_override_counts_until_it_expires(renter: &Renter<'_>) -> Result<()> {
    let until = |seconds: i64| {
        let now = jiff::Timestamp::now();
        let expires = now + jiff::SignedDuration::from_secs(seconds);
        json!({"quotas": [{
            "limits": {"clusters": 5}, "reason": "a fair", "expires": expires.to_string(),
        }]})
    };
    renter.limit(&renter.name, &until(3600))?;
    for name in ["a", "b", "c", "d"] {
        renter.create(&renter.cluster(name))?;
    }
    renter.wait_for(&renter.name, "clusters", "4/5")?;
    renter.limit(&renter.name, &until(2))?;
    let dry = ["create", "--dry-run=server", "-f", "-"];
    let cluster = renter.cluster("e");
    let mut said = String::new();
    wait::until("it has expired", PATIENCE, || {
        let outcome = renter.run_as(renter.user(), &dry, &cluster)?;
        said.clone_from(&outcome.stderr);
        Ok((!outcome.succeeded()).then_some(()))
    })?;
    ensure_says(
        &said,
        "clusters requested +1, used 4, limit 3, exceeded by 2; none is left [BSP-Q001]",
    )
}

fn who_has_set_it_is_filled_in(renter: &Renter<'_>) -> Result<()> {
    let first = json!({"limits": {"clusters": 5}, "reason": "a fair"});
    let second = json!({"limits": {"nodes": 50}, "reason": "a trial"});
    let apply = |quotas: Value, user| -> Result<()> {
        let tenant = json!({
            "apiVersion": "basphere.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": renter.name}, "spec": {"quotas": quotas},
        });
        let arguments = ["apply", "-f", "-"];
        renter.run_as(user, &arguments, &tenant)?.stdout().map(drop)
    };
    let (ops, admin) = (renter.sandbox.ops(), renter.sandbox.admin());
    apply(json!([first]), ops)?;
    apply(json!([first, second]), admin)?;
    let quotas = &renter.tenant(&renter.name)?["spec"]["quotas"];
    ensure!(
        quotas[0]["setBy"] == "ops" && quotas[1]["setBy"] == "admin",
        "{quotas:#}"
    );
    // Who changes it has set it.
    let mut changed = first.clone();
    changed["limits"]["clusters"] = 6.into();
    apply(json!([changed, second]), admin)?;
    let quotas = &renter.tenant(&renter.name)?["spec"]["quotas"];
    ensure!(
        quotas[0]["setBy"] == "admin" && quotas[1]["setBy"] == "admin",
        "{quotas:#}"
    );
    Ok(())
}

fn a_soft_limit_warns(renter: &Renter<'_>) -> Result<()> {
    let quotas = json!([{"soft": {"nodes": 2}, "limits": {"nodes": 4}, "reason": "a trial"}]);
    renter.limit(&renter.name, &json!({"quotas": quotas}))?;
    renter.create(&renter.cluster("demo"))?;
    let said = renter.create(&renter.deployment("workers", "demo", 2))?;
    ensure!(!said.contains("BSP-Q"), "{said}");
    let object = "machinedeployments/workers";
    let said = renter.run(&["scale", object, "--replicas=3"], &Value::Null)?;
    ensure_says(&said, "Warning:")?;
    ensure_says(
        &said,
        "nodes requested +1, used 2, soft limit 2, exceeded by 1",
    )?;
    ensure_says(&said, "[BSP-Q014]")?;
    let said = renter.refused(&["scale", object, "--replicas=5"], &Value::Null)?;
    ensure_says(
        &said,
        "nodes requested +2, used 3, limit 4, exceeded by 1; at most 4 replicas fit [BSP-Q003]",
    )
}

fn a_tenant_that_contradicts_itself_is_refused(renter: &Renter<'_>) -> Result<()> {
    let apply = |name: &str, spec: Value| {
        let tenant = json!({
            "apiVersion": "basphere.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": name}, "spec": spec,
        });
        let arguments = ["apply", "-f", "-"];
        let outcome = renter.run_as(renter.sandbox.ops(), &arguments, &tenant)?;
        Ok::<_, anyhow::Error>(outcome.stderr)
    };
    let own = renter.name.as_str();
    let said = apply(own, json!({"parent": own}))?;
    ensure_says(&said, "spec.parent")?;
    ensure_says(&said, "would be above itself")?;
    ensure_says(&said, "[BSP-Q018]")?;
    let said = apply(own, json!({"parent": "nobody"}))?;
    ensure_says(&said, "there is no Tenant nobody")?;

    let group = format!("{own}-group");
    apply(&group, json!({}))?;
    apply(own, json!({"parent": group}))?;
    let said = apply(&group, json!({"parent": own}))?;
    ensure_says(&said, "would be above itself")?;
    let quotas = |limits: Value| json!({"quotas": [{"limits": limits, "reason": "a test"}]});
    let said = apply(own, quotas(json!({"largestNodeSpec": "huge"})))?;
    ensure_says(&said, "spec.quotas[0].limits.largestNodeSpec")?;
    let said = apply(own, quotas(json!({"clustersByType": {"huge": 1}})))?;
    ensure_says(&said, "is not one of the site's cluster types")?;
    let said = apply(own, json!({"quotas": [{"limits": {}, "reason": " "}]}))?;
    ensure_says(&said, "spec.quotas[0].reason")
}
