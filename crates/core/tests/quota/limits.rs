//! Limits: the site's, a tenant's own, those of groups, soft ones, and those that end.

use basphere_core::Kind::{Cluster, MachineDeployment, VSphereMachineTemplate};
use basphere_core::quota::{
    Ask, Charge, Ledger, Limits, Measure, Observed, Override, Template, Wants, judge, refusals,
};
use basphere_core::{Lookup, Phase, decide};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::objects::*;
use crate::world::{World, denials, warnings, words};

fn nodes(most: u64) -> Limits {
    Limits {
        nodes: Some(most),
        ..Limits::default()
    }
}

fn set(limits: Limits, soft: Limits, expires: Option<Timestamp>) -> Override {
    Override {
        limits,
        soft,
        reason: "a test".to_owned(),
        expires,
        set_by: None,
    }
}

#[test]
fn a_site_gives_three_clusters_of_ten_machines() {
    let mut world = World::with(Limits::default());
    world
        .tenants
        .get_mut("kim")
        .expect("kim")
        .spec
        .quotas
        .clear();
    world.put_all(&[
        cluster("a"),
        cluster("b"),
        cluster("demo"),
        deployment("w", 10, "t"),
    ]);
    assert_eq!(denials(&world.apply(&cluster("d"))), [("BSP-Q001", "spec")]);
    assert_eq!(
        denials(&world.apply(&deployment("v", 1, "t"))),
        [("BSP-Q002", "spec.replicas")]
    );
}

#[test]
fn an_override_counts_until_it_ends_and_the_later_one_wins() {
    let mut world = World::with(Limits::default());
    let end = world
        .now
        .checked_add(SignedDuration::from_hours(1))
        .expect("a time");
    let quotas = &mut world.tenants.get_mut("kim").expect("kim").spec.quotas;
    *quotas = vec![
        set(nodes(2), Limits::default(), None),
        set(nodes(5), Limits::default(), Some(end)),
    ];
    world.put_all(&[deployment("a", 5, "t")]);
    world.book();
    world.wait(SignedDuration::from_mins(59));
    assert!(world.scale(MachineDeployment, "a", 6).is_err());
    assert!(world.scale(MachineDeployment, "a", 4).is_ok());
    assert!(world.scale(MachineDeployment, "a", 5).is_ok());
    world.book();
    world.wait(SignedDuration::from_mins(1));
    let refused = world.apply(&deployment("b", 1, "t"));
    assert_eq!(
        words(&refused),
        [
            "spec.replicas: Forbidden: quota kim: nodes requested +1, used 5, limit 2, exceeded by 4; \
          at most 0 replicas fit [BSP-Q003]; kubectl basphere quota explain"
        ]
    );
}

#[test]
fn a_soft_limit_warns_and_lets_in() {
    let mut world = World::with(nodes(5));
    world
        .tenants
        .get_mut("kim")
        .expect("kim")
        .spec
        .quotas
        .push(set(Limits::default(), nodes(2), None));
    let decision = world.apply(&deployment("a", 3, "t"));
    assert_eq!(denials(&decision), []);
    assert_eq!(warnings(&decision), [("BSP-Q014", "spec.replicas")]);
    let text = decision
        .warnings
        .iter()
        .map(ToString::to_string)
        .find(|text| text.contains("BSP-Q014"));
    assert_eq!(
        text.as_deref(),
        Some(
            "spec.replicas: quota kim: nodes requested +3, used 0, soft limit 2, exceeded by 1 [BSP-Q014]"
        )
    );
    let decision = world.apply(&deployment("b", 3, "t"));
    assert_eq!(denials(&decision), [("BSP-Q003", "spec.replicas")]);
    assert_eq!(warnings(&decision), [], "once is enough");
}

