//! Objects that pass, one a kind and version, as a start for what does not.

use std::path::Path;

use serde_json::{Value, json};

use crate::put;

/// The example's object of a kind, with everything in it that one of the tests replaces.
pub(crate) fn good(kind: &str, version: &str) -> Value {
    let found = example(version)
        .into_iter()
        .find(|object| object["kind"] == kind);
    let mut object = found.unwrap_or_else(|| other(kind, version));
    object["metadata"]["namespace"] = json!("user-kim");
    object["metadata"]["labels"]["team"] = json!("blue");
    object["metadata"]["annotations"]["note"] = json!("");
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u"});
    object["metadata"]["ownerReferences"] = json!([owner]);
    match kind {
        "KubeadmControlPlane" => put(object, "/spec/version", json!("v1.28.0")),
        "MachineDeployment" | "MachineSet" => {
            let labels = json!({"app": "x"});
            let object = put(object, "/spec/template/metadata/labels", labels.clone());
            put(object, "/spec/selector", json!({"matchLabels": labels}))
        }
        "Cluster" => {
            let labels = || json!({"metadata": {"labels": {"team": "blue"}}});
            let workers = json!({"machineDeployments": [labels()], "machinePools": [labels()]});
            let mut control_plane = labels();
            control_plane["replicas"] = json!(3);
            let topology =
                json!({"version": "v1.28.0", "controlPlane": control_plane, "workers": workers});
            put(object, "/spec/topology", topology)
        }
        "VSphereCluster" => {
            let identity = json!({"kind": "VSphereClusterIdentity", "name": "basphere"});
            put(object, "/spec/identityRef", identity)
        }
        _ => object,
    }
}

fn example(version: &str) -> Vec<Value> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let text = std::fs::read_to_string(examples.join(format!("cluster.{version}.yaml"))).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

fn other(kind: &str, version: &str) -> Value {
    let spec = match kind {
        "Machine" => json!({"clusterName": "demo", "version": "v1.28.0"}),
        "MachineSet" => {
            json!({"clusterName": "demo", "template": {"spec": {"clusterName": "demo", "version": "v1.28.0"}}})
        }
        "MachineHealthCheck" => json!({"clusterName": "demo"}),
        _ => panic!("no {kind} in the example"),
    };
    json!({
        "apiVersion": format!("cluster.x-k8s.io/{version}"),
        "kind": kind,
        "metadata": {"name": "demo"},
        "spec": spec,
    })
}
