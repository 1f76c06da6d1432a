//! The Site in the cluster: a bad one is told of and changes nothing.

use anyhow::{Result, ensure};
use basphere_e2e::Tenant;

both_versions!(
    a_bad_site_leaves_the_last_good_one_in_force,
    the_schema_refuses_what_no_site_can_mean
);

fn a_bad_site_leaves_the_last_good_one_in_force(tenant: &Tenant) -> Result<()> {
    let ops = tenant.sandbox.ops();
    let as_ops = |arguments: &[&str]| tenant.as_user(ops, arguments, "")?.stdout();
    let dangling = r#"{"spec":{"clusterTypes":{"dev":{"workers":{"spec":"tiny"}}}}}"#;
    as_ops(&["patch", "site/default", "--type=merge", "-p", dangling])?;
    as_ops(&[
        "wait",
        "site/default",
        "--for=condition=Ready=False",
        "--timeout=30s",
    ])?;
    let message = as_ops(&[
        "get",
        "site/default",
        "-o",
        "jsonpath={.status.conditions[?(@.type=='Ready')].message}",
    ])?;
    ensure!(
        message.contains("spec.clusterTypes[dev].workers.spec") && message.contains("tiny"),
        "{message}"
    );

    tenant.apply(&tenant.manifest("document-000")?)?;
    let workers = &tenant.get("vspheremachinetemplate/doc-workers")?["spec"]["template"]["spec"];
    ensure!(
        workers["numCPUs"] == 4,
        "the last good Site is in force: {workers}"
    );

    as_ops(&[
        "patch",
        "site/default",
        "--type=merge",
        "-p",
        &dangling.replace("tiny", "medium"),
    ])?;
    as_ops(&[
        "wait",
        "site/default",
        "--for=condition=Ready=True",
        "--timeout=30s",
    ])?;
    Ok(())
}

fn the_schema_refuses_what_no_site_can_mean(tenant: &Tenant) -> Result<()> {
    let ops = tenant.sandbox.ops();
    for (patch, path) in [
        (
            r#"{"spec":{"nodeSpecs":{"small":{"cpus":0}}}}"#,
            "spec.nodeSpecs.small.cpus",
        ),
        (
            r#"{"spec":{"defaults":{"clusterType":"huge"}}}"#,
            "spec.defaults.clusterType",
        ),
        (
            r#"{"spec":{"vsphere":{"server":null}}}"#,
            "spec.vsphere.server",
        ),
    ] {
        let outcome = tenant.as_user(
            ops,
            &["patch", "site/default", "--type=merge", "-p", patch],
            "",
        )?;
        ensure!(
            !outcome.succeeded() && outcome.stderr.contains(path),
            "{path}: {}",
            outcome.stderr
        );
    }
    let site = std::fs::read_to_string(basphere_harness::example("site.yaml")?)?;
    let other = site.replace("name: default", "name: other");
    let outcome = tenant.as_user(ops, &["create", "-f", "-"], &other)?;
    let said = &outcome.stderr;
    ensure!(
        !outcome.succeeded() && said.contains("the only Site is named \"default\""),
        "{said}"
    );
    Ok(())
}
