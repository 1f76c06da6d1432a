//! Whatever happens in whatever order: what is stored never exceeds a limit, the ledger never says less
//! than what is stored, less always passes, and in the end the ledger is what is stored.

use std::collections::BTreeSet;

use basphere_core::Kind::{
    self, Cluster, KubeadmControlPlane, MachineDeployment, MachineSet, VSphereMachineTemplate,
};
use basphere_core::Timestamp;
use basphere_core::quota::{Amounts, Limits, Measure};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::objects::*;
use crate::world::{Admitted, GRACE, World};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// An object is written, and stored at once.
    Write(Value),
    /// It is let in, and may be stored later.
    Begin(Value),
    /// One of those is stored, unless it is too late.
    Finish(Index),
    /// One of those is refused by somebody else.
    Refuse(Index),
    Scale(Index, u64),
    Delete(Index),
    Touch(Index),
    /// The ledger hears of an object as it is, or was.
    Hear(Index),
    /// Somebody who saw nothing looks for what is gone.
    Sweep,
    Wait(i64),
    Book,
}

fn written() -> impl Strategy<Value = Value> {
    let cluster = || prop::sample::select(vec!["demo", "other"]);
    let template_name = || prop::sample::select(vec!["s", "l", "x"]);
    let most = prop::option::of(0..6_u64);
    let workers = |kind: fn(&str, u64, &str) -> Value| {
        (
            prop::sample::select(vec!["a", "b"]),
            0..6_u64,
            template_name(),
            cluster(),
            most.clone(),
        )
            .prop_map(move |(name, replicas, template, cluster, most)| {
                let mut object = kind(name, replicas, template);
                object["spec"]["clusterName"] = json!(cluster);
                object["spec"]["template"]["spec"]["clusterName"] = json!(cluster);
                match most {
                    Some(most) => annotated(object, MOST, &most.to_string()),
                    None => object,
                }
            })
    };
    prop_oneof![
        4 => workers(deployment),
        1 => workers(set),
        2 => (cluster(), prop::sample::select(vec![1, 3]), template_name()).prop_map(|(of, count, name)| control_plane(of, count, name)),
        2 => cluster().prop_map(crate::objects::cluster),
        1 => (0..4_u64, 0..4_u64).prop_map(|(a, b)| topology("top", 1, json!([group("w", a)]), json!([group("w", b)]))),
        2 => (template_name(), prop::sample::select(vec!["small", "large"])).prop_map(|(name, spec)| template(name, spec)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => written().prop_map(Event::Write),
        3 => written().prop_map(Event::Begin),
        3 => any::<Index>().prop_map(Event::Finish),
        1 => any::<Index>().prop_map(Event::Refuse),
        4 => (any::<Index>(), 0..9_u64).prop_map(|(index, replicas)| Event::Scale(index, replicas)),
        2 => any::<Index>().prop_map(Event::Delete),
        1 => any::<Index>().prop_map(Event::Touch),
        4 => any::<Index>().prop_map(Event::Hear),
        1 => Just(Event::Sweep),
        1 => (1..150_i64).prop_map(Event::Wait),
        1 => Just(Event::Book),
    ]
}

fn limits() -> Limits {
    Limits {
        clusters: Some(2),
        nodes: Some(12),
        nodes_per_cluster: Some(8),
        vcpus: Some(50),
        node_pools: Some(4),
        ..Limits::default()
    }
}

/// What happens, and all that the world remembers of it.
struct Play {
    world: World,
    /// Requests that were let in, when, and whether they make a template.
    begun: Vec<(Admitted, Timestamp, bool)>,
    /// All objects as they ever were.
    history: Vec<(Kind, Value)>,
    /// Whether a template was deleted, or came to nothing after it was let in, which is the same to a ledger:
    /// its size is kept for whoever refers to it.
    has_lost_template: bool,
}

impl Play {
    fn new() -> Self {
        Self {
            world: World::with(limits()),
            begun: Vec::new(),
            history: Vec::new(),
            has_lost_template: false,
        }
    }

    fn pick(&self, index: Index, fits: impl Fn(Kind) -> bool) -> Option<(Kind, String)> {
        let keys: Vec<_> = self
            .world
            .stored
            .keys()
            .filter(|(kind, ..)| fits(*kind))
            .collect();
        (!keys.is_empty()).then(|| {
            let (kind, _, name) = index.get(&keys);
            (*kind, name.clone())
        })
    }

    fn happen(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Write(object) => {
                let is_changed_template = self.is_changed_template(&object);
                if !is_changed_template && let Ok(admitted) = self.world.admit(&object) {
                    prop_assert!(self.world.store(admitted));
                }
            }
            Event::Begin(object) => {
                if !self.is_changed_template(&object)
                    && let Ok(admitted) = self.world.admit(&object)
                {
                    let is_template = object["kind"] == "VSphereMachineTemplate";
                    self.begun.push((admitted, self.world.now, is_template));
                }
            }
            Event::Finish(index) if !self.begun.is_empty() => {
                let (admitted, since, is_template) =
                    self.begun.remove(index.index(self.begun.len()));
                let is_alive = self.world.now.duration_since(since) < GRACE;
                let is_stored = is_alive && self.world.store(admitted);
                self.has_lost_template |= is_template && !is_stored;
            }
            Event::Refuse(index) if !self.begun.is_empty() => {
                let (.., is_template) = self.begun.remove(index.index(self.begun.len()));
                self.has_lost_template |= is_template;
            }
            Event::Scale(index, replicas) => self.scale(index, replicas)?,
            Event::Delete(index) => {
                if let Some((kind, name)) = self.pick(index, |_| true) {
                    self.has_lost_template |= kind == VSphereMachineTemplate;
                    self.world.delete(kind, &name);
                }
            }
            Event::Touch(index) => {
                if let Some((kind, name)) = self.pick(index, |_| true) {
                    self.world.touch(kind, &name);
                }
            }
            Event::Hear(index) if !self.history.is_empty() => {
                let (kind, object) = index.get(&self.history).clone();
                self.world.see(kind, &object);
            }
            Event::Sweep => self.world.sweep(&BTreeSet::new()),
            Event::Wait(seconds) => self.world.wait(SignedDuration::from_secs(seconds)),
            Event::Book => self.world.book(),
            Event::Finish(_) | Event::Refuse(_) | Event::Hear(_) => {}
        }
        let stored = self.world.stored.iter();
        let now: Vec<_> = stored
            .map(|((kind, ..), object)| (*kind, object.clone()))
            .collect();
        for seen in now {
            if !self.history.contains(&seen) {
                self.history.push(seen);
            }
        }
        Ok(())
    }

    fn scale(&mut self, index: Index, replicas: u64) -> Result<(), TestCaseError> {
        let has_scale = |kind| [MachineDeployment, MachineSet].contains(&kind);
        let Some((kind, name)) = self.pick(index, has_scale) else {
            return Ok(());
        };
        let before = self.world.get(kind, &name)["spec"]["replicas"].as_u64();
        let is_less = Some(replicas) <= before;
        let outcome = self.world.scale(kind, &name, replicas);
        prop_assert!(
            outcome.is_ok() || !is_less,
            "less always passes: {outcome:?}"
        );
        Ok(())
    }

    /// CAPV lets nobody change a template.
    fn is_changed_template(&self, object: &Value) -> bool {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let key = self.world.key(VSphereMachineTemplate, name);
        object["kind"] == "VSphereMachineTemplate" && self.world.stored.contains_key(&key)
    }
}

