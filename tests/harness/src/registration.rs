//! Whether the API server calls the webhook.
//!
//! That a webhook configuration is stored is not enough: the API server learns of it by a watch, a moment later, and until
//! then lets requests through without a call. So a dry run is sent, and its calls are looked for in the API server's metrics.

use anyhow::Result;
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::kubectl::run;
use crate::tenancy;

const CONFIGURATIONS: [&str; 2] = [
    "mutatingwebhookconfiguration/basphere",
    "validatingwebhookconfiguration/basphere",
];
/// Calls of webhooks, by name, kind and status code.
const CALLS: &str = "apiserver_admission_webhook_request_total{";
/// What these calls are marked with when ours was called and answered.
const ANSWERED: [&str; 2] = [".basphere.dev\"", "code=\"200\""];
/// The two kinds of calls, as the metric names them.
const MUTATING: &str = "type=\"admit\"";
const VALIDATING: &str = "type=\"validating\"";

/// The calls so far, of either kind.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Calls {
    mutating: f64,
    validating: f64,
}

/// Waits for calls that came after a moment.
#[derive(Debug)]
pub(crate) struct Registration<'a> {
    control_plane: &'a ControlPlane,
    before: Calls,
}

impl<'a> Registration<'a> {
    /// Remembers the calls that there were before: the webhook may have run already.
    pub(crate) fn watch(control_plane: &'a ControlPlane) -> Result<Self> {
        Ok(Self {
            control_plane,
            before: calls(control_plane)?,
        })
    }

    /// Whether webhooks of both kinds have been called and have answered since.
    pub(crate) fn is_in_force(&self) -> Result<bool> {
        let admin = self.control_plane.admin();
        let mut get = self.control_plane.kubectl(admin)?;
        if !run(get.arg("get").args(CONFIGURATIONS).arg("--output=name"), "")?.succeeded() {
            return Ok(false);
        }
        let mut create = self.control_plane.kubectl(admin)?;
        create.args(["create", "--dry-run=server", "--filename=-"]);
        // It may fail, while certificates are new to the API server: only the calls count.
        let _ = run(&mut create, &self.probe()?.to_string())?;
        let now = calls(self.control_plane)?;
        Ok(now.mutating > self.before.mutating && now.validating > self.before.validating)
    }

    /// The least Cluster that both versions take.
    fn probe(&self) -> Result<Value> {
        let versions = "jsonpath={.spec.versions[0].name}";
        let get = [
            "get",
            "crd",
            "clusters.cluster.x-k8s.io",
            "--output",
            versions,
        ];
        let version = self.control_plane.admin_run(&get, "")?;
        Ok(json!({
            "apiVersion": format!("cluster.x-k8s.io/{version}"),
            "kind": "Cluster",
            "metadata": {"name": "harness-probe", "namespace": tenancy::namespace("kim")},
            "spec": {"paused": true},
        }))
    }
}

fn calls(control_plane: &ControlPlane) -> Result<Calls> {
    let metrics = control_plane.admin_run(&["get", "--raw", "/metrics"], "")?;
    Ok(Calls {
        mutating: sum(&metrics, MUTATING),
        validating: sum(&metrics, VALIDATING),
    })
}

fn sum(metrics: &str, kind: &str) -> f64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with(CALLS) && line.contains(kind));
    let answered = lines.filter(|line| ANSWERED.iter().all(|mark| line.contains(mark)));
    answered
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answered_calls_of_our_webhooks_count() {
        let line = |code: &str, name: &str, kind: &str, count: u32| {
            let labels = format!(
                "code=\"{code}\",name=\"{name}\",operation=\"CREATE\",rejected=\"false\",type=\"{kind}\""
            );
            format!("{CALLS}{labels}}} {count}\n")
        };
        let metrics = [
            line("200", "complete.tenants.basphere.dev", "admit", 2),
            line("200", "complete.controllers.basphere.dev", "admit", 3),
            line("500", "complete.tenants.basphere.dev", "admit", 5),
            line("200", "default.cluster.cluster.x-k8s.io", "admit", 7),
            line("200", "check.tenants.basphere.dev", "validating", 11),
        ]
        .concat();
        assert!((sum(&metrics, MUTATING) - 5.0).abs() < f64::EPSILON);
        assert!((sum(&metrics, VALIDATING) - 11.0).abs() < f64::EPSILON);
    }
}
