//! Templates and what refers to them, in whichever order they come; and requests at the same moment.

use basphere_core::Kind::{MachineDeployment, VSphereMachineTemplate};
use basphere_core::quota::{Limits, Measure};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::objects::*;
use crate::world::{GRACE, World, denials};

fn world() -> World {
    World::with(Limits {
        vcpus: Some(20),
        ..Limits::default()
    })
}

fn refers_to(object: &mut Value, name: &str) {
    object["spec"]["template"]["spec"]["infrastructureRef"]["name"] = json!(name);
}

#[test]
fn whoever_comes_second_is_refused() {
    let mut world = world();
    world.put(&template("t", "large"));
    assert_eq!(
        denials(&world.apply(&deployment("a", 3, "t"))),
        [("BSP-Q005", "spec.replicas")]
    );

    let mut world = self::world();
    world.put(&deployment("a", 3, "t"));
    assert_eq!(
        denials(&world.apply(&template("t", "large"))),
        [("BSP-Q005", "spec.template.spec")]
    );
    world.put(&template("t", "small"));
    assert_eq!(world.used(&Measure::Vcpus), 6);
}

#[test]
fn a_template_and_a_deployment_at_the_same_moment_do_not_overlook_each_other() {
    for is_template_first in [true, false] {
        let mut world = world();
        let mut objects = [template("t", "large"), deployment("a", 3, "t")];
        if !is_template_first {
            objects.reverse();
        }
        let [first, second] = objects;
        let first = world.admit(&first).expect("it is alone");
        let refused = world.admit(&second).expect_err("both are too much");
        assert_eq!(refused.denials[0].code.as_str(), "BSP-Q005");
        assert!(world.store(first));
        world.book();
        assert!(world.used(&Measure::Vcpus) <= 20);
    }
}

#[test]
fn a_deployment_switches_to_a_template_that_is_just_being_made() {
    let mut world = world();
    world.put_all(&[template("t", "small"), deployment("a", 3, "t")]);
    world.book();
    let made = world
        .admit(&template("u", "large"))
        .expect("nobody refers to it");
    let mut switched = world.get(MachineDeployment, "a");
    refers_to(&mut switched, "u");
    let refused = world.admit(&switched).expect_err("24 are too many");
    assert_eq!(denials(&refused), [("BSP-Q005", "spec.replicas")]);
    assert!(world.store(made));

    let mut world = self::world();
    world.put_all(&[template("t", "small"), deployment("a", 3, "t")]);
    world.book();
    let mut switched = world.get(MachineDeployment, "a");
    refers_to(&mut switched, "u");
    let switched = world.admit(&switched).expect("its size is not known");
    let refused = world
        .admit(&template("u", "large"))
        .expect_err("24 are too many");
    assert_eq!(denials(&refused), [("BSP-Q005", "spec.template.spec")]);
    assert!(world.store(switched));
}

#[test]
fn a_switch_is_charged_again_and_what_was_left_is_free_once_it_is_stored() {
    let mut world = world();
    world.put_all(&[
        template("s", "small"),
        template("l", "large"),
        deployment("a", 2, "s"),
    ]);
    world.book();
    assert_eq!(
        denials(&world.edit(MachineDeployment, "a", |object| refers_to(object, "l"))),
        []
    );
    assert_eq!(world.used(&Measure::Vcpus), 16);
    assert_eq!(
        denials(&world.edit(MachineDeployment, "a", |object| refers_to(object, "s"))),
        []
    );
    assert_eq!(
        world.used(&Measure::Vcpus),
        16,
        "until it is known to be stored"
    );
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 4);
}

#[test]
fn two_requests_that_together_are_too_much_are_not_both_let_in() {
    let mut world = World::with(Limits {
        nodes: Some(10),
        ..Limits::default()
    });
    world.put_all(&[deployment("a", 2, "t"), deployment("b", 2, "t")]);
    world.book();
    let first = world.admit(&deployment("a", 6, "t")).expect("it fits");
    let refused = world
        .admit(&deployment("b", 6, "t"))
        .expect_err("both are too much");
    assert_eq!(denials(&refused), [("BSP-Q003", "spec.replicas")]);
    assert!(world.store(first));
}

