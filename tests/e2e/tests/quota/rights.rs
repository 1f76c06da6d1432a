//! Who may read and write what.

use anyhow::{Context, Result, ensure};
use basphere_harness::wait;
use serde_json::{Value, json};

use crate::renter::{PATIENCE, Renter, ensure_says};

both_versions!(
    a_tenant_reads_what_it_uses_and_nobody_elses,
    a_tenant_writes_neither_its_limits_nor_its_use,
);

fn a_tenant_reads_what_it_uses_and_nobody_elses(renter: &Renter<'_>) -> Result<()> {
    let other = Renter::on(renter.sandbox)?;
    renter.create(&renter.cluster("a"))?;
    renter.create(&renter.deployment("workers", "a", 4))?;
    let mut last = Value::Null;
    let shown = wait::until("it is shown", PATIENCE, || {
        let outcome = renter.run_as(
            renter.user(),
            &["get", "tenantquota/default", "-o=json"],
            &Value::Null,
        )?;
        last = serde_json::from_str(&outcome.stdout).unwrap_or_default();
        let summary = &last["status"]["summary"];
        Ok((summary["nodes"] == "4/-" && summary["clusters"] == "1/3").then_some(()))
    });
    shown.with_context(|| format!("{last:#}"))?;
    ensure!(last["status"]["tenant"] == renter.name, "{last:#}");
    let table = renter.run(&["get", "tq"], &Value::Null)?;
    ensure!(
        table.contains(&renter.name) && table.contains("1/3"),
        "{table}"
    );
    let get = ["get", "tq", "--namespace", &other.namespace];
    ensure_says(&renter.refused(&get, &Value::Null)?, "Forbidden")?;
    let all = renter.refused(&["get", "tq", "--all-namespaces"], &Value::Null)?;
    ensure_says(&all, "Forbidden")?;
    let tenant = format!("tenant/{}", other.name);
    ensure_says(
        &renter.refused(&["get", &tenant], &Value::Null)?,
        "Forbidden",
    )
}

fn a_tenant_writes_neither_its_limits_nor_its_use(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("a"))?;
    wait::until("it is shown", PATIENCE, || {
        let get = ["get", "tq", "default"];
        let outcome = renter.run_as(renter.user(), &get, &Value::Null)?;
        Ok(outcome.succeeded().then_some(()))
    })?;
    let spec = json!({"spec": {"quotas": []}}).to_string();
    let status = json!({"status": {"ledger": null}}).to_string();
    let tenant = format!("tenant/{}", renter.name);
    for arguments in [
        vec!["patch", &tenant, "--type=merge", "-p", &spec],
        vec![
            "patch",
            &tenant,
            "--subresource=status",
            "--type=merge",
            "-p",
            &status,
        ],
        vec!["delete", &tenant],
        vec!["patch", "tq/default", "--type=merge", "-p", &spec],
        vec![
            "patch",
            "tq/default",
            "--subresource=status",
            "--type=merge",
            "-p",
            &status,
        ],
        vec!["delete", "tq/default"],
    ] {
        let said = renter.refused(&arguments, &Value::Null)?;
        ensure_says(&said, "Forbidden")?;
    }
    Ok(())
}
