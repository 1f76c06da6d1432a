//! Document 001 (OpenStack and Ironic) and Metal3, applied by real kubectl as kim.

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use serde_json::{Value, json};

both_versions!(
    document_001_is_stored_complete,
    document_001_applied_again_writes_nothing,
    the_field_that_openstack_does_not_have_is_refused_by_kubectl,
    the_upgrade_of_document_001_waits_for_its_version,
    an_openstack_cluster_of_names_alone_is_stored_complete,
    a_metal3_cluster_of_names_alone_is_stored_complete,
    another_cloud_flavor_or_image_is_refused_with_the_nearest,
);

const OBJECTS: [&str; 12] = [
    "cluster/my-cluster",
    "machine/my-cluster-control-plane-0",
    "machinedeployment/my-cluster-workers",
    "openstackcluster/my-os-cluster",
    "openstackmachinetemplate/my-os-cluster-control-plane",
    "cluster/baremetal-cluster",
    "openstackcluster/baremetal-cluster",
    "kubeadmcontrolplane/baremetal-cluster-control-plane",
    "openstackmachinetemplate/baremetal-cluster-control-plane",
    "cluster/production-k8s",
    "kubeadmcontrolplane/production-k8s-cp",
    "machinedeployment/production-k8s-workers",
];
const NOT_THERE: &str = "  managedAPIServerLoadBalancer: true\n";

/// Document 001 without the field that CAPO does not have.
fn document(tenant: &Tenant) -> Result<String> {
    Ok(tenant.manifest("document-001")?.replace(NOT_THERE, ""))
}

/// What a template or a cluster of CAPO says, in the words of the version that is served.
#[derive(Debug, PartialEq)]
struct Said {
    cloud: Value,
    identity: Value,
    flavor: Value,
    image: Value,
}

fn said(tenant: &Tenant, spec: &Value) -> Said {
    let (cloud, image) = match tenant.version() {
        "v1beta1" => ("/cloudName", "/image"),
        _ => ("/identityRef/cloudName", "/image/filter/name"),
    };
    let at = |pointer: &str| spec.pointer(pointer).cloned().unwrap_or_default();
    Said {
        cloud: at(cloud),
        identity: at("/identityRef/name"),
        flavor: at("/flavor"),
        image: at(image),
    }
}

fn machine(tenant: &Tenant, name: &str) -> Result<Said> {
    let template = tenant.get(&format!("openstackmachinetemplate/{name}"))?;
    Ok(said(tenant, &template["spec"]["template"]["spec"]))
}

fn of(cloud: &str, flavor: &str, image: &str) -> Said {
    Said {
        cloud: cloud.into(),
        identity: format!("{cloud}-cloud-config").into(),
        flavor: flavor.into(),
        image: image.into(),
    }
}

fn document_001_is_stored_complete(tenant: &Tenant) -> Result<()> {
    let told = tenant.apply(&document(tenant)?)?;
    ensure!(told.contains("BSP-W004"), "{told}");
    for object in OBJECTS {
        let labels = &tenant.get(object)?["metadata"]["labels"];
        ensure!(
            labels["basphere.dev/owner"] == "kim" && labels["owner"] == "kim",
            "{object}: {labels}"
        );
    }
    for (name, expected) in [
        (
            "my-os-cluster-control-plane",
            of("mycloud", "m1.large", "ubuntu-22.04"),
        ),
        (
            "baremetal-cluster-control-plane",
            of("bifrost", "baremetal", "ubuntu-k8s"),
        ),
    ] {
        let machine = machine(tenant, name)?;
        ensure!(machine == expected, "{name}: {machine:?}");
    }
    for (name, cloud) in [
        ("my-os-cluster", "mycloud"),
        ("baremetal-cluster", "bifrost"),
    ] {
        let spec = &tenant.get(&format!("openstackcluster/{name}"))?["spec"];
        let said = said(tenant, spec);
        ensure!(
            said.cloud == cloud && said.identity == format!("{cloud}-cloud-config"),
            "{spec}"
        );
    }
    let network = &tenant.get("cluster/production-k8s")?["spec"]["clusterNetwork"];
    ensure!(
        network["services"]["cidrBlocks"] == json!(["10.128.0.0/12"]),
        "{network}"
    );
    let workers = &tenant.get("machinedeployment/production-k8s-workers")?["spec"];
    let labels = json!({
        "cluster.x-k8s.io/cluster-name": "production-k8s",
        "cluster.x-k8s.io/deployment-name": "production-k8s-workers",
    });
    ensure!(workers["selector"]["matchLabels"] == labels, "{workers}");
    let config = &tenant.get("kubeadmcontrolplane/production-k8s-cp")?["spec"]["kubeadmConfigSpec"];
    let joined = config["joinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"].to_string();
    ensure!(joined.contains("external"), "{config}");
    Ok(())
}

