//! A cluster of kim's in the rig, and waiting for what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use basphere_e2e::{Tenant, rig};
use basphere_harness::{Rig, Vm, wait};
use serde_json::Value;

use crate::view::{MACHINES, View};

/// Controllers work in steps that wait for one another, and a machine that does something else as well is slow.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_secs(2);

/// A namespace of kim's in the rig.
pub(crate) struct Suite {
    pub(crate) rig: &'static Rig,
    pub(crate) kim: Tenant,
    begun: Instant,
}

impl Suite {
    pub(crate) fn new() -> Result<Self> {
        let begun = Instant::now();
        let suite = Self {
            rig: rig()?,
            kim: Tenant::in_rig()?,
            begun,
        };
        suite.say("the rig is up");
        Ok(suite)
    }

    /// Says how far the test is, and when.
    pub(crate) fn say(&self, what: &str) {
        let namespace = &self.kim.namespace;
        println!(
            "{namespace} {:6.1} s: {what}",
            self.begun.elapsed().as_secs_f64()
        );
    }

    /// Waits until asking gives an answer; what is last seen of the namespace is told otherwise.
    pub(crate) fn until<T>(&self, what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let answer = wait::every(PAUSE, what, PATIENCE, ask);
        let answer = answer.map_err(|error| anyhow!("{error:#}\n{}", self.seen()))?;
        self.say(what);
        Ok(answer)
    }

    /// All objects of a resource in the namespace.
    pub(crate) fn list(&self, resource: &str) -> Result<Vec<Value>> {
        self.view().list(resource)
    }

    /// Waits until so many machines are there and all of them run.
    pub(crate) fn machines_run(&self, count: usize) -> Result<Vec<Value>> {
        self.until(&format!("{count} machines run"), || {
            let machines = self.list(MACHINES)?;
            let run = |machine: &&Value| text(machine, "/status/phase") == "Running";
            let running = machines.iter().filter(run).count();
            Ok((machines.len() == count && running == count).then_some(machines))
        })
    }

    /// Waits until a cluster is available: control plane, workers, and all that Cluster API asks inside of it.
    pub(crate) fn cluster_is_available(&self, cluster: &str) -> Result<()> {
        self.until(&format!("{cluster} is available"), || {
            let cluster = self.kim.get(&format!("cluster/{cluster}"))?;
            let conditions = cluster.pointer("/status/conditions");
            let conditions = conditions.and_then(Value::as_array);
            let available = conditions.into_iter().flatten().any(|condition| {
                text(condition, "/type") == "Available" && text(condition, "/status") == "True"
            });
            Ok(available.then_some(()))
        })
    }

    /// The virtual machines of this namespace, by the names of its VSphereVMs.
    pub(crate) fn vms(&self) -> Result<BTreeMap<String, Vm>> {
        let ours: Vec<String> = self.list("vspherevms")?.iter().map(name).collect();
        let vms = self.rig.vms()?.into_iter();
        Ok(vms
            .filter(|vm| ours.contains(&vm.name))
            .map(|vm| (vm.name.clone(), vm))
            .collect())
    }

    /// Machine → its addresses, as its VSphereMachine names them, without prefix lengths.
    pub(crate) fn addresses(&self) -> Result<BTreeMap<String, Vec<String>>> {
        self.view().addresses()
    }

    /// Address → lease, of this namespace.
    pub(crate) fn leases(&self) -> Result<BTreeMap<String, Value>> {
        self.view().leases()
    }

    /// The namespace, as an admin reads it.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            rig: self.rig,
            namespace: &self.kim.namespace,
        }
    }

    /// Sees that each machine has one address that is its own: in its VSphereMachine, in the lease that names it, and in
    /// the vCenter.
    pub(crate) fn every_machine_has_its_own_leased_address(&self) -> Result<()> {
        let addresses = self.addresses()?;
        let leases = self.leases()?;
        let vms = self.vms()?;
        ensure!(vms.len() == addresses.len(), "{vms:?} of {addresses:?}");
        for (machine, own) in &addresses {
            let [address] = own.as_slice() else {
                bail!("{machine} has {own:?}");
            };
            let lease = leases.get(address);
            let is_its = |lease: &&Value| {
                text(lease, "/spec/holder/name") == machine && text(lease, "/spec/state") == "Bound"
            };
            ensure!(
                lease.filter(is_its).is_some(),
                "{machine} has {address}: {lease:?}"
            );
            let vm = vms.get(machine);
            let vm = vm.with_context(|| format!("{machine} has no VM among {vms:?}"))?;
            ensure!(&vm.addresses == own && &vm.reported == address, "{vm:?}");
        }
        let distinct: BTreeSet<&Vec<String>> = addresses.values().collect();
        ensure!(distinct.len() == addresses.len(), "{addresses:?}");
        let machines = self.list(MACHINES)?;
        let machines: Vec<String> = machines.iter().map(name).collect();
        ensure!(machines == addresses.keys().cloned().collect::<Vec<_>>());
        Ok(())
    }

    /// The names of the machines of a cluster.
    pub(crate) fn of(&self, cluster: &str) -> Result<BTreeSet<String>> {
        let machines = self.list(MACHINES)?;
        let its = |machine: &&Value| text(machine, "/spec/clusterName") == cluster;
        Ok(machines.iter().filter(its).map(name).collect())
    }

    /// Asks for so many machines of a MachineDeployment, as kim.
    pub(crate) fn scale(&self, deployment: &str, replicas: usize) -> Result<()> {
        let replicas = format!("--replicas={replicas}");
        let scale = ["scale", "machinedeployment", deployment, &replicas];
        self.kim.kubectl(&scale, "")?.stdout()?;
        self.say(&replicas);
        Ok(())
    }

    /// Deletes a Cluster as kim, and waits until it is gone, which it is last.
    pub(crate) fn delete_cluster(&self, cluster: &str) -> Result<()> {
        let delete = ["delete", "cluster", cluster, "--wait=false"];
        self.kim.kubectl(&delete, "")?.stdout()?;
        self.until(&format!("cluster {cluster} is gone"), || {
            let clusters = self.list("clusters.v1beta2.cluster.x-k8s.io")?;
            Ok((!clusters.iter().any(|other| name(other) == cluster)).then_some(()))
        })
    }

    /// Changes an object as kim, by a merge patch.
    pub(crate) fn patch(&self, object: &str, patch: &Value) -> Result<()> {
        let patch = patch.to_string();
        let arguments = ["patch", object, "--type=merge", "-p", &patch];
        self.kim.kubectl(&arguments, "")?.stdout().map(drop)
    }

    fn seen(&self) -> String {
        let kinds = "clusters,kubeadmcontrolplanes,machinedeployments,machines,vsphereclusters,vspheremachines,vspherevms,events";
        let seen = self
            .kim
            .as_user(self.rig.sandbox().ops(), &["get", kinds], "");
        seen.map_or_else(|error| format!("{error:#}"), |seen| seen.stdout)
    }
}

/// A text of an object; empty where it has none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let found = object.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> String {
    text(object, "/metadata/name").to_owned()
}

pub(crate) fn ip_addresses(machine: &Value) -> Vec<String> {
    let list = |value: &Value, pointer: &str| -> Vec<Value> {
        let found = value.pointer(pointer).and_then(Value::as_array);
        found.cloned().unwrap_or_default()
    };
    let devices = list(machine, "/spec/network/devices");
    let addresses = devices.iter().flat_map(|device| list(device, "/ipAddrs"));
    addresses
        .filter_map(|a| Some(a.as_str()?.split('/').next()?.to_owned()))
        .collect()
}
