//! Document 000, applied by real kubectl as kim.

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use serde_json::{Value, json};

both_versions!(
    document_000_is_stored_complete,
    applying_again_writes_nothing,
    server_side_apply_again_writes_nothing,
    replacing_puts_back_what_was_filled_in,
    a_dry_run_gives_the_same_and_leaves_nothing,
    the_order_of_objects_does_not_matter,
    a_cluster_written_a_moment_ago_is_seen,
    a_control_plane_is_upgraded_over_the_loss_of_an_argument,
);

const OBJECTS: [&str; 7] = [
    "cluster/doc",
    "vspherecluster/doc",
    "kubeadmcontrolplane/doc-control-plane",
    "vspheremachinetemplate/doc-control-plane",
    "machinedeployment/doc-workers",
    "vspheremachinetemplate/doc-workers",
    "kubeadmconfigtemplate/doc-workers",
];

fn document_000_is_stored_complete(tenant: &Tenant) -> Result<()> {
    tenant.apply(&tenant.manifest("document-000")?)?;
    for object in OBJECTS {
        let labels = &tenant.get(object)?["metadata"]["labels"];
        ensure!(
            labels["basphere.dev/owner"] == "kim" && labels["owner"] == "kim",
            "{object}: {labels}"
        );
    }
    let vsphere = &tenant.get("vspherecluster/doc")?["spec"];
    ensure!(vsphere["server"] == "vcenter.corp.example", "{vsphere}");
    ensure!(
        vsphere["identityRef"] == json!({"kind": "VSphereClusterIdentity", "name": "basphere"}),
        "{vsphere}"
    );

    let control_plane = &tenant.get("kubeadmcontrolplane/doc-control-plane")?["spec"];
    ensure!(
        control_plane["replicas"] == 1 && control_plane["version"] == "v1.28.0",
        "{control_plane}"
    );
    let workers = &tenant.get("machinedeployment/doc-workers")?["spec"];
    ensure!(
        workers["replicas"] == 2 && workers["template"]["spec"]["version"] == "v1.28.0",
        "{workers}"
    );
    ensure!(
        workers["selector"]["matchLabels"]["cluster.x-k8s.io/cluster-name"] == "doc",
        "{workers}"
    );

    for name in ["doc-control-plane", "doc-workers"] {
        let machine =
            &tenant.get(&format!("vspheremachinetemplate/{name}"))?["spec"]["template"]["spec"];
        let expected = json!({
            "server": "vcenter.corp.example",
            "thumbprint": "6D:1C:94:0B:5A:9F:E2:73:C8:41:8E:57:20:B6:AD:F3:19:C4:7E:85",
            "datacenter": "DC0",
            "datastore": "LocalDS_0",
            "folder": "/DC0/vm",
            "resourcePool": "/DC0/host/DC0_C0/Resources",
            "template": "ubuntu-2204-kube-v1.28.0",
            "numCPUs": 4,
            "memoryMiB": 8192,
            "diskGiB": 100,
            "network": {"devices": [{"dhcp4": false, "networkName": "VM Network"}]},
        });
        for (field, value) in expected.as_object().into_iter().flatten() {
            ensure!(
                &machine[field] == value,
                "{name}: {field} is {}",
                machine[field]
            );
        }
    }
    Ok(())
}

/// What tells that an object was written: its resourceVersion and its generation.
fn revisions(tenant: &Tenant) -> Result<Vec<(String, String)>> {
    let revision = |object: &str| {
        let metadata = &tenant.get(object)?["metadata"];
        Ok((
            metadata["resourceVersion"].to_string(),
            metadata["generation"].to_string(),
        ))
    };
    OBJECTS.into_iter().map(revision).collect()
}

fn applying_again_writes_nothing(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.manifest("document-000")?;
    tenant.apply(&manifest)?;
    let before = revisions(tenant)?;
    let said = tenant.apply(&manifest)?;
    ensure!(revisions(tenant)? == before, "{said}");
    // The Secret that became the site's identity is told of once, not at every apply.
    ensure!(!said.contains("BSP-W004"), "{said}");
    Ok(())
}

fn server_side_apply_again_writes_nothing(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.manifest("document-000")?;
    let apply = || {
        tenant
            .kubectl(&["apply", "--server-side", "-f", "-"], &manifest)?
            .stdout()
    };
    apply()?;
    let before = revisions(tenant)?;
    let said = apply()?;
    ensure!(revisions(tenant)? == before, "{said}");
    Ok(())
}

fn replacing_puts_back_what_was_filled_in(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.manifest("document-000")?;
    tenant
        .kubectl(&["create", "-f", "-"], &manifest)?
        .stdout()?;
    let spec = |object: &str| Ok::<_, anyhow::Error>(tenant.get(object)?["spec"].clone());
    let before = OBJECTS.into_iter().map(spec).collect::<Result<Vec<_>>>()?;
    tenant
        .kubectl(&["replace", "-f", "-"], &manifest)?
        .stdout()?;
    for (object, before) in OBJECTS.into_iter().zip(before) {
        let after = spec(object)?;
        ensure!(after == before, "{object}: {before:#}\nbecame {after:#}");
    }
    Ok(())
}

