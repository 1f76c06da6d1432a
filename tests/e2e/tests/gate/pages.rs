//! What the README and the pages in docs/ show is what happens.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use basphere_harness::ApiVersion;
use serde_json::Value;

fn page(name: &str) -> Result<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(name)).with_context(|| name.to_owned())
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
    let readme = page("README.md")?;
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
    let readme = page("README.md")?;
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

/// Which address is free depends on what others have, and stands in two places.
#[test]
fn the_variables_of_five_lines_are_what_is_stored() -> Result<()> {
    let tenant = Tenant::new(ApiVersion::V1Beta2)?;
    tenant.apply(&tenant.example("topology")?)?;
    let cluster = tenant.get("cluster/five")?;
    let stored = &cluster["spec"]["topology"]["variables"];
    let variables = stored.as_array().context("no variables")?;
    let named = |variable: &&Value| variable["name"] == "controlPlaneIpAddr";
    let address = variables.iter().find(named).context("no address")?;
    let address = address["value"].as_str().context("no text")?;
    let page = page("docs/cluster-api.md")?;
    let block = page
        .split("```yaml\n")
        .find(|block| block.starts_with("- name: controlPlaneIpAddr"))
        .and_then(|block| block.split("```").next())
        .context("no variables on the page")?
        .replace("10.254.0.32", address);
    let shown = format!("apiVersion: v1\nkind: Variables\nvariables:\n{block}");
    let shown = basphere_api::manifest::read(shown.as_bytes())?;
    let shown = shown.first().context("no document")?;
    let shown = shown.object["variables"].as_array().context("no list")?;
    ensure!(shown.len() == 2, "{shown:#?}");
    for variable in shown {
        ensure!(variables.contains(variable), "{variable:#}\n{stored:#}");
    }
    Ok(())
}

#[test]
fn the_metrics_are_those_that_are_served() -> Result<()> {
    let tenant = Tenant::new(ApiVersion::V1Beta1)?;
    tenant.apply(&tenant.example("cluster")?)?;
    tenant.refused(&tenant.example("refused")?)?;
    let served = get(&format!("{}/metrics", tenant.sandbox.metrics_url()?))?;
    let served: BTreeSet<_> = served
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .filter(|name| name.starts_with("basphere_"))
        .collect();
    let documented: BTreeSet<_> = page("docs/webhook.md")?
        .lines()
        .filter_map(|line| line.strip_prefix("| `basphere_"))
        .filter_map(|line| line.split_once('`'))
        .map(|(name, _)| format!("basphere_{name}"))
        .collect();
    // What has counted nothing yet is not served; the webhook's own tests ask for that of policies.
    let rare = [
        "basphere_leases_",
        "basphere_polic",
        "basphere_repairs_",
        "basphere_violations",
    ];
    let is_rare = |name: &&String| rare.iter().any(|start| name.starts_with(start));
    let missing: Vec<_> = documented
        .difference(&served)
        .filter(|name| !is_rare(name))
        .collect();
    ensure!(
        served.is_subset(&documented) && missing.is_empty(),
        "served {served:#?}, documented {documented:#?}"
    );
    Ok(())
}

/// A page that is served in the clear.
fn get(url: &str) -> Result<String> {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .context("no http URL")?;
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    Ok(answer)
}
