//! How etcd and kube-apiserver are started.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::assets::Assets;
use crate::pki::{Pair, Pki, write_private};

const AUDIT_POLICY: &str = include_str!("audit-policy.yaml");

/// `--name=value` for a path, whatever bytes are in it.
pub(crate) fn flag(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(path);
    flag
}

/// Ports on the loopback address that were free a moment ago. Another process may take one before its owner-to-be does:
/// whoever uses them begins anew then.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<std::io::Result<_>>()
        .context("looking for free ports")?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener
            .local_addr()
            .context("looking for free ports")?
            .port();
    }
    Ok(ports)
}

/// etcd by mutual TLS, so that nothing else that got hold of its port can be taken for it.
pub(crate) fn etcd(
    assets: &Assets,
    pki: &Pki,
    data: &Path,
    client_port: u16,
    peer_port: u16,
) -> Command {
    let client = format!("https://127.0.0.1:{client_port}");
    let peer = format!("https://127.0.0.1:{peer_port}");
    let pair = pki.pair("etcd");
    let ca = pki.path("etcd-ca.crt");
    let mut command = Command::new(assets.path("etcd"));
    // The data is thrown away in the end, so nothing waits for the disk.
    command.args([
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--client-cert-auth",
        "--peer-client-cert-auth",
    ]);
    command.arg(flag("data-dir", data));
    command.args([
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
    ]);
    command.args([
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
    ]);
    command.arg(format!("--initial-cluster=default={peer}"));
    command.args([
        flag("cert-file", &pair.certificate),
        flag("key-file", &pair.key),
        flag("trusted-ca-file", &ca),
    ]);
    command.args([
        flag("peer-cert-file", &pair.certificate),
        flag("peer-key-file", &pair.key),
        flag("peer-trusted-ca-file", &ca),
    ]);
    command
}

/// Where an API server listens, and whom it trusts.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) serving: Pair,
    pub(crate) client_ca: PathBuf,
}

impl Listener {
    /// That of the control plane itself.
    pub(crate) fn management(pki: &Pki, port: u16) -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            port,
            serving: pki.pair("apiserver"),
            client_ca: pki.path("ca.crt"),
        }
    }
}

/// kube-apiserver with RBAC and no anonymous requests.
pub(crate) fn kube_apiserver(
    assets: &Assets,
    pki: &Pki,
    etcd_port: u16,
    listener: &Listener,
) -> Command {
    let etcd = pki.pair("etcd");
    let mut command = Command::new(assets.path("kube-apiserver"));
    command.arg(format!("--etcd-servers=https://127.0.0.1:{etcd_port}"));
    command.args([
        flag("etcd-cafile", &pki.path("etcd-ca.crt")),
        flag("etcd-certfile", &etcd.certificate),
        flag("etcd-keyfile", &etcd.key),
    ]);
    command.args([
        format!("--bind-address={}", listener.address),
        format!("--advertise-address={}", listener.address),
        format!("--secure-port={}", listener.port),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
    ]);
    command.args([
        flag("tls-cert-file", &listener.serving.certificate),
        flag("tls-private-key-file", &listener.serving.key),
        flag("client-ca-file", &listener.client_ca),
        flag("service-account-key-file", &pki.path("sa.pub")),
        flag("service-account-signing-key-file", &pki.path("sa.key")),
    ]);
    command.args([
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
    ]);
    command.args([
        "--anonymous-auth=false",
        "--allow-privileged=true",
        "--profiling=false",
    ]);
    // One server only, on loopback: there are no endpoints of the kubernetes Service to keep.
    command.args(["--endpoint-reconciler-type=none", "--event-ttl=1h"]);
    command
}

/// Writes the configuration by which the API server shows a client certificate to every webhook, and returns its path.
pub(crate) fn admission_configuration(directory: &Path, pki: &Pki) -> Result<PathBuf> {
    let pair = pki.pair("webhook-client");
    let kubeconfig = directory.join("webhook-client.kubeconfig");
    let users = json!({
        "apiVersion": "v1",
        "kind": "Config",
        // The user's name is matched against the webhook's host.
        "users": [{"name": "*", "user": {"client-certificate": pair.certificate, "client-key": pair.key}}],
    });
    write_private(&kubeconfig, &users.to_string())?;

    let plugin = |name: &str| {
        json!({
            "name": name,
            "configuration": {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "WebhookAdmissionConfiguration",
                "kubeConfigFile": kubeconfig,
            },
        })
    };
    let configuration = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [plugin("MutatingAdmissionWebhook"), plugin("ValidatingAdmissionWebhook")],
    });
    let path = directory.join("admission.json");
    write_private(&path, &configuration.to_string())?;
    Ok(path)
}

/// Writes the policy by which every write is noted in the file `log`, and returns the flags.
pub(crate) fn audit(directory: &Path, log: &Path) -> Result<Vec<OsString>> {
    let policy = directory.join("audit-policy.yaml");
    write_private(&policy, AUDIT_POLICY)?;
    Ok(vec![
        flag("audit-policy-file", &policy),
        flag("audit-log-path", log),
        "--audit-log-mode=blocking".into(),
        // Megabytes: never begun anew while somebody reads it.
        "--audit-log-maxsize=4000".into(),
    ])
}
