//! kube-vip: the static pod that holds a cluster's address on its control-plane machines.
//!
//! It is written while no machine exists yet, and then only put back as it was: every change of a
//! control plane's configuration rolls all of its machines.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::endpoint::{Claimant, differs};
use super::{address, is_unchanged, of_cluster, own_name, pool, refused, tenant};
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::Facts;
use crate::json::text_at;
use crate::site::KubeVip;
use crate::{Code, Kind, KubernetesVersion};

const CONFIG: &str = "/spec/kubeadmConfigSpec";
const FILES: &str = "/spec/kubeadmConfigSpec/files";
const COMMANDS: &str = "/spec/kubeadmConfigSpec/preKubeadmCommands";
const MANIFEST: &str = "/etc/kubernetes/manifests/kube-vip.yaml";
/// The first line of what is written here, by which it is known again.
const OURS: &str = "# Written by Basphere; the address is the cluster's.";
/// From this minor version on, admin.conf may do nothing before the first control plane is up, and
/// kube-vip needs super-admin.conf there, which only `kubeadm init` writes.
const NEEDS_SUPER_ADMIN: u64 = 29;
/// Runs on every machine, and changes only the one that runs `kubeadm init`.
const SUPER_ADMIN: &str = "if grep -qs '^kind: InitConfiguration' /run/kubeadm/kubeadm.yaml; then \
sed -i 's#path: /etc/kubernetes/admin.conf#path: /etc/kubernetes/super-admin.conf#' \
/etc/kubernetes/manifests/kube-vip.yaml; fi";

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(kube_vip) = &context.site().spec().kube_vip else {
        return;
    };
    // The topology controller compares the lists of its control planes with the class's.
    if context.is_adoption() || context.is_topology_owned() || !draft.has(CONFIG) {
        return;
    }
    put_back(draft);
    if !draft.takes_defaults() {
        return;
    }
    match manifest(draft.object()) {
        None => inject(context, draft, kube_vip),
        // The cluster's infrastructure may name another address than the one that was reserved.
        Some((index, file)) if is_ours(file) => {
            let file = wanted(context, draft, kube_vip);
            if let Some(content) = file.and_then(|mut file| Some(file.get_mut("content")?.take())) {
                draft.set(&format!("{FILES}/{index}/content"), content);
            }
            add_step(draft);
        }
        Some(_) => {}
    }
}

/// Whether Basphere wrote this file.
fn is_ours(file: &Value) -> bool {
    text_at(file, "/content").is_some_and(|content| content.starts_with(OURS))
}

/// Whether the kube-vip of a control plane is one that Basphere wrote.
pub(crate) fn is_written_here(control_plane: &Value) -> bool {
    manifest(control_plane).is_some_and(|(_, file)| is_ours(file))
}

/// What was injected is dropped by whoever applies a file with lists of its own.
fn put_back(draft: &mut Draft<'_>) {
    let Some(old) = draft.old() else {
        return;
    };
    if manifest(draft.object()).is_none()
        && let Some((_, file)) = manifest(old)
    {
        draft.push(FILES, file.clone());
    }
    if has_command(old) && !has_command(draft.object()) {
        draft.push(COMMANDS, SUPER_ADMIN.into());
    }
}

fn has_command(control_plane: &Value) -> bool {
    let commands = control_plane.pointer(COMMANDS).and_then(Value::as_array);
    commands.is_some_and(|commands| commands.iter().any(|command| command == SUPER_ADMIN))
}

fn inject(context: &Context<'_>, draft: &mut Draft<'_>, kube_vip: &KubeVip) {
    if let Some(file) = wanted(context, draft, kube_vip) {
        draft.push(FILES, file);
        add_step(draft);
    }
}

fn add_step(draft: &mut Draft<'_>) {
    if needs_super_admin(draft.object()) && !has_command(draft.object()) {
        draft.push(COMMANDS, SUPER_ADMIN.into());
    }
}

/// The file that a control plane needs. Only for one that a stored Cluster names: the address is the
/// Cluster's, and whose a control plane is without one cannot be told. It is completed when one names
/// it.
fn wanted(context: &Context<'_>, draft: &mut Draft<'_>, kube_vip: &KubeVip) -> Option<Value> {
    let own = own_name(context, draft)?.to_owned();
    let (_, cluster) = context.cluster_that_refers_to(Kind::KubeadmControlPlane, &own)?;
    let pool_name = of_cluster(context, cluster)?.endpoints()?;
    if makes_its_own(context, cluster) {
        return None;
    }
    let pool = pool(context, draft, FILES, pool_name)?;
    let tenant = tenant(context);
    let claimant = Claimant::of(context, &tenant, Kind::KubeadmControlPlane, &own);
    match claimant.choose(context, pool) {
        Ok(address) => Some(json!({
            "path": MANIFEST,
            "owner": "root:root",
            "permissions": "0644",
            "content": content(kube_vip, address),
        })),
        Err(refusal) => {
            refused(draft, FILES, &refusal);
            None
        }
    }
}

