//! A tenant at work on a real API server: what the end-to-end suites share.
//!
//! One sandbox a version is started on demand and shared by all tests of a process. Each test works
//! in a namespace of its own, so that tests may run side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use basphere_harness::{ApiVersion, Outcome, Rig, RigOptions, Sandbox, SandboxOptions, User, run};
use serde_json::{Value, json};

type Shared = OnceLock<Result<Sandbox, String>>;

static V1BETA1: Shared = OnceLock::new();
static V1BETA2: Shared = OnceLock::new();
static COUNT: LazyLock<AtomicUsize> = LazyLock::new(AtomicUsize::default);

/// The sandbox of a version, which all tests of this process share.
///
/// # Errors
/// When it cannot be started; every test that needs it is told.
pub fn sandbox(api_version: ApiVersion) -> Result<&'static Sandbox> {
    let shared = match api_version {
        ApiVersion::V1Beta1 => &V1BETA1,
        ApiVersion::V1Beta2 => &V1BETA2,
    };
    let options = SandboxOptions {
        api_version,
        ..SandboxOptions::default()
    };
    shared
        .get_or_init(|| start(&options).map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("the sandbox did not start: {error}"))
}

static RIG: OnceLock<Result<Rig, String>> = OnceLock::new();

/// The rig, with real controllers, which all tests of this process share. It takes about 2 GB: tests that need one of
/// their own are in a file of their own, and end it before the next.
///
/// # Errors
/// When it cannot be started; every test that needs it is told.
pub fn rig() -> Result<&'static Rig> {
    RIG.get_or_init(|| start_rig().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("the rig did not start: {error}"))
}

fn start_rig() -> Result<Rig> {
    let rig = Rig::start(&RigOptions::default())?;
    raise_limits(rig.sandbox())?;
    shorten_delays(rig.sandbox())?;
    Ok(rig)
}

/// For so long addresses of what is gone are not given again in the rig, and for so long a request may be alive.
pub const REUSE_AFTER: Duration = Duration::from_secs(30);

/// No test waits for half an hour until an address is free again.
fn shorten_delays(sandbox: &Sandbox) -> Result<()> {
    let delay = format!("{}s", REUSE_AFTER.as_secs());
    let pool = json!({"spec": {"reuseAfter": delay}}).to_string();
    let site = json!({"spec": {"addresses": {"reservationGrace": delay}}}).to_string();
    for (object, patch) in [
        ("addresspool/nodes", &pool),
        ("addresspool/endpoints", &pool),
        ("addresspool/load-balancers", &pool),
        ("site/default", &site),
    ] {
        let mut command = sandbox.kubectl(sandbox.admin())?;
        command.args(["patch", object, "--type=merge", "-p", patch]);
        run(&mut command, "")?.stdout()?;
    }
    Ok(())
}

fn start(options: &SandboxOptions) -> Result<Sandbox> {
    let sandbox = Sandbox::start(options)?;
    give_blocks(&sandbox)?;
    raise_limits(&sandbox)?;
    Ok(sandbox)
}

/// Kim, in a namespace of her own that no other test uses.
#[derive(Debug)]
pub struct Tenant {
    /// The sandbox that the namespace is in.
    pub sandbox: &'static Sandbox,
    /// The namespace.
    pub namespace: String,
    /// An address of kim's that no other namespace's cluster names.
    host: String,
}

/// kim's blocks, as an import would have made them: who names an address names one of its own.
const BLOCKS: [u8; 4] = [32, 64, 96, 128];

