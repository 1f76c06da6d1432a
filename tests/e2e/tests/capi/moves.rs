//! `clusterctl move` between two management clusters of one site that both run Basphere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use basphere_e2e::Tenant;
use basphere_harness::{Event, Mark, RigOptions, Vm, wait};
use serde_json::{Value, json};

use crate::suite::{Suite, ip_addresses, text};
use crate::view::{MACHINES, VSPHERE_MACHINES, View, shown};

const CLUSTER: &str = "demo";
const WORKERS: &str = "machinedeployment/demo-workers";
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_secs(20);

/// What must be the same wherever the cluster is.
#[derive(Debug, PartialEq)]
struct Identity {
    endpoint: String,
    addresses: BTreeMap<String, Vec<String>>,
    vms: BTreeMap<String, Vm>,
}

#[test]
#[ignore = "two management clusters, several minutes: cargo xtask e2e --full"]
fn a_cluster_moves_away_and_back() -> Result<()> {
    let suite = Suite::new()?;
    let other = suite.rig.start_beside(&RigOptions::default())?;
    suite.say("a second management cluster is up");
    let here = suite.view();
    let there = View {
        rig: &other,
        ..here
    };
    prepare(&suite, &there)?;
    suite.kim.apply(&suite.kim.example("cluster")?)?;
    // The machines themselves stay where they are, and so does what plays them.
    let workload = suite.rig.workload(&suite.kim.namespace, CLUSTER)?;
    suite.machines_run(3)?;
    here.quiet(QUIET)?;
    suite.say("the cluster has settled");
    let cluster = identity(&here)?;
    let charged = here.charged()?;
    ensure!(charged.len() == 3, "{charged:?}");

    let marks = [suite.rig.mark()?, other.mark()?];
    moved(&suite, &here, &there)?;
    arrived(&suite, &there, marks[1], &cluster, &charged)?;
    left(&suite, &here, &cluster)?;
    told_of_the_overrun(&there, marks[1])?;
    kept_from_others(&suite, &cluster)?;
    grows_there(&suite, &there, &cluster)?;

    let marks = [suite.rig.mark()?, other.mark()?];
    moved(&suite, &there, &here)?;
    arrived(&suite, &here, marks[0], &cluster, &charged)?;
    left(&suite, &there, &cluster)?;
    let scale = ["scale", WORKERS, "--replicas=3"];
    suite.kim.kubectl(&scale, "")?.stdout()?;
    suite.machines_run(4)?;
    drop(workload);
    Ok(())
}

/// Gives kim the namespace at the target, and less than the cluster needs.
fn prepare(suite: &Suite, there: &View<'_>) -> Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": there.namespace, "labels": {"basphere.dev/owner": "kim"},
        }},
        suite.kim.binding("kim"),
    ]});
    there.ops(&["create", "-f", "-"], &namespace.to_string())?;
    limit(there, 2)
}

fn limit(there: &View<'_>, nodes: u64) -> Result<()> {
    let quotas = json!([{"limits": {"nodes": nodes}, "reason": "a small place"}]);
    let patch = json!({"spec": {"quotas": quotas}}).to_string();
    there.ops(&["patch", "tenant/kim", "--type=merge", "-p", &patch], "")?;
    Ok(())
}

fn identity(view: &View<'_>) -> Result<Identity> {
    let addresses = view.addresses()?;
    ensure!(
        addresses.values().all(|had| had.len() == 1),
        "{addresses:?}"
    );
    let vms = view.rig.vms()?.into_iter();
    let vms = vms.filter(|vm| addresses.contains_key(&vm.name));
    Ok(Identity {
        endpoint: view.endpoint(CLUSTER)?,
        vms: vms.map(|vm| (vm.name.clone(), vm)).collect(),
        addresses,
    })
}

/// Runs clusterctl, which nothing may hold up.
fn moved(suite: &Suite, from: &View<'_>, to: &View<'_>) -> Result<()> {
    let marks = [from.rig.mark()?, to.rig.mark()?];
    let begun = Instant::now();
    let outcome = from.rig.move_clusters(to.rig, from.namespace)?;
    let said = outcome.stderr.clone();
    outcome.stdout()?;
    let seconds = begun.elapsed().as_secs_f64();
    suite.say(&format!("moved within {seconds:.1} s"));
    // It tries again what fails, and would hide it.
    for (view, mark) in [(from, marks[0]), (to, marks[1])] {
        let events = view.writes(mark)?;
        let refused = events.iter().filter(|event| {
            event.user == "ops" && event.code >= 400 && ![404, 409].contains(&event.code)
        });
        let refused: Vec<String> = refused.map(shown).collect();
        ensure!(refused.is_empty(), "{refused:#?}\n{said}");
    }
    Ok(())
}