#[test]
fn two_requests_over_one_version_are_charged_as_one() {
    let mut world = World::with(Limits {
        nodes: Some(10),
        ..Limits::default()
    });
    world.put(&deployment("a", 2, "t"));
    world.book();
    let first = world.admit(&deployment("a", 9, "t")).expect("it fits");
    let second = world
        .admit(&deployment("a", 8, "t"))
        .expect("only one of them can be stored");
    assert_eq!(world.nodes(), 9);
    assert!(world.store(second));
    assert!(!world.store(first), "the stored object is another one now");
    world.book();
    assert_eq!(world.nodes(), 8);
}

#[test]
fn a_deleted_templates_size_is_kept_while_machines_have_it() {
    let mut world = world();
    world.put_all(&[template("t", "large"), deployment("a", 2, "t")]);
    world.book();
    world.delete(VSphereMachineTemplate, "t");
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 16);
    assert_eq!(
        denials(&world.apply(&deployment("a", 3, "t"))),
        [("BSP-Q005", "spec.replicas")]
    );
    world.delete(MachineDeployment, "a");
    world.book();
    world.book();
    assert!(world.ledger().entries.is_empty());
}

#[test]
fn the_size_of_a_template_that_nobody_saw_stored_is_kept_as_well() {
    let mut world = world();
    world.put_all(&[template("t", "large"), deployment("a", 2, "t")]);
    world.delete(VSphereMachineTemplate, "t");
    world.now += GRACE;
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 16);
    assert_eq!(
        denials(&world.apply(&deployment("a", 3, "t"))),
        [("BSP-Q005", "spec.replicas")]
    );
    world.put(&template("t", "small"));
    world.now += GRACE;
    world.book();
    assert_eq!(
        world.used(&Measure::Vcpus),
        4,
        "no machine is larger than its successor"
    );
}

/// A machine of the infrastructure as Cluster API clones it.
fn machine_of(template: &str, cpus: u64) -> Value {
    json!({"metadata": {"annotations": {"cluster.x-k8s.io/cloned-from-name": template}},
        "spec": {"numCPUs": cpus, "memoryMiB": 4096, "diskGiB": 40}})
}

#[test]
fn machines_of_a_former_template_are_charged_until_they_are_gone() {
    let mut world = world();
    world.put_all(&[template("t", "large"), deployment("a", 2, "t")]);
    world.machines = vec![machine_of("t", 8), machine_of("other", 16)];
    world.book();
    world.delete(VSphereMachineTemplate, "t");
    world.put(&template("t", "small"));
    for _ in 0..3 {
        world.book();
        assert_eq!(world.used(&Measure::Vcpus), 16);
        let refused = world.apply(&deployment("a", 3, "t"));
        assert_eq!(denials(&refused), [("BSP-Q005", "spec.replicas")]);
        world.now += GRACE;
    }
    world.machines.clear();
    world.put(&template("t", "small"));
    world.now += GRACE - SignedDuration::from_secs(1);
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 16, "one may still be made");
    world.now += SignedDuration::from_secs(1);
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 4);
}

#[test]
fn machines_of_a_template_that_was_made_smaller_are_charged_until_they_are_gone() {
    let mut world = world();
    world.put_all(&[template("t", "large"), deployment("a", 2, "t")]);
    world.machines = vec![machine_of("t", 8), machine_of("t", 2)];
    world.book();
    let mut smaller = template("t", "small");
    smaller["spec"]["template"]["spec"] = json!({"numCPUs": 2, "memoryMiB": 4096, "diskGiB": 50});
    world.put(&smaller);
    world.now += GRACE;
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 16);
    // Without the mark it may be of this template.
    world.machines = vec![json!({"spec": {"numCPUs": 4, "memoryMiB": 4096, "diskGiB": 40}})];
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 16);
    world.machines.clear();
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 4);
}

#[test]
fn a_size_that_nobody_saw_before_it_was_made_smaller_is_kept_as_well() {
    let mut world = world();
    world.put_all(&[template("t", "large"), deployment("a", 2, "t")]);
    let mut smaller = template("t", "small");
    smaller["spec"]["template"]["spec"] = json!({"numCPUs": 2, "memoryMiB": 4096, "diskGiB": 50});
    world.put(&smaller);
    world.book();
    assert_eq!(world.used(&Measure::Vcpus), 16);
}

#[test]
fn former_templates_of_a_name_are_one_entry() {
    let mut world = world();
    world.put(&deployment("a", 1, "t"));
    for spec in ["small", "large", "small"] {
        world.put(&template("t", spec));
        world.book();
        world.delete(VSphereMachineTemplate, "t");
        world.book();
        assert_eq!(world.ledger().entries.len(), 2, "after {spec}");
    }
    assert_eq!(world.used(&Measure::Vcpus), 8);
}
