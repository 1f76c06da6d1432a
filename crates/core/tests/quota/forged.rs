//! A label, an ownerReference or a name that a tenant can write proves nothing.

use basphere_core::Kind::{self, MachineDeployment, MachineSet};
use basphere_core::quota::{Limits, Measure};
use basphere_core::{Phase, Requester};
use serde_json::json;

use crate::objects::*;
use crate::world::{World, capi, denials, kim, words};

fn world() -> World {
    World::with(Limits {
        nodes: Some(10),
        ..Limits::default()
    })
}

#[test]
fn the_labels_of_a_topology_hide_nothing() {
    let mut world = world();
    world.put(&topology("demo", 1, json!([group("w", 5)]), json!([])));
    let forged = labelled(
        labelled(
            deployment("a", 4, "t"),
            "topology.cluster.x-k8s.io/owned",
            "",
        ),
        "topology.cluster.x-k8s.io/deployment-name",
        "w",
    );
    world.put(&forged);
    assert_eq!(world.nodes(), 10);
    world.book();
    assert_eq!(world.nodes(), 10);
    let grown = world.edit(MachineDeployment, "a", |object| {
        object["spec"]["replicas"] = json!(5)
    });
    assert_eq!(denials(&grown), [("BSP-Q003", "spec.replicas")]);
    assert!(world.scale(MachineDeployment, "a", 5).is_err());
}

#[test]
fn labels_that_are_written_later_hide_nothing() {
    let mut world = world();
    world.put_all(&[
        topology("demo", 1, json!([group("w", 5)]), json!([])),
        deployment("a", 4, "t"),
    ]);
    world.book();
    let decision = world.edit(MachineDeployment, "a", |object| {
        object["metadata"]["labels"]["topology.cluster.x-k8s.io/owned"] = json!("");
        object["metadata"]["labels"]["topology.cluster.x-k8s.io/deployment-name"] = json!("w");
    });
    assert_eq!(denials(&decision), []);
    world.book();
    assert_eq!(world.nodes(), 10);
}

/// After a ledger was lost, labels are all that is left: a group and all that say they are of it count.
#[test]
fn a_rebuild_counts_all_that_say_they_are_of_one_group() {
    let mut world = world();
    world.put(&topology("demo", 1, json!([group("w", 4)]), json!([])));
    let of_group = |name: &str, replicas| {
        labelled(
            labelled(
                deployment(name, replicas, "t"),
                "topology.cluster.x-k8s.io/owned",
                "",
            ),
            "topology.cluster.x-k8s.io/deployment-name",
            "w",
        )
    };
    world.put_as(capi(), &of_group("demo-w", 4));
    world.put(&of_group("forged", 4));
    assert_eq!(world.nodes(), 9);
    assert_eq!(world.rebuilt().used().of(&Measure::Nodes), 9);
}

#[test]
fn owner_references_hide_nothing() {
    let mut world = world();
    world.put(&deployment("a", 4, "t"));
    let owner = world.get(MachineDeployment, "a");
    world.put(&owned_by(set("s", 5, "t"), &owner));
    world.put(&owned_by(machine("m", "demo"), &owner));
    assert_eq!(world.nodes(), 10);
    world.book();
    assert_eq!(world.nodes(), 10);
    assert_eq!(
        denials(&world.edit(MachineSet, "s", |set| set["spec"]["replicas"] = json!(6))),
        [("BSP-Q003", "spec.replicas")]
    );
    let scaled = world.scale(MachineSet, "s", 6).expect_err("too much");
    assert_eq!(denials(&scaled), [("BSP-Q003", "spec.replicas")]);
}

