//! What a role grants, and what was asked for.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use basphere_api::controllers;
use basphere_harness::ControlPlane;
use serde_json::{Value, json};

/// A process that does not outlive its test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Stands between the webhook and the API server: it asks as somebody else, and notes what.
pub(crate) struct Proxy {
    _process: Process,
    /// Leads to the proxy, which wants no credentials.
    pub(crate) kubeconfig: PathBuf,
    log: PathBuf,
}

impl Proxy {
    /// A proxy that asks as the user of `identity`, a kubeconfig; its files are beside that.
    pub(crate) fn start(control_plane: &ControlPlane, identity: &Path) -> Self {
        let log = identity.with_extension("log");
        let mut command = control_plane.kubectl(control_plane.admin()).unwrap();
        // At this verbosity each request is logged.
        command.args(["proxy", "--port=0", "--v=6", "--kubeconfig"]);
        command.arg(identity).stderr(File::create(&log).unwrap());
        let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        let mut stdout = BufReader::new(process.0.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let (_, address) = line.trim().rsplit_once(' ').unwrap();

        let kubeconfig = identity.with_extension("proxy");
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "proxy", "user": {}}],
        });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        Self {
            _process: process,
            kubeconfig,
            log,
        }
    }

    /// All that was asked for until now.
    pub(crate) fn used(&self) -> std::io::Result<BTreeSet<Right>> {
        let log = std::fs::read_to_string(&self.log)?;
        Ok(log.lines().filter_map(used).collect())
    }
}

/// API group, resource with its subresource, and verb.
pub(crate) type Right = (String, String, String);

/// What a ClusterRole grants.
pub(crate) fn granted(role: &Value) -> BTreeSet<Right> {
    let words = |value: &Value| -> Vec<String> {
        let words = value.as_array().unwrap().iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let mut granted = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    granted.insert((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    granted
}

/// What is asked for only when something must be put right that was stored without us, or for a claim,
/// or when a holder is gone.
pub(crate) fn of_repairs() -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    let mut add = |group: &str, resource: &str, verbs: &[&str]| {
        for verb in verbs {
            rights.insert((group.to_owned(), resource.to_owned(), (*verb).to_owned()));
        }
    };
    for kind in controllers::watched() {
        add(kind.group(), kind.plural(), &["get"]);
    }
    for kind in controllers::COMPLETED
        .into_iter()
        .chain(controllers::LABELLED)
    {
        add(kind.group(), kind.plural(), &["patch"]);
    }
    const IPAM: &str = "ipam.cluster.x-k8s.io";
    add(IPAM, "ipaddressclaims", &["patch"]);
    add(IPAM, "ipaddressclaims/status", &["patch"]);
    add(IPAM, "ipaddresses", &["create", "delete", "patch"]);
    add("basphere.dev", "addresspools", &["get"]);
    add("basphere.dev", "addresspools/status", &["patch"]);
    add("basphere.dev", "tenants", &["get"]);
    let leases = ["create", "delete", "get", "list", "update"];
    add("basphere.dev", "addressleases", &leases);
    add("events.k8s.io", "events", &["create", "patch"]);
    // Where policies are asked, which the Deployment does not say.
    add("basphere.dev", "policywaivers", &["get", "list", "watch"]);
    add("basphere.dev", "policywaivers/status", &["update"]);
    // What is applied is created when it is not there: the log shows a patch.
    add("basphere.dev", "tenantquotas", &["create"]);
    rights
}

/// What a line of kubectl's log asked for; discovery, which everybody may use, is left out.
fn used(line: &str) -> Option<Right> {
    let quoted = |name: &str| line.split_once(name)?.1.split('"').next();
    let (method, url) = (quoted(" verb=\"")?, quoted(" url=\"")?);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let words: Vec<&str> = path.split('/').skip(3).collect();
    let (group, rest) = match words.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (resource, name) = match rest {
        ["namespaces", _, resource, rest @ ..] | [resource, rest @ ..] => (*resource, rest),
        [] => return None,
    };
    let resource = match name {
        [_, subresource] => format!("{resource}/{subresource}"),
        _ => resource.to_owned(),
    };
    let verb = match (method, name) {
        ("GET", []) if query.contains("watch=") => "watch",
        ("GET", []) => "list",
        ("GET", _) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        (other, _) => return Some((group.to_owned(), resource, other.to_lowercase())),
    };
    Some((group.to_owned(), resource, verb.to_owned()))
}
