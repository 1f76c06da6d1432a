//! `kubectl basphere review` says beforehand what the server then does.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use serde_json::{Value, json};

both_versions!(
    offline_review_and_the_server_give_the_same,
    review_names_the_fields_that_the_server_refuses,
    review_names_what_is_not_served,
    review_with_the_clusters_site_refuses_as_the_server_does,
    review_by_an_admin_judges_addresses
);

const SERVER_ONLY: [&str; 5] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
];

/// What `review` says without a cluster of what kim applies in `user-kim`, by the example Site.
pub(crate) fn reviewed_offline(tenant: &Tenant, manifest: &str) -> Result<Value> {
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
    let reviewed = tenant.kubectl(&review, manifest)?.stdout()?;
    Ok(serde_json::from_str(&reviewed)?)
}

fn offline_review_and_the_server_give_the_same(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("cluster")?.replace("demo", "reviewed");
    let reviewed = reviewed_offline(tenant, &manifest)?;
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

/// Leases tell of all tenants, so that a tenant's review leaves open what depends on them.
fn review_by_an_admin_judges_addresses(tenant: &Tenant) -> Result<()> {
    let infrastructure = |name: &str, spec: Value| {
        json!({
            "apiVersion": format!("infrastructure.cluster.x-k8s.io/{}", tenant.version()),
            "kind": "VSphereCluster", "metadata": {"name": name}, "spec": spec,
        })
    };
    let outside = json!({"controlPlaneEndpoint": {"host": "192.0.2.9", "port": 6443}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        infrastructure("first", json!({})),
        infrastructure("second", json!({})),
        infrastructure("outside", outside),
    ]});
    let words = [
        "basphere",
        "review",
        "-f",
        "-",
        "-o",
        "json",
        "-n",
        &tenant.namespace,
    ];
    let reviewed = tenant.as_user(tenant.sandbox.ops(), &words, &list.to_string())?;
    let reviewed: Value = serde_json::from_str(&reviewed.stdout)?;
    let items = reviewed["items"].as_array().context("no items")?;
    let host = |index: usize| {
        let item = items.get(index);
        let host = item.and_then(|item| item.pointer("/object/spec/controlPlaneEndpoint/host"));
        host.and_then(Value::as_str).unwrap_or_default()
    };
    ensure!(host(0).starts_with("10.254.0."), "{reviewed:#}");
    ensure!(
        host(1).starts_with("10.254.0.") && host(1) != host(0),
        "{reviewed:#}"
    );
    let denial = items
        .get(2)
        .and_then(|item| item.pointer("/denials/0/code"));
    ensure!(denial == Some(&json!("BSP-I004")), "{reviewed:#}");
    // Nothing is reserved by it.
    let leases = tenant.as_user(
        tenant.sandbox.admin(),
        &["get", "addressleases", "-o", "json"],
        "",
    )?;
    let leases: Value = serde_json::from_str(&leases.stdout()?)?;
    let of_review = leases["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|lease| lease.pointer("/spec/holder/namespace") == Some(&json!(tenant.namespace)));
    ensure!(of_review.count() == 0, "{leases:#}");
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

/// Fields that there are not, of every sort: beside others, in lists, in metadata, below a plain value,
/// as a map where a list is wanted; and some that are kept whatever they are named.
fn misspelled(version: &str) -> Value {
    let arguments = if version == "v1beta1" {
        json!({"any-argument": "a"})
    } else {
        json!([{"name": "a", "value": "b", "valeu": "c"}])
    };
    json!({
        "apiVersion": format!("controlplane.cluster.x-k8s.io/{version}"),
        "kind": "KubeadmControlPlane",
        "metadata": {"name": "misspelled", "labelz": {"a": "b"}, "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u", "contoller": true},
        ]},
        "spec": {
            "replica": 1,
            "nothing": null,
            "version": {"major": 1},
            "machineTemplate": {"infrastructureReff": {}, "metadata": {"labels": {"any": "a"}, "name": "a"}},
            "kubeadmConfigSpec": {
                "files": [{"path": "/a", "content": "b"}, {"path": "/b", "contents": null}],
                "clusterConfiguration": {"apiServer": {"extraArgs": arguments}},
                "ntp": {"servers": {"first": "a"}},
            },
        },
        "specs": {},
    })
}

fn review_names_the_fields_that_the_server_refuses(tenant: &Tenant) -> Result<()> {
    let manifest = misspelled(tenant.version()).to_string();
    let said = tenant.refused(&manifest)?;
    let served: BTreeSet<_> = said
        .split("unknown field \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    ensure!(served.len() >= 8, "{said}");
    let site = basphere_harness::example("site.yaml")?;
    let site = site.to_str().context("a path")?;
    let review = ["basphere", "review", "-f", "-", "-o", "json"];
    for (arguments, needed) in [
        (review.to_vec(), json!([])),
        (
            [&review[..], &["--site", site]].concat(),
            json!(["CustomResourceDefinition"]),
        ),
    ] {
        let outcome = tenant.kubectl(&arguments, &manifest)?;
        ensure!(outcome.status.code() == Some(3), "{}", outcome.stderr);
        let reviewed: Value = serde_json::from_str(&outcome.stdout)?;
        let denials = reviewed["items"][0]["denials"]
            .as_array()
            .context("no denials")?;
        let unknown: Vec<_> = denials
            .iter()
            .filter(|denial| denial["code"] == "BSP-F002")
            .collect();
        let named = unknown.iter().filter_map(|denial| denial["path"].as_str());
        ensure!(
            named.collect::<BTreeSet<_>>() == served,
            "{unknown:#?}\n{said}"
        );
        ensure!(
            unknown
                .iter()
                .all(|denial| denial["needsCluster"] == needed),
            "{unknown:#?}"
        );
    }
    Ok(())
}

fn review_names_what_is_not_served(tenant: &Tenant) -> Result<()> {
    let version = tenant.version();
    let other = if version == "v1beta1" {
        "v1beta2"
    } else {
        "v1beta1"
    };
    let cluster = |version: &str, kind: &str| {
        json!({"apiVersion": format!("cluster.x-k8s.io/{version}"), "kind": kind, "metadata": {"name": "a"}})
            .to_string()
    };
    for (manifest, path, nearest) in [
        (cluster(version, "Clusterr"), "kind", "Cluster".to_owned()),
        (
            cluster(other, "Cluster"),
            "apiVersion",
            format!("cluster.x-k8s.io/{version}"),
        ),
    ] {
        // To a tenant kubectl says only that she may not list the CRDs.
        let admin = tenant.sandbox.admin();
        let said = tenant
            .as_user(admin, &["apply", "-f", "-"], &manifest)?
            .stderr;
        ensure!(said.contains("no matches for kind"), "{said}");
        let outcome =
            tenant.kubectl(&["basphere", "review", "-f", "-", "-o", "json"], &manifest)?;
        ensure!(outcome.status.code() == Some(3), "{}", outcome.stderr);
        let reviewed: Value = serde_json::from_str(&outcome.stdout)?;
        let item = &reviewed["items"][0];
        let denials = item["denials"].as_array().context("no denials")?;
        ensure!(denials.len() == 1, "{item:#}");
        ensure!(
            denials[0]["code"] == "BSP-F003"
                && denials[0]["path"] == path
                && denials[0]["hint"] == format!("nearest: {nearest}")
                && item["needsCluster"] == json!([]),
            "{item:#}"
        );
    }
    Ok(())
}
