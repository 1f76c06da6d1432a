//! What the README shows is what happens.

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use basphere_harness::ApiVersion;

fn readme() -> Result<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    std::fs::read_to_string(path).context("no README")
}

#[test]
fn the_refusal_is_the_one_that_kubectl_prints() -> Result<()> {
    let tenant = Tenant::new(ApiVersion::V1Beta1)?;
    let said = tenant
        .kubectl(
            &["-n", "user-kim", "apply", "-f", "-"],
            &tenant.example("refused")?,
        )?
        .stderr;
    let readme = readme()?;
    let shown: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("* ") && line.contains("[BSP-"))
        .collect();
    ensure!(shown.len() == 5, "{shown:#?}");
    for line in shown {
        ensure!(
            said.contains(line),
            "the README shows {line:?}, kubectl said: {said}"
        );
    }
    ensure!(said.contains("denied the request: 5 problems:"), "{said}");
    Ok(())
}

#[test]
fn the_diff_is_what_is_stored() -> Result<()> {
    let tenant = Tenant::new(ApiVersion::V1Beta1)?;
    tenant.apply(&tenant.example("cluster")?)?;
    let yaml = tenant
        .kubectl(
            &["get", "vspheremachinetemplate/demo-workers", "-o", "yaml"],
            "",
        )?
        .stdout()?;
    let readme = readme()?;
    let shown = readme
        .split("VSphereMachineTemplate demo-workers +16 -0\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .context("no diff")?;
    for line in shown.lines().filter(|line| !line.contains("namespace:")) {
        let field = line.trim_start_matches('+').trim();
        ensure!(
            yaml.contains(field),
            "the README shows {field:?}, stored is:\n{yaml}"
        );
    }
    Ok(())
}
