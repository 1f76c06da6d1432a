//! The inside of a cluster whose machines run nothing: an API server at its endpoint, and nodes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_certs::{Authority, Usage};
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, create_directory};
use crate::kubectl::{User, run};
use crate::pki::{Pair, leaf, write_private};
use crate::processes::{Listener, flag, free_ports};
use crate::rig::Rig;
use crate::rig::keys::pkcs8;
use crate::rig::kubelets::Kubelets;
use crate::wait;
use crate::watchdog::Guarded;

const BEGUN: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(60);
/// kubectl is asked, which takes a tenth of a second of one core.
const PAUSE: Duration = Duration::from_millis(500);
/// How often clusters are looked for.
const LOOK: Duration = Duration::from_secs(2);
const GRACE_SECONDS: u32 = 1;

/// A cluster as its users see it. Dropping it ends its API server and its kubelets.
#[derive(Debug)]
pub struct Workload {
    // Dropped first: kubelets only complain without an API server.
    kubelets: Kubelets,
    _kubelet: Guarded,
    _api_server: Guarded,
    admin: User,
}

/// Where Cluster API looks for the cluster.
struct Endpoint {
    host: Ipv4Addr,
    port: u16,
}

impl Workload {
    pub(crate) fn start(rig: &Rig, namespace: &str, cluster: &str) -> Result<Self> {
        let key = Key {
            control_plane: rig.sandbox().control_plane(),
            kubelet: &rig.kubelet,
            namespace,
            cluster,
        };
        let what = "the first machine has its bootstrap data";
        let endpoint = wait::every(PAUSE, what, BEGUN, || key.endpoint())?;
        Self::begin(&key, &endpoint)
    }

    fn begin(key: &Key<'_>, endpoint: &Endpoint) -> Result<Self> {
        let control_plane = key.control_plane;
        let admin = key.admin()?;
        let api_server = key.api_server(endpoint)?;
        let what = format!(
            "the API server of {}/{} is ready",
            key.namespace, key.cluster
        );
        let ready = wait::every(PAUSE, &what, READY, || {
            if let Some(status) = api_server.try_wait()? {
                bail!("it ended with {status}");
            }
            let get = ["get", "--raw", "/readyz"];
            let answer = run(control_plane.kubectl(&admin)?.args(get), "")?;
            Ok(answer.succeeded().then_some(()))
        });
        ready.map_err(|e| anyhow!("{e:#}; its log ends:\n{}", api_server.log_tail()))?;
        initialize(control_plane, &admin)?;
        let [port] = free_ports()?;
        Ok(Self {
            _kubelet: key.kubelet(&admin, port)?,
            kubelets: Kubelets::start(control_plane, &admin, key.namespace, key.cluster, port)?,
            _api_server: api_server,
            admin,
        })
    }

    /// The admin of the cluster, by the kubeconfig that Cluster API made: `sandbox.kubectl(workload.admin())`.
    #[must_use]
    pub fn admin(&self) -> &User {
        &self.admin
    }

    /// Lets the node of a machine say that it is ready, or that it is not, from now on.
    pub fn set_ready(&self, machine: &str, ready: bool) {
        self.kubelets.set_ready(machine, ready);
    }
}

/// Plays all clusters as they come and go, until the other end is dropped.
pub(crate) fn play_all(rig: &Rig, end: &Receiver<()>) {
    let mut played = BTreeMap::new();
    while end.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        // Somebody is at work in there, and may take away anything at any time: what failed is tried again.
        let _ = play_once(rig, &mut played);
    }
}

fn play_once(rig: &Rig, played: &mut BTreeMap<[String; 2], Workload>) -> Result<()> {
    let control_plane = rig.sandbox().control_plane();
    let columns = "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{\"\\n\"}{end}";
    let list = ["get", "clusters", "--all-namespaces", "--output", columns];
    let listed = control_plane.admin_run(&list, "")?;
    let names = listed.lines().filter_map(|line| line.split_once(' '));
    let clusters: Vec<[String; 2]> = names.map(|(n, c)| [n, c].map(str::to_owned)).collect();
    played.retain(|cluster, _| clusters.contains(cluster));
    for identity in clusters {
        if played.contains_key(&identity) {
            continue;
        }
        let [namespace, cluster] = &identity;
        let key = Key {
            control_plane,
            kubelet: &rig.kubelet,
            namespace,
            cluster,
        };
        if let Some(endpoint) = key.endpoint()? {
            let workload = Workload::begin(&key, &endpoint)?;
            played.insert(identity, workload);
        }
    }
    Ok(())
}

/// What a real `kubeadm init` leaves behind: by this Cluster API knows that it has run.
fn initialize(control_plane: &ControlPlane, admin: &User) -> Result<()> {
    let configuration = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n";
    let map = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": configuration},
    });
    // The namespace comes a moment after the API server is ready.
    wait::until("kubeadm's configuration is stored", READY, || {
        let mut create = control_plane.kubectl(admin)?;
        create.args(["create", "--filename=-"]);
        let outcome = run(&mut create, &map.to_string())?;
        Ok((outcome.succeeded() || outcome.stderr.contains("AlreadyExists")).then_some(()))
    })
}

/// A cluster, as the management cluster knows it.
struct Key<'a> {
    control_plane: &'a ControlPlane,
    kubelet: &'a Path,
    namespace: &'a str,
    cluster: &'a str,
}

