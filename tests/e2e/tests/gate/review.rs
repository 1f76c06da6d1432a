//! `kubectl basphere review` says beforehand what the server then does.

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use serde_json::Value;

both_versions!(
    offline_review_and_the_server_give_the_same,
    review_with_the_clusters_site_refuses_as_the_server_does
);

const SERVER_ONLY: [&str; 5] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
];

fn offline_review_and_the_server_give_the_same(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("cluster")?.replace("demo", "reviewed");
    let site = basphere_harness::example("site.yaml")?;
    let site = site.to_str().context("a path")?;
    let review = [
        "basphere",
        "review",
        "-f",
        "-",
        "--site",
        site,
        "--namespace",
        "user-kim",
        "--as",
        "kim",
        "-o",
        "json",
    ];
    let reviewed: Value = serde_json::from_str(&tenant.kubectl(&review, &manifest)?.stdout()?)?;
    let items = reviewed["items"].as_array().context("no items")?;
    ensure!(items.len() == 7, "{reviewed:#}");

    tenant
        .kubectl(&["-n", "user-kim", "apply", "-f", "-"], &manifest)?
        .stdout()?;
    for item in items {
        ensure!(item["allowed"] == true, "{item:#}");
        let object = format!(
            "{}/{}",
            item["kind"].as_str().unwrap_or_default(),
            item["name"].as_str().unwrap_or_default()
        );
        let stored = tenant
            .kubectl(&["-n", "user-kim", "get", &object, "-o", "json"], "")?
            .stdout()?;
        let mut stored: Value = serde_json::from_str(&stored)?;
        if let Some(metadata) = stored["metadata"].as_object_mut() {
            metadata.retain(|key, _| !SERVER_ONLY.contains(&key.as_str()));
        }
        let annotations = stored["metadata"]["annotations"]
            .as_object_mut()
            .context("no annotations")?;
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        let said = &item["object"];
        ensure!(
            said["metadata"]["labels"] == stored["metadata"]["labels"],
            "{object}: {said:#}\n{stored:#}"
        );
        contains(&stored["spec"], &said["spec"]).with_context(|| object.clone())?;
    }
    Ok(())
}

/// Every field that the review shows is stored like this. The schema's own defaults come on top.
fn contains(stored: &Value, said: &Value) -> Result<()> {
    match (stored, said) {
        (Value::Object(stored), Value::Object(said)) => {
            for (key, value) in said {
                contains(stored.get(key).unwrap_or(&Value::Null), value)
                    .with_context(|| key.clone())?;
            }
        }
        (stored, said) => ensure!(stored == said, "review says {said}, stored is {stored}"),
    }
    Ok(())
}

fn review_with_the_clusters_site_refuses_as_the_server_does(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("refused")?;
    let review = tenant.kubectl(
        &[
            "basphere", "review", "-f", "-", "-n", "user-kim", "-o", "json",
        ],
        &manifest,
    )?;
    ensure!(
        review.status.code() == Some(3),
        "{}: {}",
        review.status,
        review.stderr
    );
    let reviewed: Value = serde_json::from_str(&review.stdout)?;
    let denials = reviewed["items"][0]["denials"]
        .as_array()
        .context("no denials")?;
    ensure!(denials.len() == 5, "{reviewed:#}");
    let refused = tenant
        .kubectl(&["-n", "user-kim", "apply", "-f", "-"], &manifest)?
        .stderr;
    for denial in denials {
        let (path, code) = (
            denial["path"].as_str().context("path")?,
            denial["code"].as_str().context("code")?,
        );
        ensure!(
            refused.contains(path) && refused.contains(code),
            "{path} [{code}] is not in: {refused}"
        );
    }
    Ok(())
}
