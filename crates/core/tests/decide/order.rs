//! The objects of one file, in any order.

use std::collections::BTreeMap;

use basphere_core::{ApiVersion, Code, Kind};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::{World, denials, example};

const ASSUMED: [Code; 4] = [
    Code::TypeAssumed,
    Code::SpecAssumed,
    Code::ClusterNameGuessed,
    Code::VersionAssumed,
];

/// A cluster of which nearly everything differs from the site's defaults.
fn objects(version: ApiVersion) -> Vec<Value> {
    let mut objects = example("cluster", version);
    objects[0]["metadata"]["labels"]["basphere.dev/cluster-type"] = "standard".into();
    objects[2]["spec"]["version"] = "v1.34.4".into();
    objects[5]["metadata"]["annotations"] = Value::Null;
    objects
}

fn in_order(version: ApiVersion) -> BTreeMap<(Kind, String), Value> {
    let mut world = World::new();
    world.apply_all(&objects(version));
    world.stored
}

fn shuffled() -> impl Strategy<Value = (ApiVersion, Vec<usize>)> {
    let version = prop::sample::select(ApiVersion::CLUSTER_API.to_vec());
    (version, Just((0..7).collect::<Vec<_>>()).prop_shuffle())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// No order is refused; whatever came out otherwise than in the right order was told; and the
    /// same file again changes nothing.
    #[test]
    fn no_order_is_refused_and_what_was_assumed_is_told((version, order) in shuffled()) {
        let (objects, expected) = (objects(version), in_order(version));
        let mut world = World::new();
        let mut is_told = false;
        for index in &order {
            let object = &objects[*index];
            let decision = world.apply(object);
            prop_assert_eq!(denials(&decision), []);
            let key = expected.keys().find(|(kind, name)| {
                object["kind"] == kind.as_str() && object["metadata"]["name"] == name.as_str()
            });
            let key = key.expect("one of the objects");
            is_told |= decision.warnings.iter().any(|warning| ASSUMED.contains(&warning.code));
            // Without machines a control plane is completed when it is known what its cluster needs.
            let is_open = key.0 == Kind::KubeadmControlPlane;
            let is_same = world.stored[key] == expected[key];
            prop_assert!(is_told || is_open || is_same, "{:?} in {:?}", key, order);
        }
        let stored = world.stored.clone();
        for index in &order {
            let again = world.apply(&objects[*index]);
            prop_assert_eq!(denials(&again), []);
        }
        for (key, object) in &world.stored {
            // A control plane without machines is still completed, so that it alone may change.
            let is_open = key.0 == Kind::KubeadmControlPlane;
            prop_assert!(is_open || *object == stored[key]);
            prop_assert!(!is_open || is_told || *object == expected[key], "{:?}", order);
        }
    }
}