fn document_001_applied_again_writes_nothing(tenant: &Tenant) -> Result<()> {
    let manifest = document(tenant)?;
    tenant.apply(&manifest)?;
    let revisions = || {
        let revision = |object: &str| {
            let metadata = &tenant.get(object)?["metadata"];
            let text = |field: &str| metadata[field].to_string();
            Ok((text("resourceVersion"), text("generation")))
        };
        OBJECTS
            .into_iter()
            .map(revision)
            .collect::<Result<Vec<_>>>()
    };
    let before = revisions()?;
    let told = tenant.apply(&manifest)?;
    ensure!(revisions()? == before, "{told}");
    // The Secret that became the site's is told of once, not at every apply.
    ensure!(!told.contains("BSP-"), "{told}");
    Ok(())
}

fn the_field_that_openstack_does_not_have_is_refused_by_kubectl(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.manifest("document-001")?;
    let cluster = manifest
        .split("\n---\n")
        .find(|text| text.contains(NOT_THERE));
    let told = tenant.refused(cluster.context("no such cluster")?)?;
    ensure!(
        told.contains("unknown field \"spec.managedAPIServerLoadBalancer\"")
            && !told.contains("BSP-"),
        "{told}"
    );
    Ok(())
}

/// The document's snippet names a version that this site does not offer.
fn the_upgrade_of_document_001_waits_for_its_version(tenant: &Tenant) -> Result<()> {
    tenant.apply(&document(tenant)?)?;
    let upgrade = json!({
        "apiVersion": format!("controlplane.cluster.x-k8s.io/{}", tenant.version()),
        "kind": "KubeadmControlPlane",
        "metadata": {"name": "baremetal-cluster-control-plane"},
        "spec": {"version": "v1.29.0"},
    });
    let name = "kubeadmcontrolplane/baremetal-cluster-control-plane";
    let patch = |version: &str| {
        let upgrade = upgrade.to_string().replace("v1.29.0", version);
        tenant.kubectl(&["patch", name, "--type=merge", "-p", &upgrade], "")
    };
    let refused = patch("v1.29.0")?;
    ensure!(
        refused.stderr.contains("nearest: v1.28.0") && refused.stderr.contains("[BSP-K001]"),
        "{}",
        refused.stderr
    );
    patch("v1.34.4")?.stdout()?;
    Ok(())
}

fn an_openstack_cluster_of_names_alone_is_stored_complete(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("openstack")?;
    tenant.apply(&manifest)?;
    let image = "ubuntu-2204-kube-v1.28.0";
    for (name, flavor) in [
        ("cloudy-control-plane", "m1.medium"),
        ("cloudy-workers", "m1.small"),
    ] {
        let machine = machine(tenant, name)?;
        ensure!(
            machine == of("mycloud", flavor, image),
            "{name}: {machine:?}"
        );
    }
    let told = tenant.apply(&manifest)?;
    ensure!(
        !told.contains("configured") && !told.contains("BSP-"),
        "{told}"
    );
    Ok(())
}

fn a_metal3_cluster_of_names_alone_is_stored_complete(tenant: &Tenant) -> Result<()> {
    let manifest = tenant.example("metal3")?;
    tenant.apply(&manifest)?;
    for (name, size) in [("iron-control-plane", "medium"), ("iron-workers", "small")] {
        let machine =
            &tenant.get(&format!("metal3machinetemplate/{name}"))?["spec"]["template"]["spec"];
        let url = "http://images.corp.example/ubuntu-2204-kube-v1.28.0.qcow2";
        let expected = json!({
            "hostSelector": {"matchLabels": {"basphere.dev/node-spec": size}},
            "image": {"url": url, "checksum": format!("{url}.sha256sum"), "checksumType": "sha256", "format": "qcow2"},
        });
        ensure!(machine == &expected, "{name}: {machine}");
    }
    let cluster = &tenant.get("metal3cluster/iron")?["spec"];
    ensure!(cluster["controlPlaneEndpoint"]["port"] == 6443, "{cluster}");
    let told = tenant.apply(&manifest)?;
    ensure!(
        !told.contains("configured") && !told.contains("BSP-"),
        "{told}"
    );
    Ok(())
}

fn another_cloud_flavor_or_image_is_refused_with_the_nearest(tenant: &Tenant) -> Result<()> {
    let manifest = document(tenant)?;
    let template = manifest
        .split("\n---\n")
        .find(|text| text.contains("sshKeyName"));
    let template = template.context("no template")?;
    let told = tenant.refused(
        &template
            .replace("m1.large", "m1.xlarge")
            .replace("ubuntu-22.04", "windows-98"),
    )?;
    for text in [
        "\"m1.xlarge\": the site's flavors here are",
        "nearest: m1.large [BSP-P002]",
        "\"windows-98\"",
        "[BSP-P003]",
    ] {
        ensure!(told.contains(text), "{text:?} is not in: {told}");
    }
    let told = tenant.refused(&template.replace("cloudName: mycloud", "cloudName: lees"))?;
    ensure!(
        told.contains("the site's clouds are bifrost and mycloud") && told.contains("[BSP-P001]"),
        "{told}"
    );
    Ok(())
}