impl Key<'_> {
    /// The endpoint, once the first machine of the control plane could run `kubeadm init`.
    fn endpoint(&self) -> Result<Option<Endpoint>> {
        let labels = format!(
            "cluster.x-k8s.io/cluster-name={},cluster.x-k8s.io/control-plane",
            self.cluster
        );
        let machines = self.get(&["machines.v1beta2.cluster.x-k8s.io", "--selector", &labels])?;
        let items = machines.pointer("/items").and_then(Value::as_array);
        let mut items = items.into_iter().flatten();
        if !items.any(|m| m.pointer("/spec/bootstrap/dataSecretName").is_some()) {
            return Ok(None);
        }
        let cluster = self.get(&["clusters.v1beta2.cluster.x-k8s.io", self.cluster])?;
        let endpoint = cluster.pointer("/spec/controlPlaneEndpoint");
        let endpoint = endpoint.context("a cluster with machines and no endpoint")?;
        let host = endpoint.get("host").and_then(Value::as_str);
        let port = endpoint.get("port").and_then(Value::as_u64);
        Ok(Some(Endpoint {
            host: host.context("an endpoint without a host")?.parse()?,
            port: port.unwrap_or(6443).try_into()?,
        }))
    }

    /// Whoever has the kubeconfig that Cluster API made.
    fn admin(&self) -> Result<User> {
        let kubeconfig = wait::until("the kubeconfig is made", READY, || {
            self.secret("kubeconfig", "value")
        })?;
        self.control_plane.adopt(&self.name(), &kubeconfig)
    }

    /// Starts the API server, under a certificate of the cluster's own authority.
    fn api_server(&self, endpoint: &Endpoint) -> Result<Guarded> {
        let host = endpoint.host.to_string();
        let serving = self.certificate("ca", "kube-apiserver", &[&host])?;
        let client_ca = self.directory()?.join("ca.crt");
        write_private(&client_ca, self.authority("ca")?.certificate_pem())?;
        let mut command = self.control_plane.api_server(&Listener {
            address: endpoint.host,
            port: endpoint.port,
            serving,
            client_ca,
        })?;
        let name = self.name();
        command.arg(format!("--etcd-prefix=/{name}"));
        self.control_plane.spawn(&command, &name, GRACE_SECONDS)
    }

    /// Starts what Cluster API reaches of the machines of the control plane: etcd, for one.
    fn kubelet(&self, admin: &User, port: u16) -> Result<Guarded> {
        let pair = self.certificate("etcd", "etcd", &["localhost", "127.0.0.1"])?;
        let mut command = Command::new(self.kubelet);
        command.arg(format!("--listen=127.0.0.1:{port}"));
        command.args([
            flag("kubeconfig", &admin.kubeconfig()),
            flag("certificate", &pair.certificate),
            flag("key", &pair.key),
        ]);
        let name = format!("{}-kubelet", self.name());
        self.control_plane.spawn(&command, &name, GRACE_SECONDS)
    }

    /// What its files and logs are called.
    fn name(&self) -> String {
        format!("{}-{}", self.namespace, self.cluster)
    }

    fn directory(&self) -> Result<PathBuf> {
        let directory = self.control_plane.directory().join(self.name());
        create_directory(&directory)?;
        Ok(directory)
    }

    /// One of the authorities that Cluster API made for the cluster.
    fn authority(&self, suffix: &str) -> Result<Authority> {
        let read = |key: &str| -> Result<String> {
            let found = self.secret(suffix, key)?;
            found.with_context(|| format!("{} has no Secret {suffix}", self.cluster))
        };
        Ok(Authority::from_pem(
            &read("tls.crt")?,
            &pkcs8(&read("tls.key")?)?,
        )?)
    }

    /// A certificate of one of the authorities, under the name that Cluster API knows it by.
    fn certificate(&self, suffix: &str, common_name: &str, names: &[&str]) -> Result<Pair> {
        let leaf = leaf(common_name, None, names, Usage::ServerAndClient);
        let issued = self.authority(suffix)?.issue(&leaf)?;
        let directory = self.directory()?;
        let pair = Pair {
            certificate: directory.join(format!("{suffix}-leaf.crt")),
            key: directory.join(format!("{suffix}-leaf.key")),
        };
        write_private(&pair.certificate, &issued.certificate_pem)?;
        write_private(&pair.key, &issued.key_pem)?;
        Ok(pair)
    }

    /// A key of one of the cluster's Secrets, when it is there.
    fn secret(&self, suffix: &str, key: &str) -> Result<Option<String>> {
        let name = format!("{}-{suffix}", self.cluster);
        let secret = self.get(&["secret", &name, "--ignore-not-found"])?;
        let value = secret.get("data").and_then(|data| data.get(key)?.as_str());
        let Some(value) = value else {
            return Ok(None);
        };
        let text = STANDARD
            .decode(value)
            .context("a Secret that is no base64")?;
        Ok(Some(
            String::from_utf8(text).context("a Secret that is no text")?,
        ))
    }

    /// What kubectl reads; null when there is nothing.
    fn get(&self, arguments: &[&str]) -> Result<Value> {
        let flags = ["--namespace", self.namespace, "--output=json"];
        let json = [&["get"], arguments, &flags].concat();
        let json = self.control_plane.admin_run(&json, "")?;
        if json.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&json).context("kubectl wrote no JSON")
    }
}
