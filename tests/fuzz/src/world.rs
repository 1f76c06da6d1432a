//! The example Site, once with an empty namespace and once with a cluster in it.

use std::sync::{Arc, LazyLock};

use basphere_core::ipam::Pools;
use basphere_core::quota::{Account, Ledger, Observed, observe};
use basphere_core::site::ImageRules;
use basphere_core::{
    Decision, Inventory, Kind, Lookup, NamespaceFacts, Request, Site, SiteSpec, Snapshot, Subject,
    Timestamp, decide,
};
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
        pools: Arc::new(pools()),
        live: all
            .chain([Lookup::Namespace, Lookup::Networks, Lookup::Pools])
            .collect(),
        ..Snapshot::of(Arc::new(site()), Timestamp::UNIX_EPOCH)
    }
}

/// The example cluster as it is charged. Reading it takes longer than deciding.
static STORED: LazyLock<Vec<Observed>> = LazyLock::new(|| {
    let site = &SNAPSHOTS[0].site;
    let objects = cluster().into_iter().enumerate();
    objects
        .filter_map(|(index, mut object)| {
            let text = |field: &str| object[field].as_str().unwrap_or_default();
            let subject = Subject::parse_manifest(text("apiVersion"), text("kind"))?;
            object["metadata"]["uid"] = Value::from(format!("uid-{index}"));
            observe(site, subject.kind, &object)
        })
        .collect()
});

/// A tenant that has the example cluster in this namespace, and the default limits.
fn account(tenant: &str, namespace: &str) -> Account {
    let mut ledger = Ledger {
        namespaces: [namespace.to_owned()].into(),
        ..Ledger::default()
    };
    for observed in STORED.iter() {
        ledger.see(&Observed {
            namespace: namespace.to_owned(),
            ..observed.clone()
        });
    }
    Account {
        name: tenant.to_owned(),
        ledger: Some(ledger),
        ..Account::default()
    }
}

/// Decides over a snapshot in which no lease and no other object is; what is asked of them one by one
/// is answered so.
#[must_use]
pub(crate) fn certainly(request: &Request, snapshot: &Snapshot) -> Decision {
    let mut snapshot = snapshot.clone();
    loop {
        let decision = decide(request, &snapshot);
        let before = snapshot.live.len();
        for lookup in &decision.missed {
            if let Lookup::Accounts(tenant) = lookup {
                let account = account(tenant, &request.namespace);
                snapshot
                    .accounts
                    .insert(tenant.clone(), vec![Arc::new(account)]);
            }
            if matches!(
                lookup,
                Lookup::Leases(_) | Lookup::Object(..) | Lookup::ConfigMap(_) | Lookup::Accounts(_)
            ) {
                snapshot.live.insert(lookup.clone());
            }
        }
        if snapshot.live.len() == before {
            return decision;
        }
    }
}

fn pools() -> Pools {
    let text = include_str!("../../../deploy/examples/pools.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(text).expect("the example is YAML");
    let mut pools = Pools::default();
    for mut object in objects {
        let spec = serde_json::from_value(object["spec"].take()).expect("a pool");
        pools.put(
            object["metadata"]["name"].as_str().expect("a name"),
            "",
            spec,
        );
    }
    pools
}

pub(crate) fn site() -> Site {
    Site::try_from(site_spec()).expect("it contradicts itself nowhere")
}

/// The only registry of the site.
pub(crate) const HARBOR: &str = "harbor.corp.example:8443";

/// The example Site, with rules on images.
fn site_spec() -> SiteSpec {
    let text = include_str!("../../../deploy/examples/site.yaml");
    let mut site: Value = serde_saphyr::from_str(text).expect("the example Site is YAML");
    let mut spec: SiteSpec = serde_json::from_value(site["spec"].take()).expect("and a Site");
    spec.images = Some(ImageRules {
        registries: vec![HARBOR.to_owned()],
        rewrite: [("docker.io".to_owned(), format!("{HARBOR}/docker.io"))].into(),
        ..ImageRules::default()
    });
    spec
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
