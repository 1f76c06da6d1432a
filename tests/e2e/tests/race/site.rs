//! The site of the race: short delays, small blocks, more tenants, three processes of the webhook
//! behind one address, and a policy of somebody else.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use basphere_api::registration::{Endpoint, Registration};
use basphere_harness::{ApiServer, ApiVersion, Replicas, Sandbox, SandboxOptions, User, run, wait};
use ipnet::{IpNet, Ipv4Net};
use jiff::SignedDuration;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::objects::{self, Kind, REFUSED_LABEL, REFUSED_MESSAGE};
use crate::replay::Delays;

/// The pool of machines and endpoints.
pub(crate) const NODES: &str = "nodes";
/// So many blocks a tenant has at the most.
pub(crate) const BLOCKS_PER_TENANT: usize = 3;
/// The length of a block's prefix.
const BLOCK: u8 = 27;
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 254, 0, 0);
const NETWORK_PREFIX: u8 = 21;

/// Longer than any request lives, see [`API_SERVER`].
const GRACE_SECONDS: i64 = 7;
const REUSE_SECONDS: i64 = 2;
/// The delays of the site and its pools.
pub(crate) const DELAYS: Delays = Delays {
    grace: SignedDuration::from_secs(GRACE_SECONDS),
    reuse_after: SignedDuration::from_secs(REUSE_SECONDS),
};

/// History stays, requests do not live long, and each one of the webhook's may go to another process:
/// by HTTP/2 all would share one connection.
const API_SERVER: ApiServer = ApiServer {
    flags: &["--etcd-compaction-interval=0", "--request-timeout=5s"],
    environment: &[("DISABLE_HTTP2", "1")],
    audit: false,
};

/// Who the controllers of Cluster API are.
const CAPI: (&str, &str) = (
    "system:serviceaccount:capi-system:capi-manager",
    "system:serviceaccounts:capi-system",
);
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the pool ever hands out an address.
pub(crate) fn is_offered(address: IpAddr) -> bool {
    let network = Ipv4Net::new_assert(NETWORK, NETWORK_PREFIX);
    match address {
        IpAddr::V4(address) => {
            network.contains(&address)
                && address != network.broadcast()
                && !Ipv4Net::new_assert(NETWORK, BLOCK).contains(&address)
        }
        IpAddr::V6(_) => false,
    }
}

/// The blocks that tenants may get: all but the first.
pub(crate) fn offered_blocks() -> impl Iterator<Item = IpNet> {
    let network = Ipv4Net::new_assert(NETWORK, NETWORK_PREFIX);
    let blocks = network.subnets(BLOCK).into_iter().flatten();
    blocks.skip(1).map(IpNet::V4)
}

/// Somebody with a namespace.
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) client: Client,
}

/// Everything that the clients work on.
pub(crate) struct Site {
    pub(crate) sandbox: Sandbox,
    pub(crate) version: &'static str,
    pub(crate) tenants: Vec<Tenant>,
    /// Cluster API's controllers.
    pub(crate) capi: Client,
    capi_user: User,
}

impl Site {
    /// Starts everything but the webhook. `quotas` are every tenant's limits.
    pub(crate) async fn begin(
        api_version: ApiVersion,
        tenants: usize,
        quotas: &Value,
    ) -> Result<Self> {
        let sandbox = Sandbox::start(&SandboxOptions {
            api_version,
            webhook: false,
            api_server: API_SERVER,
            ..SandboxOptions::default()
        })?;
        let capi = sandbox.control_plane().user(CAPI.0, &[CAPI.1])?;
        let mut site = Self {
            version: api_version.as_str(),
            tenants: Vec::new(),
            capi: client(&capi).await?,
            capi_user: capi,
            sandbox,
        };
        site.shorten(quotas)?;
        site.create(&binding(
            "ClusterRoleBinding",
            "capi",
            None,
            "cluster-admin",
            "Group",
            CAPI.1,
        ))?;
        site.create(&priority_level())?;
        site.create(&flow_schema())?;
        site.create(&policy())?;
        site.create(&policy_binding())?;
        for number in 0..tenants {
            site.add_tenant(number).await?;
        }
        Ok(site)
    }

    /// Delays as short as a test needs them, and pools that do not run dry before blocks do.
    fn shorten(&self, quotas: &Value) -> Result<()> {
        let reuse_after = format!("{REUSE_SECONDS}s");
        let site = json!({"spec": {
            "addresses": {"reservationGrace": format!("{GRACE_SECONDS}s")},
            "quotas": {"default": quotas},
        }});
        let nodes = json!({"spec": {
            "reuseAfter": reuse_after, "blockSize": BLOCK, "blocksPerTenant": BLOCKS_PER_TENANT,
        }});
        let ranges = json!({"spec": {
            "reuseAfter": reuse_after, "cidr": "10.254.16.0/20", "rangeSize": 4,
        }});
        for (object, patch) in [
            ("site/default", site),
            ("addresspool/nodes", nodes),
            ("addresspool/load-balancers", ranges),
        ] {
            self.kubectl(
                &[
                    "patch",
                    object,
                    "--type=merge",
                    "--patch",
                    &patch.to_string(),
                ],
                "",
            )?;
        }
        Ok(())
    }

