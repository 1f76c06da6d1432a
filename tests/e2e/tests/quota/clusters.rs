//! Clusters by their number, and what is free of charge.

use std::time::Duration;

use anyhow::{Result, ensure};
use basphere_harness::wait;
use serde_json::{Value, json};

use crate::renter::{PATIENCE, Renter, ensure_says};

both_versions!(
    a_fourth_cluster_is_refused_until_another_is_deleted,
    a_tenant_whose_name_no_object_may_have_is_charged_as_well,
    a_namesake_of_a_deleted_cluster_is_charged_by_itself,
    over_quota_the_same_files_and_smaller_ones_pass,
    a_dry_run_is_judged_and_writes_nothing,
    every_limit_that_is_exceeded_is_told_at_once,
    what_is_refused_afterwards_comes_back,
    creates_at_the_same_moment_do_not_exceed_together,
);

fn fourth(renter: &Renter<'_>) -> String {
    format!(
        "spec: Forbidden: quota {}: clusters requested +1, used 3, limit 3, exceeded by 1; none is left [BSP-Q001]; kubectl basphere quota explain",
        renter.name
    )
}

fn a_fourth_cluster_is_refused_until_another_is_deleted(renter: &Renter<'_>) -> Result<()> {
    for name in ["a", "b", "c"] {
        renter.create(&renter.cluster(name))?;
    }
    let said = renter.create_refused(&renter.cluster("d"))?;
    ensure_says(&said, "Error from server (Forbidden)")?;
    ensure_says(&said, &fourth(renter))?;
    // The quota is the tenant's, whichever of its namespaces is asked.
    let second = format!("{}-two", renter.namespace);
    renter.rent(&second)?;
    let arguments = ["create", "-f", "-", "--namespace", &second];
    let said = renter.refused(&arguments, &renter.cluster("d"))?;
    ensure_says(&said, &fourth(renter))?;

    renter.run(&["delete", "cluster/b"], &Value::Null)?;
    renter.create_soon(&renter.cluster("d"))?;
    let said = renter.create_refused(&renter.cluster("e"))?;
    ensure_says(&said, &fourth(renter))
}

fn a_tenant_whose_name_no_object_may_have_is_charged_as_well(renter: &Renter<'_>) -> Result<()> {
    let odd = Renter::of_an_odd_name(renter.sandbox)?;
    for name in ["a", "b", "c"] {
        odd.create(&odd.cluster(name))?;
    }
    let said = odd.create_refused(&odd.cluster("d"))?;
    ensure_says(
        &said,
        "clusters requested +1, used 3, limit 3, exceeded by 1",
    )?;
    let name = basphere_core::quota::account_name(&odd.name);
    odd.run(&["delete", "cluster/b", "cluster/c"], &Value::Null)?;
    odd.wait_for(&name, "clusters", "1/3")
}

fn a_namesake_of_a_deleted_cluster_is_charged_by_itself(renter: &Renter<'_>) -> Result<()> {
    renter.limit_own(&json!({"clusters": 1, "nodes": 4}))?;
    for _ in 0..3 {
        // The one before may not be booked as gone yet; then there is no room for its namesake.
        renter.create_soon(&renter.cluster("a"))?;
        renter.create_soon(&renter.deployment("workers", "a", 4))?;
        let said = renter.create_refused(&renter.cluster("b"))?;
        ensure_says(
            &said,
            "clusters requested +1, used 1, limit 1, exceeded by 1",
        )?;
        let names = ["delete", "cluster/a", "machinedeployment/workers"];
        renter.run(&names, &Value::Null)?;
    }
    renter.create_soon(&renter.cluster("a"))?;
    renter.create_soon(&renter.deployment("workers", "a", 4))?;
    renter.settle()?;
    let status = &renter.tenant(&renter.name)?["status"];
    let entries = status["ledger"]["entries"].as_object();
    ensure!(entries.is_some_and(|all| all.len() == 2), "{status:#}");
    ensure!(status["summary"]["clusters"] == "1/1" && status["summary"]["nodes"] == "4/4");
    Ok(())
}

fn over_quota_the_same_files_and_smaller_ones_pass(renter: &Renter<'_>) -> Result<()> {
    let files = |replicas: u64| {
        json!({"apiVersion": "v1", "kind": "List", "items": [
            renter.cluster("a"), renter.cluster("b"), renter.template("workers", "medium"),
            renter.deployment("workers", "a", replicas),
        ]})
    };
    let apply = ["apply", "-f", "-"];
    renter.run(&apply, &files(6))?;
    renter.settle()?;
    renter.limit_own(&json!({"clusters": 1, "nodes": 2, "vcpus": 3}))?;
    renter.wait_for(&renter.name, "nodes", "6/2")?;

    let said = renter.run(&apply, &files(6))?;
    ensure!(!said.contains("BSP-Q"), "{said}");
    renter.run(
        &["apply", "--server-side", "--force-conflicts", "-f", "-"],
        &files(6),
    )?;
    renter.run(&["label", "cluster/a", "team=x"], &Value::Null)?;
    renter.run(&apply, &files(5))?;
    let said = renter.refused(&apply, &files(7))?;
    ensure_says(&said, "limit 2, exceeded by")?;
    renter.run(&["delete", "cluster/b"], &Value::Null)?;
    renter.run(&["delete", "machinedeployment/workers"], &Value::Null)?;
    renter.wait_for(&renter.name, "nodes", "0/2")?;
    renter.wait_for(&renter.name, "vcpus", "0/3")
}

