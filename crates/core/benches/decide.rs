//! How long one decision takes, for each subject of the example cluster, mutation and validation.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "criterion's macros make undocumented items, and a bench may fail loudly"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use basphere_core::{
    ApiVersion, Inventory, Lookup, NamespaceFacts, Operation, Part, Phase, Request, Requester,
    Site, SiteSpec, Snapshot, Subject, Timestamp, decide,
};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::Value;

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples");
    std::fs::read_to_string(folder.join(name)).expect("an example")
}

fn snapshot(objects: &[Value]) -> Snapshot {
    let mut site: Value = serde_saphyr::from_str(&read("site.yaml")).expect("YAML");
    let spec: SiteSpec = serde_json::from_value(site["spec"].take()).expect("a site");
    let mut inventory = Inventory::default();
    for object in objects {
        inventory.observe(subject(object).kind, object);
    }
    let site = Arc::new(Site::try_from(spec).expect("a valid site"));
    Snapshot {
        namespace: Some(NamespaceFacts::default()),
        inventory: Arc::new(inventory),
        live: Inventory::kinds().map(Lookup::All).collect::<BTreeSet<_>>(),
        ..Snapshot::of(site, Timestamp::UNIX_EPOCH)
    }
}

fn subject(object: &Value) -> Subject {
    let text = |key: &str| object[key].as_str().expect("text");
    Subject::parse_manifest(text("apiVersion"), text("kind")).expect("a subject")
}

fn request(phase: Phase, object: &Value) -> Request {
    Request {
        phase,
        operation: Operation::Create,
        subject: subject(object),
        namespace: "user-kim".to_owned(),
        name: object["metadata"]["name"]
            .as_str()
            .expect("a name")
            .to_owned(),
        requester: Requester {
            username: "kim".to_owned(),
            groups: Vec::new(),
        },
        part: Part::Whole,
        dry_run: false,
        object: Some(object.clone()),
        old_object: None,
    }
}

fn decisions(criterion: &mut Criterion) {
    for version in ApiVersion::CLUSTER_API {
        let mut group = criterion.benchmark_group(format!("decide {version}"));
        let examples = ["cluster", "openstack", "metal3"].map(|name| {
            let text = read(&format!("{name}.{version}.yaml"));
            serde_saphyr::from_multiple::<Value>(&text).expect("YAML")
        });
        let objects = examples.concat();
        let snapshot = snapshot(&objects);
        for object in &objects {
            let mutate = request(Phase::Mutate, object);
            let completed = decide(&mutate, &snapshot).object.expect("an object");
            let validate = request(Phase::Validate, &completed);
            let name = format!("{} {}", mutate.subject.kind, mutate.name);
            for (phase, request) in [("mutate", &mutate), ("validate", &validate)] {
                group.bench_function(format!("{phase} {name}"), |bencher| {
                    bencher.iter(|| decide(black_box(request), black_box(&snapshot)));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
