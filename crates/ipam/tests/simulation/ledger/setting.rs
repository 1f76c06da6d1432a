//! Who there is, and what they ask for: few names, so that they meet.

use std::sync::Arc;

use basphere_core::quota::{
    Account, Ask, Group, Limits, Observed, Override, Size, Template, TenantSpec,
};
use basphere_core::site::Site;
use basphere_core::{Kind, SiteSpec};
use basphere_ipam::accounts::Record;

use super::model::{Key, World};
use crate::random::Random;

/// A group of tenants, and tenants; the last is in no group.
pub(crate) const ACCOUNTS: [&str; 4] = ["dept", "kim", "lee", "max"];
/// Those who own namespaces.
pub(crate) const TENANTS: [&str; 3] = ["kim", "lee", "max"];
/// Each namespace, and whose it is at first. Those that stand here twice are asked of more often.
const NAMESPACES: [(&str, &str); 6] = [
    ("user-kim", "kim"),
    ("user-kim", "kim"),
    ("user-kim", "kim"),
    ("user-lee", "lee"),
    ("user-lee", "lee"),
    ("user-max", "max"),
];
const TEMPLATES: [&str; 2] = ["small", "large"];
/// What people write.
const OBJECTS: [(Kind, &str); 9] = [
    (Kind::Cluster, "demo"),
    (Kind::KubeadmControlPlane, "demo"),
    (Kind::MachineDeployment, "demo"),
    (Kind::MachineDeployment, "demo"),
    (Kind::MachineDeployment, "more"),
    (Kind::MachinePool, "pool"),
    (Kind::Cluster, "topology"),
    (Kind::VSphereMachineTemplate, "small"),
    (Kind::VSphereMachineTemplate, "large"),
];
/// The workers of a topology.
pub(crate) const WORKERS: &str = "machineDeployments/workers";

pub(crate) fn is_group(account: &str) -> bool {
    account == "dept"
}

/// The least that a Site may say; most tenants have limits of their own.
pub(crate) fn site() -> Arc<Site> {
    let spec: SiteSpec = serde_json::from_str(include_str!("../../site.json")).unwrap();
    Arc::new(Site::try_from(spec).unwrap())
}

/// What there is before anybody asks; some of it was there before Basphere.
pub(crate) fn furnish(world: &mut World) {
    for (namespace, owner) in NAMESPACES {
        if !world.namespaces.contains_key(namespace) {
            world.give(namespace, owner);
        }
    }
    for name in ACCOUNTS {
        // One who has no Tenant yet is given one by the webhook.
        if name != "max" {
            create(world, name);
        }
    }
    for _ in 0..8 {
        let key = any(world);
        if !world.objects.contains_key(&key) {
            let ask = fresh(&mut world.course.random, &key);
            slip_in(world, key, ask, false);
        }
    }
}

/// An object is stored that no webhook has seen.
pub(crate) fn slip_in(world: &mut World, key: Key, ask: Ask, is_made: bool) {
    let (kind, namespace, name) = key;
    let uid = format!("uid-{}", world.next_revision());
    let observed = Observed {
        kind,
        namespace,
        name,
        uid,
        resource_version: String::new(),
        ask,
        is_made,
    };
    world.put(observed, false);
}

/// A Tenant as an admin creates it.
pub(crate) fn create(world: &mut World, name: &str) {
    let account = Account {
        name: name.to_owned(),
        spec: spec(&mut world.course.random, name),
        ..Account::default()
    };
    let record = Record {
        account: Arc::new(account),
        uid: format!("tenant-{}", world.next_revision()),
        ..Record::default()
    };
    world.put_tenant(record);
}

/// A Tenant with limits by chance.
pub(crate) fn spec(random: &mut Random, name: &str) -> TenantSpec {
    let set = Override {
        limits: limits(random, name),
        reason: "a test".to_owned(),
        ..Override::default()
    };
    TenantSpec {
        parent: matches!(name, "kim" | "lee").then(|| "dept".to_owned()),
        quotas: vec![set],
        ..TenantSpec::default()
    }
}