/// The cluster is what it was, its addresses are its own and counted once, and its controllers leave it alone.
fn arrived(
    suite: &Suite,
    there: &View<'_>,
    since: Mark,
    cluster: &Identity,
    charged: &BTreeMap<String, u64>,
) -> Result<()> {
    until(suite, "controllers have taken the cluster over", || {
        let machines = there.list(MACHINES)?;
        let running = machines
            .iter()
            .filter(|it| text(it, "/status/phase") == "Running");
        Ok((running.count() == cluster.addresses.len()).then_some(()))
    })?;
    until(suite, "all leases are bound by what is there now", || {
        let leases = there.leases()?;
        let uids = uids(there)?;
        let mut wanted: BTreeSet<&str> = cluster
            .addresses
            .values()
            .flatten()
            .map(String::as_str)
            .collect();
        wanted.insert(&cluster.endpoint);
        let bound = |address: &&str| {
            leases.get(*address).is_some_and(|lease| {
                text(lease, "/spec/state") == "Bound"
                    && uids.contains(text(lease, "/spec/holder/uid"))
            })
        };
        Ok(wanted.iter().all(bound).then_some(()))
    })?;
    until(suite, "it is charged once", || {
        Ok((there.charged()? == *charged).then_some(()))
    })?;
    there.quiet(QUIET)?;
    let now = identity(there)?;
    ensure!(now == *cluster, "{cluster:#?} became {now:#?}");
    let leased: BTreeSet<String> = there.leases()?.into_keys().collect();
    let ranges = leased
        .iter()
        .filter(|address| address.contains('-'))
        .count();
    ensure!(ranges <= 1 && leased.len() == 4 + ranges, "{leased:?}");
    let events = there.writes(since)?;
    let made: Vec<String> = events
        .iter()
        .filter(|e| makes_machines(e))
        .map(shown)
        .collect();
    ensure!(made.is_empty(), "{made:#?}");
    let refused = there.refused(since)?;
    ensure!(refused.is_empty(), "refused to controllers: {refused:#?}");
    suite.say("nothing about it has changed");
    Ok(())
}

/// A machine that controllers made, or took away.
fn makes_machines(event: &Event) -> bool {
    let is_machine = ["machines", "machinesets", "vspheremachines", "vspherevms"]
        .contains(&event.resource.as_str());
    let changes = event.code == 201 || event.verb == "delete";
    is_machine && changes && event.user.starts_with("system:serviceaccount:")
}

fn uids(view: &View<'_>) -> Result<BTreeSet<String>> {
    let mut objects = view.list(VSPHERE_MACHINES)?;
    objects.extend(view.list("clusters.v1beta2.cluster.x-k8s.io")?);
    let uids = objects
        .iter()
        .map(|it| text(it, "/metadata/uid").to_owned());
    Ok(uids.collect())
}

/// Nothing is left but leases, which say why; nothing is charged, and the virtual machines are untouched.
fn left(suite: &Suite, here: &View<'_>, cluster: &Identity) -> Result<()> {
    until(
        suite,
        "all leases there have moved away, and no charge is left",
        || {
            let leases = here.leases()?;
            let away = |lease: &Value| text(lease, "/spec/state") == "MovedAway";
            let known = cluster
                .addresses
                .values()
                .flatten()
                .chain([&cluster.endpoint]);
            let all = known
                .into_iter()
                .all(|address| leases.get(address).is_some_and(away));
            Ok((all && here.charged()?.is_empty()).then_some(()))
        },
    )?;
    for resource in ["clusters", MACHINES, VSPHERE_MACHINES, "vspherevms"] {
        ensure!(here.names(resource)?.is_empty(), "{resource} are left");
    }
    let strays = here.leases()?;
    let strays = strays
        .values()
        .filter(|it| text(it, "/spec/state") != "MovedAway");
    let strays: Vec<&Value> = strays.collect();
    ensure!(
        strays
            .iter()
            .all(|it| text(it, "/spec/state") == "Releasing"),
        "{strays:#?}"
    );
    let vms = here.rig.vms()?.into_iter();
    let vms: BTreeMap<String, Vm> = vms
        .filter(|vm| cluster.vms.contains_key(&vm.name))
        .map(|vm| (vm.name.clone(), vm))
        .collect();
    ensure!(vms == cluster.vms, "{vms:#?}");
    Ok(())
}

