//! A tenant whom no other test knows, with a namespace, and what tests do with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use basphere_harness::{ApiVersion, Outcome, Sandbox, SandboxOptions, User, run, wait};
use serde_json::{Value, json};

/// So long a controller may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Requests that are charged and never stored are forgotten after so long; longer than any request lives here.
const GRACE: &str = "6s";

type Started = OnceLock<Result<Mutex<Sandbox>, String>>;
static ALONE_V1BETA1: Started = OnceLock::new();
static ALONE_V1BETA2: Started = OnceLock::new();
static SHORTENED: Mutex<Vec<ApiVersion>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A tenant.
pub(crate) struct Renter<'a> {
    pub(crate) sandbox: &'a Sandbox,
    /// The name of the tenant, of its user, and of its Tenant.
    pub(crate) name: String,
    pub(crate) namespace: String,
    user: User,
}

impl Renter<'static> {
    /// A tenant on the sandbox that all tests share.
    pub(crate) fn new(version: ApiVersion) -> Result<Self> {
        let sandbox = basphere_e2e::sandbox(version)?;
        let mut shortened = SHORTENED.lock().unwrap_or_else(PoisonError::into_inner);
        if !shortened.contains(&version) {
            shorten(sandbox)?;
            shortened.push(version);
        }
        Self::on(sandbox)
    }
}

