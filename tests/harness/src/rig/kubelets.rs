//! Stands for the kubelets of a cluster's machines: each machine that has a provider ID gets a Node, and those of the
//! control plane get the static pods that Cluster API looks for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, kubectl};
use crate::kubectl::{User, run};

/// A machine has its node within this time. Looking costs three runs of kubectl for each cluster, which one notices when
/// several are played on two cores.
const PAUSE: Duration = Duration::from_secs(3);
/// The pods that kubeadm writes onto machines of the control plane.
const COMPONENTS: [&str; 4] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "etcd",
];

/// The kubelets of one cluster, played by a thread.
#[derive(Debug)]
pub(crate) struct Kubelets {
    unready: Arc<Mutex<BTreeSet<String>>>,
    // Dropping the sender ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Kubelets {
    pub(crate) fn start(
        control_plane: &ControlPlane,
        workload: &User,
        namespace: &str,
        cluster: &str,
        port: u16,
    ) -> Result<Self> {
        let unready = Arc::new(Mutex::new(BTreeSet::new()));
        let player = Player {
            bin: control_plane.bin_directory(),
            management: control_plane.admin().clone(),
            workload: workload.clone(),
            namespace: namespace.to_owned(),
            selector: format!("cluster.x-k8s.io/cluster-name={cluster}"),
            port,
            unready: Arc::clone(&unready),
        };
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name(format!("kubelets of {cluster}"))
            .spawn(move || {
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    // A cluster that is on its way out refuses things; what is to be done is done the next time.
                    let _ = player.play();
                }
            })
            .context("starting a thread")?;
        Ok(Self {
            unready,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(crate) fn set_ready(&self, machine: &str, ready: bool) {
        let mut unready = lock(&self.unready);
        if ready {
            unready.remove(machine);
        } else {
            unready.insert(machine.to_owned());
        }
    }
}

impl Drop for Kubelets {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, whether or not it panicked.
            let _ = thread.join();
        }
    }
}