/// The objects of an answer of kubectl, without what only storing gives them.
fn contents(json: &str) -> Result<Vec<Value>> {
    let answer: Value = serde_json::from_str(json).context("kubectl wrote no JSON")?;
    let items = answer["items"].as_array().context("no list")?;
    let strip = |item: &Value| {
        let mut item = item.clone();
        for field in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "managedFields",
        ] {
            if let Some(metadata) = item["metadata"].as_object_mut() {
                metadata.remove(field);
            }
        }
        item
    };
    Ok(items.iter().map(strip).collect())
}

fn a_dry_run_gives_the_same_and_leaves_nothing(tenant: &Tenant) -> Result<()> {
    // The Cluster is there, so that both runs know of the same objects.
    let manifest = tenant.manifest("document-000")?;
    let (cluster, rest) = manifest.split_once("\n---\n").context("one document")?;
    tenant.apply(cluster)?;
    let apply = |arguments: &[&str]| {
        let words = [&["apply", "-f", "-", "--output=json"], arguments].concat();
        tenant.kubectl(&words, rest)?.stdout()
    };
    let mut tried = contents(&apply(&["--dry-run=server"])?)?;
    for object in &OBJECTS[1..] {
        let outcome = tenant.kubectl(&["get", object], "")?;
        ensure!(
            outcome.stderr.contains("NotFound"),
            "{object} was left behind: {}",
            outcome.stdout
        );
    }
    let mut stored = contents(&apply(&[])?)?;
    ensure!(tried.len() == 6, "{} objects", tried.len());
    // Its address is one that was shown, and not the one that an infrastructure names that was only
    // tried, too.
    for items in [&mut tried, &mut stored] {
        let control_plane = items
            .iter_mut()
            .find(|item| item["kind"] == "KubeadmControlPlane");
        let file = &mut control_plane.context("no control plane")?["spec"]["kubeadmConfigSpec"]["files"]
            [0];
        ensure!(
            file["content"]
                .as_str()
                .is_some_and(|content| content.contains("10.254.0.")),
            "{file}"
        );
        file["content"] = Value::Null;
    }
    for (tried, stored) in tried.iter().zip(&stored) {
        // A template whose control plane was only tried is sized as its own control plane wants it
        // once that is stored; on this site both are medium.
        ensure!(tried == stored, "dry-run: {tried:#}\nstored: {stored:#}");
    }
    Ok(())
}

fn the_order_of_objects_does_not_matter(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.manifest("document-000")?;
    let mut documents: Vec<_> = manifest.split("\n---\n").collect();
    documents.reverse();
    tenant.apply(&documents.join("\n---\n"))?;
    let workers = &tenant.get("machinedeployment/doc-workers")?["spec"];
    ensure!(
        workers["replicas"] == 2 && workers["template"]["spec"]["version"] == "v1.28.0",
        "{workers}"
    );
    Ok(())
}

/// Whatever the caches have heard of: twenty times a Cluster, and at once its control plane.
fn a_cluster_written_a_moment_ago_is_seen(tenant: &Tenant) -> Result<()> {
    let manifest = tenant
        .manifest("document-000")?
        .replace("    owner: kim", "    basphere.dev/cluster-type: standard");
    let documents: Vec<_> = manifest.split("\n---\n").collect();
    let (cluster, control_plane) = (documents[0], documents[2]);
    for round in 0..20 {
        let name = format!("moment-{round}");
        let rename = |document: &str| document.replace(": doc", &format!(": {name}"));
        let said = tenant.apply(&format!(
            "{}\n---\n{}",
            rename(cluster),
            rename(control_plane)
        ))?;
        ensure!(!said.contains("BSP-W"), "{said}");
        let stored = tenant.get(&format!("kubeadmcontrolplane/{name}-control-plane"))?;
        ensure!(stored["spec"]["replicas"] == 3, "{stored:#}");
    }
    Ok(())
}

fn a_control_plane_is_upgraded_over_the_loss_of_an_argument(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.manifest("document-000")?;
    tenant.apply(&manifest)?;
    let name = "kubeadmcontrolplane/doc-control-plane";
    let api_server = "/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs";
    let before = tenant.get(name)?;
    ensure!(
        before
            .pointer(api_server)
            .is_some_and(|arguments| !arguments.is_null()),
        "{before:#}"
    );
    let patch = r#"{"spec": {"version": "v1.34.4"}}"#;
    let upgrade = ["patch", name, "--type=merge", "-p", patch];
    let outcome = tenant.kubectl(&upgrade, "")?;
    ensure!(outcome.stderr.contains("BSP-W008"), "{}", outcome.stderr);
    outcome.stdout()?;
    let after = tenant.get(name)?;
    ensure!(after["spec"]["version"] == "v1.34.4", "{after:#}");
    ensure!(after.pointer(api_server).is_none(), "{after:#}");

    // The file still has the argument, and can be applied all the same.
    tenant.apply(&manifest)?;
    let again = tenant.get(name)?;
    ensure!(
        again["metadata"]["generation"] == after["metadata"]["generation"],
        "{again:#}"
    );
    Ok(())
}
