//! A whole review through the router: parse, decide over a warm cache, answer.
#![allow(
    missing_docs,
    reason = "criterion's macros make items without documentation"
)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use basphere_core::{Inventory, Kind};
use basphere_webhook::world::World;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use support::{Stored, creation, post, reviews, world};
use tokio::runtime::Runtime;

/// The example cluster's objects, as its owner writes them.
fn objects() -> Vec<Value> {
    serde_saphyr::from_multiple(include_str!("../../deploy/examples/cluster.v1beta1.yaml")).unwrap()
}

/// A world in which the whole cluster is stored already, so that nothing is read live.
fn warm(objects: &[Value]) -> Arc<World> {
    let world = world();
    for object in objects {
        let kind = Kind::ALL
            .iter()
            .find(|kind| object["kind"] == kind.as_str());
        if let Some(kind) = kind.filter(|kind| Inventory::KINDS.contains(kind)) {
            world.observe(*kind, "user-kim", object);
        }
    }
    world
}

/// The review, padded by managedFields as the API server sends them for objects of that size.
fn body(object: &Value, size: usize) -> String {
    let mut object = object.clone();
    let missing = size.saturating_sub(creation(&object).to_string().len());
    let fields: serde_json::Map<_, _> = (0..missing / 22)
        .map(|i| (format!("f:field-{i:05}"), serde_json::json!({})))
        .collect();
    object["metadata"]["managedFields"] =
        serde_json::json!([{"manager": "kubectl", "fieldsV1": {"f:spec": fields}}]);
    creation(&object).to_string()
}

async fn mutate(router: &Router, body: &str) {
    let (status, answer) = post(router, "/mutate", body.to_owned()).await;
    assert_eq!(status, StatusCode::OK);
    black_box(answer);
}

fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let objects = objects();
    let router = reviews(&warm(&objects), &Stored::nothing(), basphere_core::decide);
    let mut group = criterion.benchmark_group("review");
    for (kind, size) in [
        ("Cluster", 0),
        ("KubeadmControlPlane", 0),
        ("VSphereMachineTemplate", 10 * 1024),
    ] {
        let body = body(
            objects
                .iter()
                .find(|object| object["kind"] == kind)
                .unwrap(),
            size,
        );
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(kind, |bencher| {
            bencher.iter(|| runtime.block_on(mutate(&router, &body)))
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
