//! Tallies as other programs read them: reports of the two groups that there are, and the status of a constraint as
//! Gatekeeper's audit writes it.

use serde_json::{Map, Value, json};

use super::entry::{Entry, Outcome, cut};
use super::tally::{ReportTally, RuleTally};

/// The name of a report, one in each namespace and one of the cluster.
pub const REPORT_NAME: &str = "basphere-audit";
/// The label that says whose a report is.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Whose it is, and where its results come from.
pub const MANAGER: &str = "basphere";
/// The annotation of a report that says how many findings were left out of it.
pub const LEFT_OUT: &str = "basphere.dev/findings-left-out";
/// What Gatekeeper cuts messages to.
const STATUS_MESSAGE: usize = 256;

/// Which kinds reports are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// Report and ClusterReport of `openreports.io`, such as `v1alpha1`.
    OpenReports,
    /// PolicyReport and ClusterPolicyReport of `wgpolicyk8s.io` from `v1alpha2` on, of which the others are the
    /// successors.
    PolicyReports,
}

impl Flavour {
    /// Both, the one that is written where both are served first.
    pub const ALL: [Self; 2] = [Self::OpenReports, Self::PolicyReports];

    /// The API group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::OpenReports => "openreports.io",
            Self::PolicyReports => "wgpolicyk8s.io",
        }
    }

    /// The kind of a namespace's report, or of the cluster's.
    #[must_use]
    pub const fn kind(self, is_namespaced: bool) -> &'static str {
        match (self, is_namespaced) {
            (Self::OpenReports, true) => "Report",
            (Self::OpenReports, false) => "ClusterReport",
            (Self::PolicyReports, true) => "PolicyReport",
            (Self::PolicyReports, false) => "ClusterPolicyReport",
        }
    }

    /// The report of a namespace, or of the cluster for an empty one, at an API version that is served: the same for the
    /// same tally, to the letter. It has no times; see [`Flavour::at`].
    #[must_use]
    pub fn report(self, api_version: &str, namespace: &str, tally: &ReportTally) -> Value {
        let entries = tally.entries();
        let shown = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let left_out = tally.findings.all().saturating_sub(shown);
        let mut metadata = json!({"name": REPORT_NAME, "labels": {MANAGED_BY: MANAGER}});
        if left_out > 0 {
            metadata["annotations"] = json!({LEFT_OUT: left_out.to_string()});
        }
        if !namespace.is_empty() {
            metadata["namespace"] = namespace.into();
        }
        let mut report = json!({
            "apiVersion": api_version,
            "kind": self.kind(!namespace.is_empty()),
            "metadata": metadata,
            "summary": summary(tally),
            "results": entries.iter().map(result).collect::<Vec<_>>(),
        });
        if self == Self::OpenReports {
            report["source"] = MANAGER.into();
        }
        report
    }

    /// Whether a stored report says what this one says, whenever it says so.
    #[must_use]
    pub fn is_same(self, report: &Value, stored: &Value) -> bool {
        let fields = ["/source", "/summary"].into_iter();
        let metadata = format!("/metadata/annotations/{}", LEFT_OUT.replace('/', "~1"));
        let label = format!("/metadata/labels/{}", MANAGED_BY.replace('/', "~1"));
        let mut pointers = fields.chain([metadata.as_str(), label.as_str()]);
        let results = |report: &Value| results(report).iter().map(without_time).collect();
        let (one, other): (Vec<_>, Vec<_>) = (results(report), results(stored));
        one == other && pointers.all(|it| report.pointer(it) == stored.pointer(it))
    }

    /// The report as it is written: each result says since when it is found, which a stored report may know.
    #[must_use]
    pub fn at(self, mut report: Value, stored: Option<&Value>, now: i64) -> Value {
        let before: Vec<_> = stored.map(results).unwrap_or_default().to_vec();
        let before: Vec<_> = before
            .iter()
            .map(|result| (without_time(result), &result["timestamp"]))
            .collect();
        let stored = report.get_mut("results").and_then(Value::as_array_mut);
        for result in stored.into_iter().flatten() {
            let known = before.iter().find(|(it, _)| it == result);
            let known = known.map(|(_, time)| (*time).clone());
            let known = known.filter(|time| !time.is_null());
            let time = known.unwrap_or_else(|| json!({"seconds": now, "nanos": 0}));
            if let Some(fields) = result.as_object_mut() {
                fields.insert("timestamp".to_owned(), time);
            }
        }
        report
    }
}

fn results(report: &Value) -> &[Value] {
    let results = report.get("results").and_then(Value::as_array);
    results.map(Vec::as_slice).unwrap_or_default()
}

fn without_time(result: &Value) -> Value {
    let mut fields = result.as_object().cloned().unwrap_or_default();
    fields.shift_remove("timestamp");
    Value::Object(fields)
}

/// All findings, also those that were left out. What passes is not reported.
fn summary(tally: &ReportTally) -> Value {
    let mut summary = Map::from_iter([("pass".to_owned(), 0.into())]);
    for outcome in Outcome::ALL {
        summary.insert(
            outcome.as_str().to_owned(),
            tally.findings.of(outcome).into(),
        );
    }
    Value::Object(summary)
}

fn result(entry: &Entry) -> Value {
    let (rule, subject) = (&entry.rule, &entry.subject);
    let mut resource = json!({
        "apiVersion": subject.api_version(),
        "kind": subject.kind,
        "name": subject.name,
    });
    let optional = [("namespace", &subject.namespace), ("uid", &subject.uid)];
    for (name, text) in optional.into_iter().filter(|(_, text)| !text.is_empty()) {
        resource[name] = text.as_str().into();
    }
    let mut properties = json!({"enforcementAction": rule.action});
    if !rule.scoped.is_empty() {
        properties["enforcementActions"] = rule.scoped.join(",").into();
    }
    if let Some(waiver) = &entry.waiver {
        properties["waiver"] = waiver.as_ref().into();
    }
    let mut result = json!({
        "source": MANAGER,
        "policy": rule.kind,
        "rule": rule.name,
        "result": entry.outcome.as_str(),
        "message": entry.message.as_ref(),
        "resources": [resource],
        "properties": properties,
    });
    // What is not scored need not be met.
    if entry.outcome == Outcome::Fail {
        result["scored"] = true.into();
    }
    if let Some(severity) = rule.severity {
        result["severity"] = severity.as_str().into();
    }
    if let Some(category) = &rule.category {
        result["category"] = category.as_str().into();
    }
    result
}

impl RuleTally {
    /// What the status of the constraint says, but for the time: `totalViolations`, and `violations` where there are any,
    /// the last one first as Gatekeeper writes them. What is waived is none.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({"totalViolations": self.findings.violations()});
        let entries = self.entries().into_iter().rev();
        let violations: Vec<Value> = entries.map(|entry| violation(&entry)).collect();
        if !violations.is_empty() {
            status["violations"] = violations.into();
        }
        status
    }
}

fn violation(entry: &Entry) -> Value {
    let (rule, subject) = (&entry.rule, &entry.subject);
    let mut violation = json!({
        "enforcementAction": rule.action,
        "group": subject.group,
        "version": subject.version,
        "kind": subject.kind,
        "name": subject.name,
        "message": cut(&entry.message, STATUS_MESSAGE),
    });
    if !subject.namespace.is_empty() {
        violation["namespace"] = subject.namespace.as_str().into();
    }
    if !rule.scoped.is_empty() {
        violation["enforcementActions"] = rule.scoped.clone().into();
    }
    violation
}
