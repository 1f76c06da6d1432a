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
        let annotations = (left_out > 0).then(|| json!({LEFT_OUT: left_out.to_string()}));
        let metadata = object([
            ("name", Some(REPORT_NAME.into())),
            ("namespace", some(namespace)),
            ("labels", Some(json!({MANAGED_BY: MANAGER}))),
            ("annotations", annotations),
        ]);
        let is_open = self == Self::OpenReports;
        object([
            ("apiVersion", Some(api_version.into())),
            ("kind", Some(self.kind(!namespace.is_empty()).into())),
            ("metadata", Some(metadata)),
            ("source", is_open.then(|| MANAGER.into())),
            ("summary", Some(summary(tally))),
            ("results", Some(entries.iter().map(result).collect())),
        ])
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
            .filter_map(|result| Some((without_time(result), result.get("timestamp")?)))
            .collect();
        let stored = report.get_mut("results").and_then(Value::as_array_mut);
        for result in stored.into_iter().flatten() {
            let known = before.iter().find(|(it, _)| it == result);
            let known = known.map(|(_, time)| (*time).clone());
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
    let resource = object([
        ("apiVersion", Some(subject.api_version().into())),
        ("kind", Some(subject.kind.as_str().into())),
        ("namespace", some(&subject.namespace)),
        ("name", Some(subject.name.as_str().into())),
        ("uid", some(&subject.uid)),
    ]);
    let waiver = entry.waiver.as_deref().map(Into::into);
    let properties = object([
        ("enforcementAction", Some(rule.action.into())),
        ("enforcementActions", some(&rule.scoped.join(","))),
        ("waiver", waiver),
    ]);
    // What is not scored need not be met.
    let scored = (entry.outcome == Outcome::Fail).then_some(Value::Bool(true));
    object([
        ("source", Some(MANAGER.into())),
        ("policy", Some(rule.kind.as_str().into())),
        ("rule", Some(rule.name.as_str().into())),
        ("category", rule.category.as_deref().map(Into::into)),
        ("severity", rule.severity.map(|it| it.as_str().into())),
        ("result", Some(entry.outcome.as_str().into())),
        ("scored", scored),
        ("message", Some(entry.message.as_ref().into())),
        ("resources", Some(vec![resource].into())),
        ("properties", Some(properties)),
    ])
}

impl RuleTally {
    /// What the status of the constraint says, but for the time: `totalViolations`, and `violations` where there are any,
    /// the last one first as Gatekeeper writes them. What is waived is none.
    #[must_use]
    pub fn status(&self) -> Value {
        let entries = self.entries().into_iter().rev();
        let violations: Vec<Value> = entries.map(|entry| violation(&entry)).collect();
        let violations = (!violations.is_empty()).then(|| violations.into());
        object([
            ("totalViolations", Some(self.findings.violations().into())),
            ("violations", violations),
        ])
    }
}

fn violation(entry: &Entry) -> Value {
    let (rule, subject) = (&entry.rule, &entry.subject);
    let scoped = (!rule.scoped.is_empty()).then(|| rule.scoped.clone().into());
    object([
        ("enforcementAction", Some(rule.action.into())),
        ("enforcementActions", scoped),
        ("group", Some(subject.group.as_str().into())),
        ("version", Some(subject.version.as_str().into())),
        ("kind", Some(subject.kind.as_str().into())),
        ("namespace", some(&subject.namespace)),
        ("name", Some(subject.name.as_str().into())),
        ("message", Some(cut(&entry.message, STATUS_MESSAGE).into())),
    ])
}

/// An object of the fields that there are.
fn object<const COUNT: usize>(fields: [(&str, Option<Value>); COUNT]) -> Value {
    let fields = fields.into_iter();
    let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect())
}

/// A text, unless it is empty.
fn some(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}
