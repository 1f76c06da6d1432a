//! Clusters of different tenants on a site where each cluster has networks of its own. A sandbox of
//! its own, since the Site is changed.

use std::time::Duration;

use anyhow::{Result, ensure};
use basphere_harness::{ApiVersion, Outcome, Sandbox, SandboxOptions, User, run, wait};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    sandbox: Sandbox,
    version: ApiVersion,
}

impl Site {
    fn begin(version: ApiVersion) -> Result<Self> {
        let sandbox = Sandbox::start(&SandboxOptions {
            api_version: version,
            ..SandboxOptions::default()
        })?;
        let site = Self { sandbox, version };
        let patch = json!({"spec": {"clusterNetwork": {
            "pods": null, "services": null, "nodes": ["10.254.0.0/21"],
            "unique": {
                "pods": {"supernet": "10.100.0.0/14", "prefix": 16},
                "services": {"supernet": "10.96.0.0/14", "prefix": 16},
            },
        }}})
        .to_string();
        let patch = ["patch", "site/default", "--type=merge", "-p", &patch];
        site.kubectl(site.sandbox.admin(), "default", &patch, &Value::Null)?
            .stdout()?;
        Ok(site)
    }

    fn kubectl(
        &self,
        user: &User,
        namespace: &str,
        arguments: &[&str],
        stdin: &Value,
    ) -> Result<Outcome> {
        let mut command = self.sandbox.kubectl(user)?;
        command.args(arguments).args(["--namespace", namespace]);
        run(&mut command, &stdin.to_string())
    }

    fn cluster(&self, name: &str, network: Value) -> Value {
        json!({
            "apiVersion": format!("cluster.x-k8s.io/{}", self.version.as_str()),
            "kind": "Cluster",
            "metadata": {"name": name},
            "spec": {"paused": true, "clusterNetwork": network},
        })
    }

    /// The networks of a new cluster, in kim's namespace or lee's.
    fn create(&self, user: &User, cluster: &Value, more: &[&str]) -> Result<(Value, Value)> {
        let namespace = format!("user-{}", user.name());
        let create = [&["create", "-f", "-", "-o=json"][..], more].concat();
        let stored: Value =
            serde_json::from_str(&self.kubectl(user, &namespace, &create, cluster)?.stdout()?)?;
        let of = |kind: &str| {
            let blocks = stored.pointer(&format!("/spec/clusterNetwork/{kind}/cidrBlocks"));
            blocks.cloned().unwrap_or_default()
        };
        Ok((of("pods"), of("services")))
    }
}

fn each_cluster_has_its_own(version: ApiVersion) -> Result<()> {
    let site = Site::begin(version)?;
    let (kim, lee) = (site.sandbox.kim(), site.sandbox.lee());
    let first = (json!(["10.100.0.0/16"]), json!(["10.96.0.0/16"]));
    wait::until("the Site is in force", PATIENCE, || {
        let found = site.create(kim, &site.cluster("a", Value::Null), &["--dry-run=server"])?;
        Ok((found == first).then_some(()))
    })?;
    ensure!(site.create(kim, &site.cluster("a", Value::Null), &[])? == first);
    // At once, and by another tenant: no cache has heard of the first.
    let second = (json!(["10.101.0.0/16"]), json!(["10.97.0.0/16"]));
    let found = site.create(lee, &site.cluster("b", Value::Null), &[])?;
    ensure!(found == second, "{found:?}");

    let taken = site.cluster("c", json!({"pods": {"cidrBlocks": ["10.100.128.0/17"]}}));
    let outcome = site.kubectl(lee, "user-lee", &["create", "-f", "-"], &taken)?;
    ensure!(
        outcome
            .stderr
            .contains("spec.clusterNetwork.pods.cidrBlocks[0]")
            && outcome.stderr.contains("[BSP-N003]")
            && !outcome.stderr.contains("kim"),
        "{}",
        outcome.stderr
    );
    Ok(())
}

#[test]
fn each_cluster_has_its_own_v1beta1() -> Result<()> {
    each_cluster_has_its_own(ApiVersion::V1Beta1)
}

#[test]
fn each_cluster_has_its_own_v1beta2() -> Result<()> {
    each_cluster_has_its_own(ApiVersion::V1Beta2)
}