pub(crate) fn limits(random: &mut Random, name: &str) -> Limits {
    let mut some = |least: u64, more: usize| Some(least + random.below(more) as u64);
    if is_group(name) {
        return Limits {
            clusters: some(2, 3),
            nodes: some(6, 8),
            node_pools: some(3, 4),
            vcpus: some(16, 32),
            ..Limits::default()
        };
    }
    Limits {
        clusters: some(1, 3),
        nodes_per_cluster: some(3, 5),
        nodes: some(4, 6),
        control_plane_nodes: some(2, 3),
        node_pools: some(2, 3),
        vcpus: some(8, 24),
        addresses: some(6, 8),
        ..Limits::default()
    }
}

/// An object of somebody.
pub(crate) fn any(world: &mut World) -> Key {
    let (namespace, _) = NAMESPACES[world.course.random.below(NAMESPACES.len())];
    let (kind, name) = OBJECTS[world.course.random.below(OBJECTS.len())];
    (kind, namespace.to_owned(), name.to_owned())
}

/// What the topology controller makes of a Cluster.
pub(crate) fn of_topology(namespace: &str) -> Key {
    let name = "topology-workers".to_owned();
    (Kind::MachineDeployment, namespace.to_owned(), name)
}

/// What is asked for by whoever creates an object.
pub(crate) fn fresh(random: &mut Random, key: &Key) -> Ask {
    let (kind, _, name) = key;
    match kind {
        Kind::VSphereMachineTemplate => Ask {
            size: Some(size(random)),
            ..Ask::default()
        },
        Kind::Cluster if name == "topology" => Ask {
            groups: vec![group(random, ""), group(random, WORKERS)],
            ..Ask::default()
        },
        Kind::Cluster => Ask {
            control_plane: Some("demo".to_owned()),
            ..Ask::default()
        },
        _ => Ask {
            // A control plane may be told by the Cluster alone.
            cluster: (*kind != Kind::KubeadmControlPlane || random.permille(500))
                .then(|| "demo".to_owned()),
            replicas: random.below(4) as u64,
            most: random.permille(200).then(|| random.below(5) as u64),
            surge: random.below(2) as u64,
            template: Some(template(random)),
            ..Ask::default()
        },
    }
}

fn template(random: &mut Random) -> Template {
    Template {
        kind: Kind::VSphereMachineTemplate.as_str().to_owned(),
        name: TEMPLATES[random.below(TEMPLATES.len())].to_owned(),
    }
}

fn group(random: &mut Random, name: &str) -> Group {
    Group {
        name: name.to_owned(),
        replicas: random.below(3) as u64,
        size: Some(size(random)),
        ..Group::default()
    }
}

fn size(random: &mut Random) -> Size {
    Size {
        cpus: [1, 2, 4, 8][random.below(4)],
        ..Size::default()
    }
}

/// What is asked for by whoever changes an object, and whether by its number alone.
pub(crate) fn changed(random: &mut Random, key: &Key, old: &Ask) -> (Ask, bool) {
    let (kind, _, name) = key;
    let mut new = old.clone();
    match kind {
        Kind::VSphereMachineTemplate => new.size = Some(size(random)),
        Kind::Cluster if name == "topology" => {
            let at = random.below(new.groups.len());
            new.groups[at].replicas = random.below(4) as u64;
        }
        Kind::Cluster => {}
        _ => match random.below(10) {
            0..4 => {
                new.replicas = random.below(6) as u64;
                return (new, true);
            }
            4..6 => new.replicas = random.below(6) as u64,
            6..8 => new.most = random.permille(600).then(|| random.below(6) as u64),
            8 => new.template = Some(template(random)),
            // A size and a number at once.
            _ => {
                new.template = Some(template(random));
                new.replicas = random.below(6) as u64;
            }
        },
    }
    (new, false)
}