    async fn add_tenant(&mut self, number: usize) -> Result<()> {
        let name = format!("tenant-{number}");
        let namespace = format!("user-{name}");
        self.create(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        )?;
        let role = "basphere:tenant";
        self.create(&binding(
            "RoleBinding",
            role,
            Some(&namespace),
            role,
            "User",
            &name,
        ))?;
        let user =
            self.sandbox
                .control_plane()
                .user_in(&namespace, &name, &["basphere:tenants"])?;
        self.tenants.push(Tenant {
            client: client(&user).await?,
            name,
            namespace,
        });
        Ok(())
    }

    pub(crate) fn kubectl(&self, arguments: &[&str], stdin: &str) -> Result<String> {
        let mut command = self.sandbox.kubectl(self.sandbox.admin())?;
        run(command.args(arguments), stdin)?.stdout()
    }

    pub(crate) fn create(&self, object: &Value) -> Result<String> {
        self.kubectl(&["create", "-f=-"], &object.to_string())
    }

    /// Has the API server call the webhook at this URL, and waits until it does, and the policy holds.
    pub(crate) fn register(&self, url: &str, replicas: &Replicas<'_>) -> Result<()> {
        let registration = Registration {
            endpoint: Endpoint::Url(url.to_owned()),
            ca_bundle: Some(replicas.ca().to_owned()),
        };
        for (kind, configuration) in [
            (
                "MutatingWebhookConfiguration",
                serde_json::to_value(registration.mutating())?,
            ),
            (
                "ValidatingWebhookConfiguration",
                serde_json::to_value(registration.validating())?,
            ),
        ] {
            ensure!(configuration.get("kind").and_then(Value::as_str) == Some(kind));
            self.create(&configuration)?;
        }
        let namespace = self.tenants.first().map(|tenant| tenant.namespace.as_str());
        let namespace = format!("--namespace={}", namespace.unwrap_or("default"));
        let try_out = |object: &Value| {
            let mut command = self.sandbox.kubectl(&self.capi_user)?;
            command.args(["create", "--dry-run=server", "-f=-", "-o=json", &namespace]);
            run(&mut command, &object.to_string())
        };
        let machine = objects::machine(self.version, "probe", "probe", ("probe", "probe"));
        let mut last = None;
        let answered = wait::until("machines get addresses", PATIENCE, || {
            let outcome = last.insert(try_out(&machine)?);
            Ok(outcome.stdout.contains("ipAddrs").then_some(()))
        });
        answered.with_context(|| format!("{last:#?}"))?;
        let mut refused = machine.clone();
        refused["metadata"]["labels"][REFUSED_LABEL] = "yes".into();
        wait::until("the policy holds", PATIENCE, || {
            let outcome = try_out(&refused)?;
            Ok(outcome.stderr.contains(REFUSED_MESSAGE).then_some(()))
        })
    }
}

pub(crate) async fn client(user: &User) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(user.kubeconfig())?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    // Each answer is looked at, also those that say to try again.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

fn binding(
    kind: &str,
    name: &str,
    namespace: Option<&str>,
    role: &str,
    subject: &str,
    subject_name: &str,
) -> Value {
    const API_GROUP: &str = "rbac.authorization.k8s.io";
    json!({
        "apiVersion": format!("{API_GROUP}/v1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": API_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": API_GROUP, "kind": subject, "name": subject_name}],
    })
}

/// Callers hold seats of the API server while the webhook writes for them: with seats of its own it does
/// not wait for those who wait for it.
fn priority_level() -> Value {
    let queues = json!({"queues": 16, "handSize": 4, "queueLengthLimit": 200});
    json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": "basphere"},
        "spec": {"type": "Limited", "limited": {
            "nominalConcurrencyShares": 50,
            "limitResponse": {"type": "Queue", "queuing": queues},
        }},
    })
}

fn flow_schema() -> Value {
    let account = "system:serviceaccount:basphere-system:basphere-webhook";
    json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "basphere"},
        "spec": {
            "priorityLevelConfiguration": {"name": "basphere"},
            "matchingPrecedence": 500,
            "rules": [{
                "subjects": [{"kind": "User", "user": {"name": account}}],
                "resourceRules": [{
                    "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"],
                    "clusterScope": true, "namespaces": ["*"],
                }],
            }],
        },
    })
}

fn policy() -> Value {
    let refused = [
        Kind::VSphereMachine,
        Kind::Cluster,
        Kind::ControlPlane,
        Kind::MachineDeployment,
        Kind::Template,
    ];
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "race"},
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "apiGroups": refused.map(Kind::group), "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"], "resources": refused.map(Kind::resource),
            }]},
            "validations": [{
                "expression": format!("!has(object.metadata.labels) || !('{REFUSED_LABEL}' in object.metadata.labels)"),
                "message": REFUSED_MESSAGE,
            }],
        },
    })
}

fn policy_binding() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "race"},
        "spec": {"policyName": "race", "validationActions": ["Deny"]},
    })
}