/// CAPO makes a load balancer, or takes a floating address; which, its OpenStackCluster says.
fn makes_its_own(context: &Context<'_>, cluster: &Facts) -> bool {
    let reference = cluster.infrastructure_ref.as_ref();
    reference
        .filter(|reference| reference.kind == Kind::OpenStackCluster.as_str())
        .is_some_and(|reference| {
            let stored = context.other(Kind::OpenStackCluster, &reference.name);
            stored.is_none_or(|stored| stored.makes_endpoint)
        })
}

fn needs_super_admin(control_plane: &Value) -> bool {
    text_at(control_plane, "/spec/version")
        .and_then(|version| version.parse::<KubernetesVersion>().ok())
        .is_some_and(|version| version.is_at_least_minor(NEEDS_SUPER_ADMIN))
}

/// The static pod. Texts are written as JSON, which is YAML too.
pub(super) fn content(kube_vip: &KubeVip, address: IpAddr) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let interface = match &kube_vip.interface {
        Some(interface) => format!(
            "    - name: vip_interface\n      value: {}\n",
            quoted(interface)
        ),
        None => String::new(),
    };
    let prefix = if address.is_ipv6() { 128 } else { 32 };
    format!(
        r#"{OURS}
apiVersion: v1
kind: Pod
metadata:
  name: kube-vip
  namespace: kube-system
spec:
  containers:
  - name: kube-vip
    image: {image}
    imagePullPolicy: IfNotPresent
    args: [manager]
    env:
    - name: address
      value: "{address}"
    - name: port
      value: "6443"
{interface}    - name: vip_arp
      value: "true"
    - name: vip_subnet
      value: "{prefix}"
    - name: cp_enable
      value: "true"
    - name: cp_namespace
      value: kube-system
    - name: vip_leaderelection
      value: "true"
    - name: vip_leaseduration
      value: "15"
    - name: vip_renewdeadline
      value: "10"
    - name: vip_retryperiod
      value: "2"
    securityContext:
      capabilities:
        add: [NET_ADMIN, NET_RAW]
    volumeMounts:
    - name: kubeconfig
      mountPath: /etc/kubernetes/admin.conf
  hostAliases:
  - ip: 127.0.0.1
    hostnames: [kubernetes]
  hostNetwork: true
  volumes:
  - name: kubeconfig
    hostPath:
      path: /etc/kubernetes/admin.conf
      type: File
"#,
        image = quoted(&kube_vip.image),
    )
}

/// Where kube-vip's manifest stands among the files, and the file.
fn manifest(control_plane: &Value) -> Option<(usize, &Value)> {
    let files = control_plane.pointer(FILES)?.as_array()?;
    let mut files = files.iter().enumerate();
    files.find(|(_, file)| text_at(file, "/path") == Some(MANIFEST))
}

/// The address that the kube-vip of a control plane holds, as far as it can be read.
#[must_use]
pub fn address_in(control_plane: &Value) -> Option<String> {
    let (_, file) = manifest(control_plane)?;
    let content = text_at(file, "/content")?;
    let content = match text_at(file, "/encoding") {
        None | Some("") => content.to_owned(),
        Some("base64") => String::from_utf8(STANDARD.decode(content).ok()?).ok()?,
        Some(_) => return None,
    };
    let pod: Value = serde_saphyr::from_str(&content).ok()?;
    let containers = pod.pointer("/spec/containers")?.as_array()?;
    let mut variables = containers
        .iter()
        .filter_map(|container| container.get("env")?.as_array())
        .flatten();
    let named = variables.find(|variable| text_at(variable, "/name") == Some("address"))?;
    text_at(named, "/value").map(str::to_owned)
}

/// Refuses a kube-vip that holds another address than the cluster's.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some((index, _)) = manifest(draft.object()) else {
        return;
    };
    let pointer = format!("{FILES}/{index}/content");
    let (Some(written), Some(own)) = (address_in(draft.object()), own_name(context, draft)) else {
        return;
    };
    let own = own.to_owned();
    let Some((_, cluster)) = context.cluster_that_refers_to(Kind::KubeadmControlPlane, &own) else {
        return;
    };
    let Some(pool_name) = of_cluster(context, cluster).and_then(|pools| pools.endpoints()) else {
        return;
    };
    // What stands there already is nobody's fault who writes something else.
    let is_stored = is_unchanged(draft, &pointer);
    if is_stored {
        return;
    }
    let Some(address) = address(&written) else {
        let message = format!("the site's API servers have addresses of pool {pool_name}");
        let hint = Some("leave the file out, it is filled in".to_owned());
        draft.found(Code::AddressNotOffered, &pointer, message, hint);
        return;
    };
    let Some(pool) = pool(context, draft, &pointer, pool_name) else {
        return;
    };
    let tenant = tenant(context);
    let claimant = Claimant::of(context, &tenant, Kind::KubeadmControlPlane, &own);
    if let Some((what, said)) = claimant.said().filter(|(_, said)| *said != address) {
        differs(draft, &pointer, &what.clone(), *said);
    } else if let Err(refusal) = claimant.take(context, pool, address) {
        refused(draft, &pointer, &refusal);
    }
}
