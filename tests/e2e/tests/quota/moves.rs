//! Owners that move, namespaces that come and go, and Tenants that are deleted.

use anyhow::{Result, ensure};
use basphere_harness::wait;
use serde_json::{Value, json};

use crate::renter::{PATIENCE, Renter, ensure_says};

both_versions!(
    a_namespace_that_is_given_to_another_takes_its_objects_along,
    a_namespace_that_is_made_again_begins_with_nothing,
    a_tenant_in_use_is_not_deleted,
);

fn a_namespace_that_is_given_to_another_takes_its_objects_along(renter: &Renter<'_>) -> Result<()> {
    let other = Renter::on(renter.sandbox)?;
    for name in ["a", "b"] {
        renter.create(&renter.cluster(name))?;
    }
    renter.create(&renter.deployment("workers", "a", 4))?;
    renter.wait_for(&renter.name, "nodes", "4/-")?;
    other.create(&other.cluster("own"))?;

    let label = format!("basphere.dev/owner={}", other.name);
    let namespace = format!("namespace/{}", renter.namespace);
    let arguments = ["label", &namespace, "--overwrite", &label];
    renter.admin(&arguments, &Value::Null)?;
    renter.wait_for(&renter.name, "clusters", "0/3")?;
    other.wait_for(&other.name, "clusters", "3/3")?;
    other.wait_for(&other.name, "nodes", "4/-")?;
    let said = other.create_refused(&other.cluster("more"))?;
    ensure_says(
        &said,
        "clusters requested +1, used 3, limit 3, exceeded by 1",
    )?;
    // Whoever had it is charged for what it still has alone.
    let second = format!("{}-two", renter.namespace);
    renter.rent(&second)?;
    let arguments = ["create", "-f", "-", "--namespace", &second];
    for name in ["a", "b", "c"] {
        renter.run(&arguments, &renter.cluster(name))?;
    }
    Ok(())
}

/// There is no namespace controller here, so the test empties and finalizes it as that one would.
fn a_namespace_that_is_made_again_begins_with_nothing(renter: &Renter<'_>) -> Result<()> {
    let second = format!("{}-two", renter.namespace);
    renter.rent(&second)?;
    let create = ["create", "-f", "-", "--namespace", &second];
    for name in ["a", "b", "c"] {
        renter.run(&create, &renter.cluster(name))?;
    }
    renter.wait_for(&renter.name, "clusters", "3/3")?;
    let namespace = format!("namespace/{second}");
    renter.admin(&["delete", &namespace, "--wait=false"], &Value::Null)?;
    let all = ["delete", "clusters", "--all", "--namespace", &second];
    renter.admin(&all, &Value::Null)?;
    let finalize = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": second}, "spec": {"finalizers": []},
    });
    let path = format!("/api/v1/namespaces/{second}/finalize");
    renter.admin(&["replace", "--raw", &path, "-f", "-"], &finalize)?;
    wait::until("the namespace is gone", PATIENCE, || {
        let outcome = renter.run_as(renter.sandbox.admin(), &["get", &namespace], &Value::Null)?;
        Ok(outcome.stderr.contains("NotFound").then_some(()))
    })?;
    renter.wait_for(&renter.name, "clusters", "0/3")?;
    let again = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": second, "labels": {"basphere.dev/owner": renter.name},
    }});
    renter.admin(&["create", "-f", "-"], &again)?;
    let as_admin = |name: &str| {
        let cluster = renter.cluster(name);
        renter.run_as(renter.sandbox.admin(), &create, &cluster)
    };
    for name in ["a", "b", "c"] {
        as_admin(name)?.stdout()?;
    }
    renter.wait_for(&renter.name, "clusters", "3/3")
}

fn a_tenant_in_use_is_not_deleted(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("a"))?;
    renter.create(&renter.deployment("workers", "a", 4))?;
    renter.settle()?;
    let tenant = format!("tenant/{}", renter.name);
    let admin = renter.sandbox.admin();
    let outcome = renter.run_as(admin, &["delete", &tenant], &Value::Null)?;
    ensure!(!outcome.succeeded(), "{}", outcome.stdout);
    ensure_says(
        &outcome.stderr,
        &format!("tenant {} uses clusters 1, nodes 4", renter.name),
    )?;
    ensure_says(
        &outcome.stderr,
        "delete its clusters first, or only its spec.quotas [BSP-Q019]",
    )?;
    let names = ["delete", "cluster/a", "machinedeployment/workers"];
    renter.run(&names, &Value::Null)?;
    renter.wait_for(&renter.name, "clusters", "0/3")?;
    renter.admin(&["delete", &tenant], &Value::Null)?;
    // It has a namespace still, so it is made again with the first charge at the latest.
    renter.create(&renter.cluster("a"))?;
    renter.wait_for(&renter.name, "clusters", "1/3")
}
