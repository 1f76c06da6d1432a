//! The example Site, once with an empty namespace and once with a cluster in it.

use std::sync::{Arc, LazyLock};

use basphere_core::{Inventory, Kind, Lookup, NamespaceFacts, Site, SiteSpec, Snapshot, Subject, Timestamp};
use serde_json::Value;

static SNAPSHOTS: LazyLock<[Snapshot; 2]> = LazyLock::new(|| [snapshot(&[]), snapshot(&cluster())]);

/// The two snapshots that every request is decided over. Everything in them is certain.
#[must_use]
pub fn snapshots() -> &'static [Snapshot; 2] {
    &SNAPSHOTS
}

fn snapshot(stored: &[Value]) -> Snapshot {
    let mut inventory = Inventory::default();
    for object in stored {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let subject = Subject::parse_manifest(text("apiVersion"), text("kind"));
        inventory.observe(subject.expect("an example is a subject").kind, object);
    }
    let all = Inventory::kinds().map(Lookup::All);
    Snapshot {
        namespace: Some(NamespaceFacts::default()),
        inventory: Arc::new(inventory),
        live: all.chain([Lookup::Namespace, Lookup::Networks]).collect(),
        ..Snapshot::of(Arc::new(site()), Timestamp::UNIX_EPOCH)
    }
}

fn site() -> Site {
    let text = include_str!("../../../deploy/examples/site.yaml");
    let mut site: Value = serde_saphyr::from_str(text).expect("the example Site is YAML");
    let spec: SiteSpec = serde_json::from_value(site["spec"].take()).expect("and a Site");
    Site::try_from(spec).expect("that contradicts itself nowhere")
}

/// Facts are the same for both versions.
fn cluster() -> Vec<Value> {
    let text = include_str!("../../../deploy/examples/cluster.v1beta1.yaml");
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(text).expect("the example is YAML");
    for object in &mut objects {
        if object["kind"] == Kind::KubeadmControlPlane.as_str() {
            object["spec"]["version"] = Value::from("v1.34.4");
        }
    }
    objects
}