#[test]
fn an_owner_of_another_api_group_makes_nothing() {
    let mut world = world();
    let mut forged = set("s", 5, "t");
    forged["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "nowhere/v1", "kind": "MachineDeployment", "name": "x", "uid": "x"}]);
    world.put(&forged);
    assert_eq!(world.rebuilt().used().of(&Measure::Nodes), 5);
}

#[test]
fn nobody_grows_a_machine_set_past_its_deployment() {
    let mut world = world();
    world.put(&deployment("a", 2, "t"));
    let made = labelled(
        owned_by(set("a-1", 2, "t"), &world.get(MachineDeployment, "a")),
        "cluster.x-k8s.io/deployment-name",
        "a",
    );
    world.put_as(capi(), &made);
    world.book();
    let text = "spec.replicas: Forbidden: its MachineDeployment sets what a MachineSet asks for; \
                scale the MachineDeployment [BSP-A005]";
    assert_eq!(
        words(&world.edit(MachineSet, "a-1", |set| set["spec"]["replicas"] = json!(3))),
        [text]
    );
    assert_eq!(
        words(&world.scale(MachineSet, "a-1", 3).expect_err("by hand")),
        [text]
    );
    assert!(
        world.scale(MachineSet, "a-1", 1).is_ok(),
        "less always passes"
    );
    // Its controller goes on, and asks nobody.
    world.requester = capi();
    assert_eq!(
        denials(&world.edit(MachineSet, "a-1", |set| set["spec"]["replicas"] = json!(3))),
        []
    );
    assert_eq!(world.nodes(), 2);
}

#[test]
fn what_is_scaled_must_be_known() {
    let mut world = world();
    world.put(&set("s", 2, "t"));
    world.put(&deployment("a", 2, "t"));
    let ledger = world
        .tenants
        .get_mut("kim")
        .expect("kim")
        .ledger
        .as_mut()
        .expect("a ledger");
    ledger.entries.clear();
    for (kind, name) in [(MachineSet, "s"), (MachineDeployment, "a")] {
        assert_eq!(
            denials(&world.scale(kind, name, 3).expect_err("unknown")),
            [("BSP-Q015", "")]
        );
        assert!(world.scale(kind, name, 1).is_ok());
    }
}

#[test]
fn all_kinds_that_have_a_scale_are_charged_by_it() {
    let mut world = world();
    world.put_all(&[
        deployment("a", 1, "t"),
        set("s", 1, "t"),
        pool("p", 1),
        control_plane("demo", 1, "t"),
    ]);
    for (kind, name, refused) in [
        (MachineDeployment, "a", 8),
        (MachineSet, "s", 8),
        (Kind::MachinePool, "p", 8),
        (Kind::KubeadmControlPlane, "demo-cp", 9),
    ] {
        assert_eq!(
            denials(&world.scale(kind, name, refused).expect_err("too many")),
            [("BSP-Q003", "spec.replicas")]
        );
        let last = world.scaling(kind, name, json!(7));
        assert_eq!(denials(&world.decide(&last)), [], "{kind}");
        assert!(world.decide(&last).charge.is_some(), "{kind}");
    }
    world.requester = Requester {
        username: "system:serviceaccount:kube-system:cluster-autoscaler".to_owned(),
        groups: vec![],
    };
    assert_eq!(
        denials(
            &world
                .scale(MachineDeployment, "a", 8)
                .expect_err("the autoscaler, too")
        ),
        [("BSP-Q003", "spec.replicas")]
    );
    world.requester = capi();
    assert!(
        world.scale(MachineDeployment, "a", 8).is_err(),
        "no controller of Cluster API writes /scale"
    );
}

#[test]
fn a_scale_below_the_autoscalers_bound_was_charged_before() {
    let mut world = world();
    world.put(&annotated(deployment("a", 2, "t"), MOST, "8"));
    world.put(&deployment("b", 2, "t"));
    assert!(
        world.scale(MachineDeployment, "a", 8).is_ok(),
        "the whole quota is used"
    );
    assert_eq!(world.nodes(), 10);
    assert!(world.scale(MachineDeployment, "a", 9).is_err());
}

#[test]
fn a_put_without_a_uid_is_the_stored_object() {
    let mut world = world();
    world.put(&deployment("a", 6, "t"));
    world.book();
    world.requester = kim();
    let bare = deployment("a", 10, "t");
    let decision = world.decide(&world.request(Phase::Mutate, &bare));
    assert_eq!(denials(&decision), []);
}