/// Runs a test on a sandbox that it has to itself meanwhile.
pub(crate) fn alone(version: ApiVersion, test: fn(&Renter<'_>) -> Result<()>) -> Result<()> {
    let started = match version {
        ApiVersion::V1Beta1 => &ALONE_V1BETA1,
        ApiVersion::V1Beta2 => &ALONE_V1BETA2,
    };
    let start = || -> Result<Mutex<Sandbox>> {
        let sandbox = Sandbox::start(&SandboxOptions {
            api_version: version,
            ..SandboxOptions::default()
        })?;
        shorten(&sandbox)?;
        Ok(Mutex::new(sandbox))
    };
    let sandbox = started
        .get_or_init(|| start().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("the sandbox did not start: {error}"))?;
    let sandbox = sandbox.lock().unwrap_or_else(PoisonError::into_inner);
    let result = Renter::on(&sandbox).and_then(|renter| test(&renter));
    // The next one finds it as it was, whatever became of this one.
    sandbox.start_webhook()?;
    result
}

/// Has requests die as early as a test can wait for it.
fn shorten(sandbox: &Sandbox) -> Result<()> {
    let patch = json!({"spec": {"addresses": {"reservationGrace": GRACE}}}).to_string();
    let mut command = sandbox.kubectl(sandbox.admin())?;
    command.args(["patch", "site/default", "--type=merge", "-p", &patch]);
    run(&mut command, "")?.stdout()?;
    let mut command = sandbox.kubectl(sandbox.admin())?;
    let generation = "jsonpath={.metadata.generation}={.status.observedGeneration}";
    command.args(["get", "site/default", "-o", generation]);
    wait::until("the Site is in force", PATIENCE, || {
        let said = run(&mut command, "")?.stdout()?;
        let both = said.split_once('=');
        Ok(both
            .is_some_and(|(stored, observed)| stored == observed)
            .then_some(()))
    })
}

impl<'a> Renter<'a> {
    /// A tenant of a name that nobody had before, with a namespace.
    pub(crate) fn on(sandbox: &'a Sandbox) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::named(sandbox, format!("tenant-{number}"), number)
    }

    /// A tenant whose name no object may have.
    pub(crate) fn of_an_odd_name(sandbox: &'a Sandbox) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::named(sandbox, format!("Tenant_{number}"), number)
    }

    /// A tenant of such a name.
    fn named(sandbox: &'a Sandbox, name: String, number: usize) -> Result<Self> {
        let namespace = format!("of-tenant-{number}");
        let user = sandbox
            .control_plane()
            .user_in(&namespace, &name, &["basphere:tenants"])?;
        let renter = Self {
            sandbox,
            name,
            namespace,
            user,
        };
        renter.rent(&renter.namespace)?;
        Ok(renter)
    }

    /// Makes a namespace of this tenant.
    pub(crate) fn rent(&self, namespace: &str) -> Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": namespace, "labels": {"basphere.dev/owner": self.name},
            }},
            binding(namespace, &self.name),
        ]});
        let create = ["create", "-f", "-", "--namespace", namespace];
        self.admin(&create, &list).map(drop)
    }

    pub(crate) fn version(&self) -> &'static str {
        self.sandbox.api_version().as_str()
    }

    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    /// Runs kubectl as somebody, in the tenant's namespace.
    pub(crate) fn run_as(&self, user: &User, arguments: &[&str], stdin: &Value) -> Result<Outcome> {
        let mut command = self.sandbox.kubectl(user)?;
        command.args(arguments);
        if !arguments.contains(&"--namespace") && !arguments.contains(&"--raw") {
            command.args(["--namespace", &self.namespace]);
        }
        let stdin = if stdin.is_null() {
            String::new()
        } else {
            stdin.to_string()
        };
        run(&mut command, &stdin)
    }

    /// Runs kubectl as the tenant; it must succeed. Warnings first.
    pub(crate) fn run(&self, arguments: &[&str], stdin: &Value) -> Result<String> {
        let outcome = self.run_as(&self.user, arguments, stdin)?;
        let warnings = outcome.stderr.clone();
        Ok(warnings + &outcome.stdout()?)
    }

    /// Runs kubectl as an admin; it must succeed.
    pub(crate) fn admin(&self, arguments: &[&str], stdin: &Value) -> Result<String> {
        self.run_as(self.sandbox.admin(), arguments, stdin)?
            .stdout()
    }

    /// Runs kubectl as the tenant; it must be refused. What kubectl said.
    pub(crate) fn refused(&self, arguments: &[&str], stdin: &Value) -> Result<String> {
        let outcome = self.run_as(&self.user, arguments, stdin)?;
        ensure!(
            !outcome.succeeded(),
            "{arguments:?} was admitted: {}",
            outcome.stdout
        );
        Ok(outcome.stderr)
    }

    pub(crate) fn create(&self, object: &Value) -> Result<String> {
        self.run(&["create", "-f", "-"], object)
    }

    pub(crate) fn create_refused(&self, object: &Value) -> Result<String> {
        self.refused(&["create", "-f", "-"], object)
    }

    /// Creates something as soon as it is let in.
    pub(crate) fn create_soon(&self, object: &Value) -> Result<()> {
        let mut said = String::new();
        let created = wait::until("it is let in", PATIENCE, || {
            let outcome = self.run_as(&self.user, &["create", "-f", "-"], object)?;
            said.clone_from(&outcome.stderr);
            Ok(outcome.succeeded().then_some(()))
        });
        created.with_context(|| said)
    }

    /// A Tenant as it is stored.
    pub(crate) fn tenant(&self, name: &str) -> Result<Value> {
        self.read(&format!("tenant/{name}"))
    }

    /// An object as an admin reads it.
    pub(crate) fn read(&self, object: &str) -> Result<Value> {
        let json = self.admin(&["get", object, "-o=json"], &Value::Null)?;
        serde_json::from_str(&json).context("kubectl wrote no JSON")
    }

    /// Writes limits of a tenant as an admin.
    pub(crate) fn limit(&self, name: &str, spec: &Value) -> Result<()> {
        let tenant = json!({
            "apiVersion": "basphere.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": name}, "spec": spec,
        });
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.admin(&arguments, &tenant).map(drop)
    }

    /// Writes limits of this tenant.
    pub(crate) fn limit_own(&self, limits: &Value) -> Result<()> {
        let quotas = json!([{"limits": limits, "reason": "a test"}]);
        self.limit(&self.name, &json!({"quotas": quotas}))
    }

    /// Waits until a Tenant's summary says this of a measure, such as `2/3`.
    pub(crate) fn wait_for(&self, name: &str, measure: &str, wanted: &str) -> Result<()> {
        let mut last = Value::Null;
        let path = format!("/status/summary/{measure}");
        let seen = wait::until("the ledger says so", PATIENCE, || {
            last = self.tenant(name)?;
            let found = last.pointer(&path).and_then(Value::as_str);
            Ok((found == Some(wanted)).then_some(()))
        });
        seen.with_context(|| format!("{measure} {wanted} in {last:#}"))
    }

    /// Waits until all of this tenant's objects are stored and nothing is promised any more.
    pub(crate) fn settle(&self) -> Result<()> {
        let mut last = Value::Null;
        let seen = wait::until("all is booked", PATIENCE, || {
            last = self.tenant(&self.name)?;
            let entries = last
                .pointer("/status/ledger/entries")
                .and_then(Value::as_object);
            let is_settled = |entry: &Value| {
                let pending = entry.get("pending").and_then(Value::as_array);
                entry.get("stored").is_some() && pending.is_none_or(Vec::is_empty)
            };
            let settled = entries.is_some_and(|entries| entries.values().all(is_settled));
            Ok(settled.then_some(()))
        });
        seen.with_context(|| format!("{last:#}"))
    }
}

/// A RoleBinding that gives a user a tenant's rights.
pub(crate) fn binding(namespace: &str, user: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": user.replace(':', "-"), "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "basphere:tenant"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    })
}

/// Whether kubectl said just this; what it said, when it did not.
pub(crate) fn ensure_says(said: &str, text: &str) -> Result<()> {
    ensure!(said.contains(text), "{text:?} is not in: {said}");
    Ok(())
}