/// The target has room for two machines of kim's: it takes three, says so, and takes no more.
fn told_of_the_overrun(there: &View<'_>, since: Mark) -> Result<()> {
    let events = there.writes(since)?;
    let told = events.iter().any(|event| {
        let annotations = event.raw.get("annotations");
        annotations.is_some_and(|it| it.to_string().contains("BSP-Q017"))
    });
    ensure!(told, "nobody was told that kim has more than she may");
    let quota = there.ops(&["get", "tenantquota/default", "--output=json"], "")?;
    let quota: Value = serde_json::from_str(&quota)?;
    ensure!(quota.to_string().contains("\"nodes\""), "{quota:#}");
    let kim = there.rig.sandbox().kim();
    let scale = ["scale", WORKERS, "--replicas=3"];
    let refused = there.run(kim, &scale, "")?;
    let expected = "nodes requested +1, used 3, limit 2, exceeded by 2";
    ensure!(refused.stderr.contains(expected), "{}", refused.stderr);
    Ok(())
}

/// Where the cluster was, its addresses are nobody else's: another cluster of the same tenant gets others.
fn kept_from_others(suite: &Suite, cluster: &Identity) -> Result<()> {
    let kim = Tenant::in_rig()?;
    let view = View {
        rig: suite.rig,
        namespace: &kim.namespace,
    };
    kim.apply(&kim.example("cluster")?)?;
    let addresses = until(
        suite,
        "another cluster has addresses where this one was",
        || {
            let machines = view.list(VSPHERE_MACHINES)?;
            let addresses: Vec<String> = machines.iter().flat_map(ip_addresses).collect();
            Ok((addresses.len() == 3).then_some(addresses))
        },
    )?;
    let endpoint = view.endpoint(CLUSTER)?;
    ensure!(endpoint != cluster.endpoint, "{endpoint} is leased twice");
    let taken: Vec<&String> = cluster.addresses.values().flatten().collect();
    let twice = addresses.iter().filter(|it| taken.contains(it));
    ensure!(twice.count() == 0, "{addresses:?} and {taken:?}");
    kim.kubectl(&["delete", "cluster", CLUSTER, "--wait=false"], "")?
        .stdout()?;
    until(suite, "it is gone again", || {
        let clusters = view.names("clusters")?;
        Ok(clusters.is_empty().then_some(()))
    })
}

/// Given room, the cluster grows where it is now, by an address that it has not, and shrinks.
fn grows_there(suite: &Suite, there: &View<'_>, cluster: &Identity) -> Result<()> {
    limit(there, 10)?;
    let kim = there.rig.sandbox().kim();
    let scale = |replicas: &str| there.run(kim, &["scale", WORKERS, replicas], "");
    until(suite, "it may grow", || {
        Ok(scale("--replicas=3")?.succeeded().then_some(()))
    })?;
    let (newcomer, address) = until(suite, "one more virtual machine is there", || {
        let addresses = there.addresses()?;
        let mut others = addresses.into_iter();
        let newcomer = others.find(|(name, _)| !cluster.addresses.contains_key(name));
        let vms = there.rig.vms()?;
        let vm = newcomer.and_then(|(name, _)| vms.into_iter().find(|vm| vm.name == name));
        let vm = vm.filter(|vm| !vm.reported.is_empty());
        Ok(vm.map(|vm| (vm.name, vm.reported)))
    })?;
    let taken = cluster.addresses.values().flatten();
    ensure!(!taken.into_iter().any(|had| *had == address), "{address}");
    let machine = format!("{MACHINES}/{newcomer}");
    let first = "cluster.x-k8s.io/delete-machine=yes";
    there.ops(&["annotate", &machine, first], "")?;
    scale("--replicas=2")?.stdout()?;
    until(suite, "it is as large as before", || {
        let gone = !there.rig.vms()?.iter().any(|vm| vm.name == newcomer);
        Ok((gone && there.names(MACHINES)?.len() == 3).then_some(()))
    })?;
    there.quiet(QUIET)
}

fn until<T>(suite: &Suite, what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let answer = wait::every(PAUSE, what, PATIENCE, ask)
        .with_context(|| format!("in {}", suite.kim.namespace))?;
    suite.say(what);
    Ok(answer)
}
