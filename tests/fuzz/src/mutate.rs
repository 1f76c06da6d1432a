//! A mutator that keeps JSON JSON.
//!
//! Of bytes that are changed blindly, hardly any get past the parser. So most of the time a value
//! somewhere in the document is replaced, taken away, doubled or moved; the rest of the time
//! libFuzzer changes bytes, so that the parser gets its share.

use fastrand::Rng;
use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Map, Value, json};

/// Values that decisions compare with, and the borders of types.
const TEXTS: &[&str] = &[
    "",
    "kim",
    "lee",
    "demo",
    "demo-workers",
    "dev",
    "standard",
    "small",
    "medium",
    "v1.28.0",
    "v1.34.4",
    "1.34.4",
    "v9.9.9",
    "CREATE",
    "UPDATE",
    "DELETE",
    "Secret",
    "external",
    "Cluster",
    "VSphereClusterIdentity",
    "v1beta1",
    "v1beta2",
    "vcenter.corp.example",
    "VM Network",
    "2026-01-01T00:00:00Z",
    "system:serviceaccount:capi-system:capi-manager",
    "ops",
    "basphere:admins",
    "\u{0}",
    "a/b~c",
    "ubuntu-2204-kube-v1.28.0",
];

/// Keys that decisions read, besides those that a document already has.
const KEYS: &[&str] = &[
    "labels",
    "annotations",
    "deletionTimestamp",
    "ownerReferences",
    "owner",
    "basphere.dev/owner",
    "basphere.dev/requester",
    "basphere.dev/cluster-type",
    "basphere.dev/node-spec",
    "cluster.x-k8s.io/cluster-name",
    "topology.cluster.x-k8s.io/owned",
    "replicas",
    "version",
    "clusterName",
    "template",
    "spec",
    "metadata",
    "selector",
    "matchLabels",
    "paused",
    "topology",
    "controlPlane",
    "workers",
    "machineDeployments",
    "network",
    "devices",
    "networkName",
    "dhcp4",
    "ipAddrs",
    "numCPUs",
    "memoryMiB",
    "diskGiB",
    "server",
    "thumbprint",
    "identityRef",
    "kind",
    "name",
    "host",
    "port",
    "controlPlaneEndpoint",
    "kubeadmConfigSpec",
    "clusterConfiguration",
    "apiServer",
    "extraArgs",
    "cloud-provider",
    "value",
    "kubeletExtraArgs",
    "criSocket",
    "status",
    "oldObject",
    "object",
    "etcd",
    "external",
];

/// Changes a document in place, as libFuzzer's custom mutators do. The new size.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng::with_seed(u64::from(seed));
    let document = data
        .get(..size)
        .and_then(|bytes| serde_json::from_slice(bytes).ok());
    let Some(mut document) = document.filter(|_| rng.u8(..10) > 0) else {
        return fuzzer_mutate(data, size, max_size);
    };
    for _ in 0..rng.usize(1..4) {
        change(&mut document, &mut rng);
    }
    let text = document.to_string();
    match data
        .get_mut(..text.len())
        .filter(|_| text.len() <= max_size)
    {
        Some(place) => {
            place.copy_from_slice(text.as_bytes());
            text.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
}

fn change(document: &mut Value, rng: &mut Rng) {
    let mut pointers = Vec::new();
    collect(document, String::new(), &mut pointers);
    let some = |rng: &mut Rng| rng.choice(&pointers).cloned().unwrap_or_default();
    let (here, there) = (some(rng), some(rng));
    let moved = document.pointer(&there).cloned().unwrap_or_default();
    let value = if rng.u8(..4) == 0 { moved } else { fresh(rng) };
    match document.pointer_mut(&here) {
        Some(Value::Object(fields)) if rng.bool() => change_fields(fields, value, rng),
        Some(Value::Array(items)) if rng.bool() => change_items(items, value, rng),
        Some(place) => *place = value,
        None => {}
    }
}

fn change_fields(fields: &mut Map<String, Value>, value: Value, rng: &mut Rng) {
    if rng.u8(..3) == 0 {
        let key = rng.choice(fields.keys()).cloned().unwrap_or_default();
        fields.shift_remove(&key);
    } else {
        let key = rng.choice(KEYS).copied().unwrap_or_default();
        fields.insert(key.to_owned(), value);
    }
}

fn change_items(items: &mut Vec<Value>, value: Value, rng: &mut Rng) {
    match rng.u8(..3) {
        0 => items.truncate(rng.usize(..=items.len())),
        1 => items.push(value),
        _ => items.extend_from_within(..items.len().min(8)),
    }
}

fn fresh(rng: &mut Rng) -> Value {
    match rng.u8(..10) {
        0 => Value::Null,
        1 => Value::from(rng.bool()),
        2 => Value::from(rng.u64(..) >> rng.u8(..64)),
        3 => Value::from(rng.i64(..) >> rng.u8(..64)),
        4 => Value::from(rng.f64() * 10.0),
        5 => json!({}),
        6 => json!([]),
        7 => json!([{}]),
        _ => Value::from(rng.choice(TEXTS).copied().unwrap_or_default()),
    }
}

fn collect(value: &Value, pointer: String, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{pointer}/{key}"), into);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, format!("{pointer}/{index}"), into);
            }
        }
        _ => {}
    }
    into.push(pointer);
}
