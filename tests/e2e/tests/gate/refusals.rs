//! Refusals as a person reads them: kubectl's own output.

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;

both_versions!(
    every_reason_is_given_at_once,
    field_errors_are_listed_by_kubectl,
    a_version_and_an_even_number_are_refused_with_what_would_pass,
    the_same_file_is_refused_by_server_side_apply_and_dry_run,
);

fn every_reason_is_given_at_once(tenant: &Tenant) -> Result<()> {
    let said = tenant.refused(&tenant.example("refused")?)?;
    for (path, code) in [
        ("metadata.labels[basphere.dev/owner]", "BSP-O002"),
        ("spec.template.spec.server", "BSP-V001"),
        ("spec.template.spec.network.devices[0].dhcp4", "BSP-V003"),
        ("spec.template.spec", "BSP-S002"),
        ("spec.template.spec.template", "BSP-V002"),
    ] {
        ensure!(
            said.contains(path) && said.contains(code),
            "{path} [{code}] is not in: {said}"
        );
    }
    ensure!(said.contains("nearest: medium"), "{said}");
    ensure!(
        tenant
            .kubectl(&["get", "vspheremachinetemplate/refused"], "")?
            .stderr
            .contains("NotFound")
    );
    Ok(())
}

fn field_errors_are_listed_by_kubectl(tenant: &Tenant) -> Result<()> {
    let manifest = tenant
        .example("refused")?
        .replace("    basphere.dev/owner: lee\n", "    team: x\n");
    let said = tenant.refused(&manifest)?;
    ensure!(
        said.contains("The VSphereMachineTemplate \"refused\" is invalid:"),
        "{said}"
    );
    for line in [
        "* spec.template.spec.server: Unsupported value: \"vcenter.elsewhere.example\": the site's is \"vcenter.corp.example\"",
        "* spec.template.spec.network.devices[0].dhcp4: Invalid value: true: network VM Network has no DHCP",
        "* spec.template.spec.template: Unsupported value: \"windows-98\": the site's VM templates are",
    ] {
        ensure!(said.contains(line), "{line:?} is not in: {said}");
    }
    Ok(())
}

fn a_version_and_an_even_number_are_refused_with_what_would_pass(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.manifest("document-000")?;
    let control_plane = manifest
        .split("\n---\n")
        .nth(2)
        .context("no control plane")?;
    let manifest =
        control_plane.replace("\nspec:\n", "\nspec:\n  replicas: 2\n  version: v1.29.1\n");
    let said = tenant.refused(&manifest)?;
    for text in [
        "spec.version: Unsupported value: \"v1.29.1\": the site offers v1.28.0 and v1.34.4; nearest: v1.28.0 [BSP-K001]",
        "spec.replicas: Invalid value: 2: etcd on the control plane needs an odd number of members; 1 or 3 [BSP-K003]",
    ] {
        ensure!(said.contains(text), "{text:?} is not in: {said}");
    }
    Ok(())
}

fn the_same_file_is_refused_by_server_side_apply_and_dry_run(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("refused")?;
    for arguments in [
        &["apply", "--server-side", "-f", "-"][..],
        &["apply", "--dry-run=server", "-f", "-"],
        &["create", "-f", "-"],
    ] {
        let outcome = tenant.kubectl(arguments, &manifest)?;
        ensure!(
            !outcome.succeeded() && outcome.stderr.contains("BSP-V001"),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
    Ok(())
}