/// Gives kim all blocks that a tenant may have.
fn give_blocks(sandbox: &Sandbox) -> Result<()> {
    let blocks = BLOCKS.map(|base| {
        json!({
            "apiVersion": "basphere.dev/v1alpha1",
            "kind": "AddressLease",
            "metadata": {
                "name": format!("block.default.10.254.0.{base}-27"),
                "labels": {"basphere.dev/owner": "kim", "basphere.dev/slot": "block"},
            },
            "spec": {
                "kind": "Block", "domain": "default", "address": format!("10.254.0.{base}/27"),
                "pool": "nodes", "tenant": "kim", "purpose": "block",
                "holder": {"kind": "Tenant", "name": "kim"},
                "state": "Bound", "since": "2026-01-01T00:00:00Z",
            },
        })
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": blocks});
    let mut command = sandbox.kubectl(sandbox.admin())?;
    command.args(["create", "-f", "-"]);
    run(&mut command, &list.to_string())?.stdout().map(drop)
}

/// All tests of a process make kim's clusters, far more than the site's default allows.
fn raise_limits(sandbox: &Sandbox) -> Result<()> {
    let quotas = json!([{
        "limits": {"clusters": 1000, "nodesPerCluster": 1000},
        "reason": "many tests share kim",
    }]);
    let patch = json!({"spec": {"quotas": quotas}}).to_string();
    let mut command = sandbox.kubectl(sandbox.admin())?;
    command.args(["patch", "tenant/kim", "--type=merge", "-p", &patch]);
    run(&mut command, "")?.stdout().map(drop)
}

/// From the top of the last block down, since addresses are given from the bottom of the first one.
fn host(number: usize) -> String {
    let [.., last] = BLOCKS.map(usize::from);
    format!("10.254.0.{}", last + 31 - number % 96)
}

impl Tenant {
    /// Makes a namespace that its label gives to kim.
    ///
    /// # Errors
    /// When the sandbox cannot be started or the namespace not be made.
    pub fn new(api_version: ApiVersion) -> Result<Self> {
        Self::of(sandbox(api_version)?)
    }

    /// Makes a namespace in the rig that its label gives to kim.
    ///
    /// # Errors
    /// When the rig cannot be started or the namespace not be made.
    pub fn in_rig() -> Result<Self> {
        Self::of(rig()?.sandbox())
    }

    fn of(sandbox: &'static Sandbox) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("e2e-{number}");
        let tenant = Self {
            sandbox,
            namespace,
            host: host(number),
        };
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": tenant.namespace,
                "labels": {"basphere.dev/owner": "kim"},
            }},
            tenant.binding("kim"),
        ]});
        tenant
            .as_user(sandbox.admin(), &["create", "-f", "-"], &list.to_string())?
            .stdout()?;
        Ok(tenant)
    }

    /// A RoleBinding that gives a user a tenant's rights in this namespace.
    #[must_use]
    pub fn binding(&self, user: &str) -> Value {
        let name = user.replace([':', '@'], "-");
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": self.namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "basphere:tenant"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        })
    }

    /// Runs kubectl in this namespace as a user.
    ///
    /// # Errors
    /// When it cannot be started; that it fails is no error here.
    pub fn as_user(&self, user: &User, arguments: &[&str], stdin: &str) -> Result<Outcome> {
        let mut command = self.sandbox.kubectl(user)?;
        command.args(arguments);
        // Behind the arguments: kubectl takes no flags before the name of a plugin.
        if !arguments
            .iter()
            .any(|word| ["-n", "--namespace"].contains(word))
        {
            command.arg("--namespace").arg(&self.namespace);
        }
        run(&mut command, stdin)
    }

    /// Runs kubectl in this namespace as kim.
    ///
    /// # Errors
    /// When it cannot be started; that it fails is no error here.
    pub fn kubectl(&self, arguments: &[&str], stdin: &str) -> Result<Outcome> {
        self.as_user(self.sandbox.kim(), arguments, stdin)
    }

    /// Applies a manifest as kim; it must pass. What kubectl said, warnings first.
    ///
    /// # Errors
    /// When it is refused.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        let outcome = self.kubectl(&["apply", "-f", "-"], manifest)?;
        let warnings = outcome.stderr.clone();
        Ok(warnings + &outcome.stdout()?)
    }

    /// Applies a manifest as kim that must be refused. What kubectl wrote to standard error.
    ///
    /// # Errors
    /// When it is admitted.
    pub fn refused(&self, manifest: &str) -> Result<String> {
        let outcome = self.kubectl(&["apply", "-f", "-"], manifest)?;
        ensure!(!outcome.succeeded(), "admitted: {}", outcome.stdout);
        Ok(outcome.stderr)
    }

    /// Reads one object, named as `kind/name`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn get(&self, object: &str) -> Result<Value> {
        let json = self
            .kubectl(&["get", object, "--output=json"], "")?
            .stdout()?;
        serde_json::from_str(&json).context("kubectl wrote no JSON")
    }

    /// The served version, as manifests write it.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.sandbox.api_version().as_str()
    }

    /// An example of the repository in the served version.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn example(&self, name: &str) -> Result<String> {
        let path = basphere_harness::example(&format!("{name}.{}.yaml", self.version()))?;
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// A manifest of this crate in the served version.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn manifest(&self, name: &str) -> Result<String> {
        manifest(name, self.sandbox.api_version(), &self.host)
    }
}

/// A manifest of this crate in a version, with a host for the API server of its cluster.
///
/// # Errors
/// When it cannot be read.
pub fn manifest(name: &str, version: ApiVersion, host: &str) -> Result<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let path = folder.join(format!("{name}.{}.yaml", version.as_str()));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(text.replace(DOCUMENTED_HOST, host))
}

/// The address that the documents name for the API server of their cluster.
const DOCUMENTED_HOST: &str = "10.254.0.72";