fn template_of(object: &Value) -> Option<&str> {
    let places = [
        "/spec/template/spec/infrastructureRef/name",
        "/spec/machineTemplate/infrastructureRef/name",
    ];
    places
        .iter()
        .find_map(|place| object.pointer(place)?.as_str())
}

/// What is stored, counted from the objects alone.
fn counted(world: &World) -> Amounts {
    let mut all = Amounts::default();
    let mut machines = |count: u64, cpus: u64, cluster: Option<&str>| {
        all.add(Measure::Nodes, count);
        all.add(Measure::Vcpus, count * cpus);
        if let Some(cluster) = cluster {
            all.add(Measure::NodesOf(format!("user-kim/{cluster}")), count);
        }
    };
    for ((kind, _, name), object) in &world.stored {
        let spec = &object["spec"];
        let most = object["metadata"]["annotations"][MOST]
            .as_str()
            .and_then(|most| most.parse().ok());
        let count = spec["replicas"]
            .as_u64()
            .unwrap_or_default()
            .max(most.unwrap_or_default());
        let template = template_of(object).map(|name| world.key(VSphereMachineTemplate, name));
        let template = template.and_then(|key| world.stored.get(&key));
        let cpus = template.map_or(0, |template| {
            template["spec"]["template"]["spec"]["numCPUs"]
                .as_u64()
                .expect("a size")
        });
        match kind {
            KubeadmControlPlane => {
                let cluster = name.strip_suffix("-cp").expect("a control plane's name");
                let is_there = world.stored.contains_key(&world.key(Cluster, cluster));
                machines(count, cpus, Some(cluster).filter(|_| is_there));
            }
            MachineDeployment | MachineSet => machines(count, cpus, spec["clusterName"].as_str()),
            Cluster if spec.get("topology").is_some() => {
                machines(1, 4, Some(name));
                for list in ["machineDeployments", "machinePools"] {
                    let count = spec["topology"]["workers"][list][0]["replicas"].as_u64();
                    machines(count.expect("a number"), 4, Some(name));
                }
            }
            _ => {}
        }
    }
    let kinds = world.stored.keys().map(|(kind, ..)| *kind);
    let pools = |kind: &Kind| [MachineDeployment, MachineSet].contains(kind);
    let top = world.stored.contains_key(&world.key(Cluster, "top"));
    all.add(
        Measure::NodePools,
        kinds.clone().filter(pools).count() as u64 + 2 * u64::from(top),
    );
    all.add(
        Measure::Clusters,
        kinds.filter(|kind| *kind == Cluster).count() as u64,
    );
    all
}