fn a_dry_run_is_judged_and_writes_nothing(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.deployment("workers", "demo", 2))?;
    renter.settle()?;
    let before = renter.tenant(&renter.name)?;
    let dry = ["create", "--dry-run=server", "-f", "-"];
    renter.run(&dry, &renter.cluster("other"))?;
    renter.run(&dry, &renter.deployment("more", "demo", 8))?;
    let object = "machinedeployments/workers";
    let scale = |replicas: &'static str| ["scale", object, "--dry-run=server", replicas];
    renter.run(&scale("--replicas=10"), &Value::Null)?;
    let said = renter.refused(&scale("--replicas=11"), &Value::Null)?;
    ensure_says(&said, "exceeded by 1; at most 10 replicas fit [BSP-Q002]")?;
    let said = renter.refused(&dry, &renter.deployment("more", "demo", 9))?;
    ensure_says(
        &said,
        "nodes of cluster demo requested +9, used 2, limit 10, exceeded by 1; at most 8 replicas fit [BSP-Q002]",
    )?;
    let after = renter.tenant(&renter.name)?;
    let version = |tenant: &Value| tenant["metadata"]["resourceVersion"].clone();
    ensure!(version(&before) == version(&after), "{before:#}\n{after:#}");
    Ok(())
}

fn every_limit_that_is_exceeded_is_told_at_once(renter: &Renter<'_>) -> Result<()> {
    renter.limit_own(&json!({"nodes": 3, "vcpus": 8, "nodePools": 0}))?;
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.template("workers", "medium"))?;
    let said = renter.create_refused(&renter.deployment("workers", "demo", 11))?;
    for text in [
        "nodes of cluster demo requested +11, used 0, limit 10, exceeded by 1; at most 10 replicas fit [BSP-Q002]",
        "nodes requested +11, used 0, limit 3, exceeded by 8; at most 3 replicas fit [BSP-Q003]",
        "vCPUs requested +44, used 0, limit 8, exceeded by 36; at most 2 replicas fit [BSP-Q005]",
        "node pools requested +1, used 0, limit 0, exceeded by 1; none is left [BSP-Q012]",
    ] {
        ensure_says(&said, text)?;
    }
    Ok(())
}

/// Somebody else's webhook refuses what has been charged; nothing of it is ever stored. A policy would be
/// asked before us, and what it refuses is never charged.
fn what_is_refused_afterwards_comes_back(renter: &Renter<'_>) -> Result<()> {
    const MESSAGE: &str = "failed calling webhook \"refusing.example.org\"";
    let name = format!("refusing-{}", renter.name);
    let refusing = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "refusing.example.org",
            // Nobody listens there.
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "rules": [{
                "apiGroups": ["cluster.x-k8s.io"], "apiVersions": ["*"],
                "operations": ["CREATE"], "resources": ["clusters"],
            }],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": renter.namespace}},
            "matchConditions": [{
                "name": "refused", "expression": "object.metadata.name == 'refused'",
            }],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    });
    renter.limit_own(&json!({"clusters": 1}))?;
    renter.admin(&["create", "-f", "-"], &refusing)?;
    let dry = ["create", "--dry-run=server", "-f", "-"];
    wait::until("the other webhook is asked", PATIENCE, || {
        let admin = renter.sandbox.admin();
        let outcome = renter.run_as(admin, &dry, &renter.cluster("refused"))?;
        Ok(outcome.stderr.contains(MESSAGE).then_some(()))
    })?;
    let refused = renter.create_refused(&renter.cluster("refused"))?;
    ensure_says(&refused, MESSAGE)?;
    let status = &renter.tenant(&renter.name)?["status"];
    ensure!(status["summary"]["clusters"] == "1/1", "{status:#}");
    let said = renter.create_refused(&renter.cluster("good"))?;
    ensure_says(
        &said,
        "clusters requested +1, used 1, limit 1, exceeded by 1",
    )?;
    renter.wait_for(&renter.name, "clusters", "0/1")?;
    renter.create(&renter.cluster("good"))?;
    let names = ["delete", "validatingwebhookconfiguration", &name];
    renter.admin(&names, &Value::Null).map(drop)
}

fn creates_at_the_same_moment_do_not_exceed_together(renter: &Renter<'_>) -> Result<()> {
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let each = (0..6).map(|number| {
            let cluster = renter.cluster(&format!("c-{number}"));
            scope.spawn(move || renter.run(&["create", "-f", "-"], &cluster))
        });
        let running: Vec<_> = each.collect();
        running
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect()
    });
    let mut admitted = 0;
    for outcome in outcomes {
        match outcome {
            Ok(Ok(_)) => admitted += 1,
            Ok(Err(error)) => ensure_says(&format!("{error:#}"), &fourth(renter))?,
            Err(_) => anyhow::bail!("a client panicked"),
        }
    }
    ensure!(admitted == 3, "{admitted} clusters were admitted");
    let count = || -> Result<usize> {
        let list = renter.read_own("clusters")?;
        Ok(list["items"].as_array().map_or(0, Vec::len))
    };
    wait::until("three are stored", Duration::from_secs(5), || {
        Ok((count()? == 3).then_some(()))
    })
}