fn lock(unready: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    unready.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Player {
    bin: PathBuf,
    management: User,
    workload: User,
    namespace: String,
    selector: String,
    /// Where the API server reaches the kubelet of each node: they are one process.
    port: u16,
    unready: Arc<Mutex<BTreeSet<String>>>,
}

/// What a kubelet needs to know of its machine.
struct Machine {
    name: String,
    provider_id: String,
    version: String,
    control_plane: bool,
}

impl Player {
    /// Once around all machines.
    fn play(&self) -> Result<()> {
        let machines = self.machines()?;
        let nodes = items(&self.read(&self.workload, &["nodes"])?);
        for machine in &machines {
            let ready = !lock(&self.unready).contains(&machine.name);
            match nodes.iter().find(|node| name(node) == machine.name) {
                None => self.join(machine, ready)?,
                Some(node) if is_ready(node) != ready => self.report(&machine.name, ready)?,
                Some(_) => {}
            }
        }
        self.collect(&nodes, &machines)
    }

    /// The machines that are on and not about to go.
    fn machines(&self) -> Result<Vec<Machine>> {
        let list = [
            "machines.v1beta2.cluster.x-k8s.io",
            "--namespace",
            &self.namespace,
            "--selector",
            &self.selector,
        ];
        let found = items(&self.read(&self.management, &list)?);
        let alive = found
            .iter()
            .filter(|machine| machine.pointer("/metadata/deletionTimestamp").is_none());
        Ok(alive.filter_map(machine).collect())
    }

    /// The machine's node comes up, with its static pods.
    fn join(&self, machine: &Machine, ready: bool) -> Result<()> {
        let node = node(machine, ready, self.port);
        self.write(&["create", "--filename=-"], &node)?;
        if machine.control_plane {
            let pods = COMPONENTS.map(|component| pod(component, &machine.name));
            let pods = json!({"apiVersion": "v1", "kind": "List", "items": pods});
            self.write(&["create", "--filename=-"], &pods)?;
            self.write(&["replace", "--subresource=status", "--filename=-"], &pods)?;
        }
        Ok(())
    }

    fn report(&self, node: &str, ready: bool) -> Result<()> {
        let status = json!({"status": {"conditions": conditions(ready)}}).to_string();
        let patch = ["patch", "node", node, "--subresource=status", "--patch"];
        self.write(&[&patch[..], &[&status]].concat(), &Value::Null)
    }

    /// Removes the pods of nodes that are gone, as the garbage collector of pods does.
    fn collect(&self, nodes: &[Value], machines: &[Machine]) -> Result<()> {
        let pods = items(&self.read(&self.workload, &["pods", "--namespace=kube-system"])?);
        for pod in &pods {
            let on = pod.pointer("/spec/nodeName").and_then(Value::as_str);
            let known = nodes.iter().any(|node| Some(name(node)) == on);
            // A node that has just joined is not among those that were read before.
            if !known && !machines.iter().any(|m| Some(m.name.as_str()) == on) {
                let delete = ["delete", "pod", name(pod), "--namespace=kube-system"];
                let now = ["--force", "--grace-period=0", "--ignore-not-found"];
                self.write(&[&delete[..], &now].concat(), &Value::Null)?;
            }
        }
        Ok(())
    }

    fn read(&self, user: &User, arguments: &[&str]) -> Result<Value> {
        let mut get = self.kubectl(user)?;
        get.arg("get").args(arguments).arg("--output=json");
        serde_json::from_str(&run(&mut get, "")?.stdout()?).context("kubectl wrote no JSON")
    }

    fn write(&self, arguments: &[&str], object: &Value) -> Result<()> {
        let mut command = self.kubectl(&self.workload)?;
        run(command.args(arguments), &object.to_string())?
            .stdout()
            .map(drop)
    }

    fn kubectl(&self, user: &User) -> Result<Command> {
        kubectl(&self.bin, user)
    }
}

fn machine(machine: &Value) -> Option<Machine> {
    let text = |pointer: &str| machine.pointer(pointer)?.as_str().map(str::to_owned);
    let labels = machine.pointer("/metadata/labels")?;
    Some(Machine {
        name: text("/metadata/name")?,
        provider_id: text("/spec/providerID")?,
        version: text("/spec/version").unwrap_or_default(),
        control_plane: labels.get("cluster.x-k8s.io/control-plane").is_some(),
    })
}

fn node(machine: &Machine, ready: bool, port: u16) -> Value {
    let mut labels = json!({"kubernetes.io/hostname": machine.name});
    let mut taints = json!([]);
    if machine.control_plane {
        let role = "node-role.kubernetes.io/control-plane";
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(role.into(), json!(""));
        }
        taints = json!([{"key": role, "effect": "NoSchedule"}]);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": machine.name, "labels": labels},
        "spec": {"providerID": machine.provider_id, "taints": taints},
        "status": {
            "conditions": conditions(ready),
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "nodeInfo": {
                "kubeletVersion": machine.version, "kubeProxyVersion": "", "machineID": "", "systemUUID": "",
                "bootID": "", "kernelVersion": "", "osImage": "", "containerRuntimeVersion": "",
                "operatingSystem": "linux", "architecture": "amd64",
            },
        },
    })
}

/// The conditions that Cluster API looks at.
fn conditions(ready: bool) -> Value {
    let condition = |kind: &str, holds: bool| {
        let status = if holds { "True" } else { "False" };
        json!({"type": kind, "status": status, "reason": "Played", "message": "by the rig"})
    };
    let pressures = ["MemoryPressure", "DiskPressure", "PIDPressure"];
    let all = std::iter::once(condition("Ready", ready))
        .chain(pressures.map(|pressure| condition(pressure, false)));
    all.collect()
}

/// A static pod as a kubelet shows it to the API server: it has no service account.
fn pod(component: &str, node: &str) -> Value {
    let ready = json!({"type": "Ready", "status": "True"});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{component}-{node}"),
            "namespace": "kube-system",
            "labels": {"component": component, "tier": "control-plane"},
            "annotations": {"kubernetes.io/config.mirror": "played", "kubernetes.io/config.source": "file"},
        },
        "spec": {"nodeName": node, "containers": [{"name": component, "image": component}]},
        "status": {"phase": "Running", "conditions": [ready]},
    })
}

fn items(list: &Value) -> Vec<Value> {
    let items = list.pointer("/items").and_then(Value::as_array);
    items.cloned().unwrap_or_default()
}

fn name(object: &Value) -> &str {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.unwrap_or_default()
}

fn is_ready(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = json!("Ready");
    conditions.into_iter().flatten().any(|condition| {
        condition.get("type") == Some(&ready) && condition.get("status") == Some(&json!("True"))
    })
}
