//! A tenant at work on a real API server: what the end-to-end suites share.
//!
//! One sandbox a version is started on demand and shared by all tests of a process. Each test works
//! in a namespace of its own, so that tests may run side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, OnceLock};

use anyhow::{Context, Result, anyhow, ensure};
use basphere_harness::{ApiVersion, Outcome, Sandbox, SandboxOptions, User, run};
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
        .get_or_init(|| Sandbox::start(&options).map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("the sandbox did not start: {error}"))
}

/// Kim, in a namespace of her own that no other test uses.
#[derive(Debug)]
pub struct Tenant {
    /// The sandbox that the namespace is in.
    pub sandbox: &'static Sandbox,
    /// The namespace.
    pub namespace: String,
}

impl Tenant {
    /// Makes a namespace that its label gives to kim.
    ///
    /// # Errors
    /// When the sandbox cannot be started or the namespace not be made.
    pub fn new(api_version: ApiVersion) -> Result<Self> {
        let sandbox = sandbox(api_version)?;
        let namespace = format!("e2e-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let tenant = Self { sandbox, namespace };
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
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
        let path = folder.join(format!("{name}.{}.yaml", self.version()));
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}