#[test]
fn tenants_of_one_group_share_its_limits() {
    let mut world = World::with(nodes(6));
    world.tenant("root", None, nodes(20));
    world.tenant("team", Some("root"), nodes(8));
    world.tenant("kim", Some("team"), nodes(6));
    world.tenant("lee", Some("team"), nodes(6));
    world.put(&deployment("a", 5, "t"));
    world.namespace = "user-lee".to_owned();
    let decision = world.apply(&deployment("a", 7, "t"));
    assert_eq!(
        words(&decision),
        [
            "spec.replicas: Forbidden: quota team: nodes requested +7, used 5, limit 8, exceeded by 4; at most 3 replicas fit \
             [BSP-Q003]; kubectl basphere quota explain",
            "spec.replicas: Forbidden: quota lee: nodes requested +7, used 0, limit 6, exceeded by 1; at most 6 replicas fit \
             [BSP-Q003]; kubectl basphere quota explain",
        ]
    );
    world.put(&deployment("a", 3, "t"));
    let used = |world: &World, name: &str| {
        world.tenants[name]
            .ledger
            .as_ref()
            .expect("a ledger")
            .used()
            .of(&Measure::Nodes)
    };
    assert_eq!(
        ["root", "team", "lee"].map(|name| used(&world, name)),
        [8, 8, 3]
    );
    world.tenants.get_mut("team").expect("team").ledger = None;
    assert_eq!(
        denials(
            &world
                .scale(MachineDeployment, "a", 4)
                .expect_err("not counted")
        ),
        [("BSP-Q015", "")]
    );
    assert!(world.scale(MachineDeployment, "a", 2).is_ok());
}

#[test]
fn a_group_without_limits_needs_no_ledger() {
    let mut world = World::with(nodes(6));
    world.tenant("team", None, Limits::default());
    world.tenants.get_mut("team").expect("team").ledger = None;
    world.tenant("kim", Some("team"), nodes(6));
    world.put(&deployment("a", 5, "t"));
}

#[test]
fn no_machine_is_larger_than_the_largest_node_spec() {
    let largest = || Limits {
        largest_node_spec: Some("medium".to_owned()),
        ..Limits::default()
    };
    let mut world = World::with(largest());
    let text = "quota kim: largest node spec requested 8 CPUs, 16384 MiB, 200 GiB, limit medium (4 CPUs, 8192 MiB, 100 GiB); \
                set basphere.dev/node-spec: medium [BSP-Q013]; kubectl basphere quota explain";
    assert_eq!(
        words(&world.apply(&template("l", "large"))),
        [format!("spec.template.spec: Forbidden: {text}")]
    );
    world.put(&template("m", "medium"));
    let mut large = group("w", 1);
    large["metadata"]["labels"] = json!({"basphere.dev/node-spec": "large"});
    let top = topology("top", 1, json!([large]), json!([]));
    assert_eq!(
        words(&world.apply(&top)),
        [format!("spec.topology: Forbidden: {text}")]
    );

    // What is there stays, and does not grow.
    let mut world = World::with(Limits::default());
    world.put_all(&[template("l", "large"), deployment("a", 2, "l"), top.clone()]);
    world.book();
    world.tenant("kim", None, largest());
    assert_eq!(
        denials(&world.apply(&deployment("b", 1, "l"))),
        [("BSP-Q013", "spec.replicas")]
    );
    assert_eq!(
        denials(
            &world
                .scale(MachineDeployment, "a", 3)
                .expect_err("too large")
        ),
        [("BSP-Q013", "spec.replicas")]
    );
    assert!(world.scale(MachineDeployment, "a", 1).is_ok());
    let more = world.edit(Cluster, "top", |top| {
        top["spec"]["topology"]["workers"]["machineDeployments"][0]["replicas"] = json!(2)
    });
    assert_eq!(denials(&more), [("BSP-Q013", "spec.topology")]);
    let other = world.edit(Cluster, "top", |top| {
        top["spec"]["topology"]["controlPlane"]["replicas"] = json!(3)
    });
    assert_eq!(denials(&other), [], "another group grows");
}

