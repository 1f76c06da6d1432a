//! The webhook configuration of policies: the API server sends what some constraint asks about, and nothing else.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, RuleWithOperations, ValidatingWebhook, ValidatingWebhookConfiguration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::entries::FailurePolicy;
use super::{Registration, TIMEOUT_SECONDS, tenant_namespaces};

/// The name of the configuration.
pub const POLICIES_NAME: &str = "basphere-policies";
/// The path of its webhooks.
pub const POLICIES_PATH: &str = "/policies";

/// Stands for all groups, or all kinds.
pub(crate) const ANY: &str = "*";

/// What a cluster does all the time, and no policy is about.
pub(crate) const ROUTINE: [&str; 6] = [
    "/Binding",
    "/Event",
    "coordination.k8s.io/Lease",
    "discovery.k8s.io/EndpointSlice",
    "events.k8s.io/Event",
    "/Endpoints",
];
/// Groups whose objects are questions, and are never stored.
pub(crate) const QUESTIONS: [&str; 2] = ["authentication.k8s.io", "authorization.k8s.io"];

impl Registration {
    /// The webhooks for policies that ask about these groups and kinds, `*` standing for all.
    ///
    /// While nobody answers, what a person writes is refused, and what the cluster itself writes passes, so that
    /// workloads that run go on. Deletions are not sent at all.
    #[must_use]
    pub fn policies(&self, kinds: &BTreeSet<(String, String)>) -> ValidatingWebhookConfiguration {
        let webhooks = [
            ("people.policies.basphere.dev", FailurePolicy::Fail, false),
            ("cluster.policies.basphere.dev", FailurePolicy::Ignore, true),
        ];
        let webhooks = webhooks.into_iter().filter(|_| !kinds.is_empty());
        let webhooks = webhooks.map(|(name, failure_policy, is_cluster)| {
            self.policy_webhook(name, failure_policy, conditions(kinds, is_cluster), kinds)
        });
        ValidatingWebhookConfiguration {
            metadata: ObjectMeta {
                name: Some(POLICIES_NAME.to_owned()),
                ..ObjectMeta::default()
            },
            webhooks: Some(webhooks.collect()),
        }
    }

    fn policy_webhook(
        &self,
        name: &str,
        failure_policy: FailurePolicy,
        conditions: Vec<MatchCondition>,
        kinds: &BTreeSet<(String, String)>,
    ) -> ValidatingWebhook {
        ValidatingWebhook {
            name: name.to_owned(),
            client_config: self.client_config(POLICIES_PATH),
            rules: Some(rules(kinds)),
            match_conditions: Some(conditions),
            match_policy: Some("Exact".to_owned()),
            namespace_selector: Some(tenant_namespaces()),
            object_selector: Some(LabelSelector::default()),
            failure_policy: Some(failure_policy.as_str().to_owned()),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT_SECONDS),
            admission_review_versions: vec!["v1".to_owned()],
        }
    }
}

/// All resources of the groups that are asked about: which resource a kind is, only the API server knows, and the
/// conditions leave out the other kinds.
fn rules(kinds: &BTreeSet<(String, String)>) -> Vec<RuleWithOperations> {
    let groups: BTreeSet<&str> = kinds.iter().map(|(group, _)| group.as_str()).collect();
    let groups = match groups.contains(ANY) {
        true => BTreeSet::from([ANY]),
        false => groups,
    };
    let rules = groups.into_iter().map(|group| {
        let mut resources = vec![ANY.to_owned()];
        if matches!(group, "" | ANY) {
            resources.push("pods/ephemeralcontainers".to_owned());
        }
        RuleWithOperations {
            api_groups: Some(vec![group.to_owned()]),
            api_versions: Some(vec![ANY.to_owned()]),
            operations: Some(vec!["CREATE".to_owned(), "UPDATE".to_owned()]),
            resources: Some(resources),
            scope: Some(ANY.to_owned()),
        }
    });
    rules.collect()
}

fn conditions(kinds: &BTreeSet<(String, String)>, is_cluster: bool) -> Vec<MatchCondition> {
    // Whoever is no person has a name of this kind: service accounts, nodes, and the parts of the control plane.
    let user = "request.userInfo.?username.orValue('')";
    let cluster = format!("({user}.startsWith('system:') && {user} != 'system:anonymous')");
    let sender = match is_cluster {
        true => cluster,
        false => format!("!{cluster}"),
    };
    let deleting = "request.operation == 'UPDATE' && object.metadata.?deletionTimestamp.hasValue()";
    [
        ("kinds", of_kinds(kinds)),
        ("sender", sender),
        (
            "not-deleting",
            format!("!({deleting} && object.?spec == oldObject.?spec)"),
        ),
    ]
    .map(|(name, expression)| MatchCondition {
        name: name.to_owned(),
        expression,
    })
    .into()
}

fn of_kinds(kinds: &BTreeSet<(String, String)>) -> String {
    let (group, kind) = ("request.kind.group", "request.kind.kind");
    let list = |names: &[&str]| {
        let quoted: Vec<_> = names.iter().map(|name| quoted(name)).collect();
        format!("[{}]", quoted.join(", "))
    };
    let is_any = |(group, kind): &(String, String)| group == ANY && kind == ANY;
    if kinds.iter().any(is_any) {
        let (routine, questions) = (list(&ROUTINE), list(&QUESTIONS));
        return format!("!({group} + '/' + {kind} in {routine} || {group} in {questions})");
    }
    let one = |(wanted_group, wanted_kind): &(String, String)| {
        let is = |field: &str, wanted: &str| {
            (wanted != ANY).then(|| format!("{field} == {}", quoted(wanted)))
        };
        let both = [is(group, wanted_group), is(kind, wanted_kind)];
        both.into_iter().flatten().collect::<Vec<_>>().join(" && ")
    };
    kinds.iter().map(one).collect::<Vec<_>>().join(" || ")
}

/// A text in CEL: a constraint may name whatever it likes.
fn quoted(text: &str) -> String {
    let safe = text
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || ".-_/".contains(*letter));
    format!("'{}'", safe.collect::<String>())
}

#[cfg(test)]
mod tests;