/// Those measures of a ledger that are counted here.
fn of_ledger(used: &Amounts) -> Amounts {
    let is_counted = |measure: &Measure| {
        matches!(
            measure,
            Measure::Nodes
                | Measure::Vcpus
                | Measure::NodesOf(_)
                | Measure::NodePools
                | Measure::Clusters
        )
    };
    let counted = used.iter().filter(|(measure, _)| is_counted(measure));
    counted
        .map(|(measure, amount)| (measure.clone(), amount))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_schedule_exceeds_a_limit_or_loses_a_charge(events in prop::collection::vec(event(), 1..60)) {
        let mut play = Play::new();
        for event in events {
            let text = format!("{event:?}");
            play.happen(event)?;
            let stored = counted(&play.world);
            for (measure, amount) in stored.iter() {
                let limit = limits().of(measure).expect("it is limited");
                prop_assert!(amount <= limit, "{measure}: {amount} of {limit} after {text}");
            }
            let missing = stored.beyond(&play.world.ledger().used());
            prop_assert!(missing.is_empty(), "not in the ledger: {missing:?} after {text}");
        }
        // What is under way comes to an end, and everything is looked at.
        play.has_lost_template |= play.begun.iter().any(|(.., is_template)| *is_template);
        play.world.wait(GRACE);
        play.world.book();
        play.world.book();
        let used = play.world.ledger().used();
        if play.has_lost_template {
            prop_assert!(counted(&play.world).beyond(&used).is_empty());
        } else {
            prop_assert_eq!(of_ledger(&used), counted(&play.world));
            prop_assert_eq!(used, play.world.rebuilt().used());
        }
        prop_assert_eq!(play.world.ledger().due(GRACE), None);
    }
}