#[test]
fn a_ledger_has_room_for_so_many_objects_and_no_more() {
    let template = |number: usize| Observed {
        kind: VSphereMachineTemplate,
        namespace: "user-kim".to_owned(),
        name: format!("t-{number}"),
        uid: format!("uid-{number}"),
        resource_version: "1".to_owned(),
        ask: Ask::default(),
        is_made: false,
    };
    let mut ledger = Ledger::default();
    (0..999).for_each(|number| ledger.see(&template(number)));
    let charge = |number: usize| Charge {
        tenant: "kim".to_owned(),
        kind: VSphereMachineTemplate,
        namespace: "user-kim".to_owned(),
        name: format!("t-{number}"),
        uid: format!("uid-{number}"),
        stored: None,
        wants: Wants::All(Box::default()),
        path: "spec.template.spec".to_owned(),
        is_forced: false,
    };
    let none = Limits::default();
    let exceeded = |ledger: &Ledger, number: usize| {
        let charge = charge(number);
        let verdict = judge(ledger, (&none, &none), &charge, Timestamp::UNIX_EPOCH);
        let findings = refusals("kim", &charge, &verdict.exceeded);
        findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(exceeded(&ledger, 999), [""; 0]);
    ledger.see(&template(999));
    assert_eq!(
        exceeded(&ledger, 1000),
        [
            "spec.template.spec: Forbidden: quota kim: counted objects requested +1, used 1000, limit 1000, \
             exceeded by 1; none is left [BSP-Q020]; kubectl basphere quota explain"
        ]
    );
    assert_eq!(exceeded(&ledger, 7), [""; 0], "one that is known");
    let mut other = ledger.clone();
    other
        .entries
        .values_mut()
        .for_each(|entry| "user-lee".clone_into(&mut entry.namespace));
    assert_eq!(exceeded(&other, 1000), [""; 0], "another's objects");
}

#[test]
fn nobody_is_refused_for_the_largest_node_spec_that_only_a_cache_knows() {
    let mut world = World::with(Limits::default());
    world.tenant(
        "kim",
        None,
        Limits {
            largest_node_spec: Some("medium".to_owned()),
            ..Limits::default()
        },
    );
    let request = world.request(Phase::Mutate, &template("l", "large"));
    let decision = decide(&request, &world.snapshot());
    assert_eq!(denials(&decision), [("BSP-Q013", "spec.template.spec")]);
    let accounts = Lookup::Accounts("kim".to_owned());
    assert!(decision.missed.contains(&accounts), "{:?}", decision.missed);
}

#[test]
fn a_late_update_of_what_is_gone_is_not_charged_past_a_limit() {
    let ask = |replicas: u64, template: &str| {
        Wants::All(Box::new(Ask {
            replicas,
            template: Some(Template {
                kind: "VSphereMachineTemplate".to_owned(),
                name: template.to_owned(),
            }),
            ..Ask::default()
        }))
    };
    let charge = |uid: &str, stored: Option<u64>, wants: Wants| Charge {
        tenant: "kim".to_owned(),
        kind: MachineDeployment,
        namespace: "user-kim".to_owned(),
        name: "workers".to_owned(),
        uid: uid.to_owned(),
        stored: stored.map(|replicas| ("7".to_owned(), ask(replicas, "small"))),
        wants,
        path: "spec.replicas".to_owned(),
        is_forced: false,
    };
    let (six, none) = (nodes(6), Limits::default());
    let judged = |ledger: &Ledger, charge: &Charge| {
        let verdict = judge(ledger, (&six, &none), charge, Timestamp::UNIX_EPOCH);
        let over = verdict.exceeded.iter().map(|excess| excess.requested);
        (over.collect::<Vec<_>>(), verdict.ledger)
    };
    let (over, five) = judged(&Ledger::default(), &charge("new", None, ask(5, "small")));
    assert_eq!(over, [0; 0]);
    // Three machines of an object that was forgotten, and another template for them.
    let late = charge("gone", Some(3), ask(3, "large"));
    assert_eq!(judged(&five, &late).0, [3]);
    let less = charge("gone", Some(3), ask(2, "small"));
    assert_eq!(judged(&five, &less), (vec![], five.clone()));
}
