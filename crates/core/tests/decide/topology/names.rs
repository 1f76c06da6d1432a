//! What groups of workers are called of which nothing is said: another name is another group, and all of
//! its nodes are made anew.

use basphere_core::ApiVersion;
use serde_json::{Value, json};

use super::{partial, topology};
use crate::world::World;

/// The names after each of these lists of groups was applied, one after the other.
fn names(lists: &[Value]) -> Vec<String> {
    let mut world = World::new();
    for list in lists {
        let given = json!({"workers": {"machineDeployments": list}});
        world.apply_all(&[partial(ApiVersion::V1Beta2, given)]);
    }
    let groups = topology(&world)["workers"]["machineDeployments"].clone();
    let groups = groups.as_array().into_iter().flatten();
    groups
        .filter_map(|group| group["name"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn nameless_groups_are_numbered() {
    assert_eq!(names(&[json!([{}, {}])]), ["workers", "workers-2"]);
    assert_eq!(names(&[json!([{"name": "gpu"}, {}])]), ["gpu", "workers"]);
    assert_eq!(
        names(&[json!([{"name": "workers-2"}, {}, {}])]),
        ["workers-2", "workers", "workers-3"]
    );
}

#[test]
fn a_nameless_group_keeps_its_name_wherever_it_stands() {
    let both = json!([{"name": "gpu"}, {"replicas": 2}]);
    assert_eq!(names(&[both.clone(), both.clone()]), ["gpu", "workers"]);
    let swapped = json!([{"replicas": 2}, {"name": "gpu"}]);
    assert_eq!(names(&[both.clone(), swapped]), ["workers", "gpu"]);
    assert_eq!(names(&[both, json!([{"replicas": 2}])]), ["workers"]);
    // Stored when names went by the place.
    let stored = json!([{"name": "gpu"}, {"name": "workers-2"}]);
    assert_eq!(names(&[stored, json!([{"replicas": 2}])]), ["workers-2"]);
}

#[test]
fn a_nameless_group_is_the_only_stored_one_that_nobody_names() {
    let stored = json!([{"name": "gpu"}]);
    assert_eq!(names(&[stored.clone(), json!([{"replicas": 2}])]), ["gpu"]);
    assert_eq!(
        names(&[stored, json!([{"name": "gpu"}, {}])]),
        ["gpu", "workers"]
    );
}
