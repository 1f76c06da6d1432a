//! What the audit may do: list what policies ask about, and write reports and the status of constraints.
//!
//! What policies ask about is a site's own affair. So the role has no rules of its own: the cluster puts it together of
//! all ClusterRoles that have a label, and whoever adds a policy about other kinds adds a ClusterRole.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use super::rbac::{role_ref_to, rule, subject};
use super::{InstallError, cluster_wide, json};

/// The label by which a ClusterRole becomes part of the audit's.
pub const AGGREGATE: &str = "basphere.dev/aggregate-to-audit";
const NAME: &str = "basphere-audit";

/// Kinds that the shipped policies ask about, by group: plurals.
type Asked = [(&'static str, &'static [&'static str])];

/// Those of the bundle `management`. Namespaces are listed anyway.
const MANAGEMENT: &Asked = &[
    ("", &["services"]),
    ("gateway.networking.k8s.io", ROUTES),
    ("networking.k8s.io", &["ingresses"]),
];
/// Those of the bundle `workload`.
const WORKLOAD: &Asked = &[
    (
        "",
        &["pods", "podtemplates", "replicationcontrollers", "services"],
    ),
    (
        "apps",
        &["daemonsets", "deployments", "replicasets", "statefulsets"],
    ),
    ("batch", &["cronjobs", "jobs"]),
    ("gateway.networking.k8s.io", ROUTES),
    ("networking.k8s.io", &["ingresses"]),
];
const ROUTES: &[&str] = &["grpcroutes", "httproutes", "tlsroutes"];

/// Which of the shipped bundles an installation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bundle {
    /// That of a management cluster.
    Management,
    /// That of an application cluster.
    Workload,
}

/// The roles of the audit, and whose they are.
///
/// # Errors
/// When an object has no JSON form.
pub fn audit_objects(bundle: Bundle) -> Result<Vec<Value>, InstallError> {
    Ok(vec![
        json(aggregated())?,
        json(part("kinds", kind_rules(bundle)))?,
        json(part("reports", report_rules()))?,
        json(binding())?,
    ])
}

fn aggregated() -> ClusterRole {
    let mut metadata = cluster_wide();
    metadata.name = Some(NAME.to_owned());
    let selector = LabelSelector {
        match_labels: Some(aggregate()),
        match_expressions: None,
    };
    ClusterRole {
        metadata,
        // They are put in by the cluster, and are not ours to take out again.
        rules: None,
        aggregation_rule: Some(AggregationRule {
            cluster_role_selectors: Some(vec![selector]),
        }),
    }
}

fn aggregate() -> BTreeMap<String, String> {
    BTreeMap::from([(AGGREGATE.to_owned(), "true".to_owned())])
}

fn part(name: &str, rules: Vec<PolicyRule>) -> ClusterRole {
    let mut metadata = cluster_wide();
    metadata.name = Some(format!("{NAME}-{name}"));
    metadata.labels.get_or_insert_default().extend(aggregate());
    ClusterRole {
        metadata,
        rules: Some(rules),
        aggregation_rule: None,
    }
}

fn kind_rules(bundle: Bundle) -> Vec<PolicyRule> {
    let asked = match bundle {
        Bundle::Management => MANAGEMENT,
        Bundle::Workload => WORKLOAD,
    };
    let rules = asked.iter().map(|(group, plurals)| {
        let plurals = plurals.iter().map(|&plural| plural.to_owned());
        rule(group, plurals.collect(), &["list"])
    });
    rules.collect()
}

/// Constraints are of kinds that their templates make up, so that no list could name them.
fn report_rules() -> Vec<PolicyRule> {
    let reports = ["create", "delete", "get", "list", "patch"];
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    vec![
        rule(
            "openreports.io",
            names(["reports", "clusterreports"]),
            &reports,
        ),
        rule(
            "wgpolicyk8s.io",
            names(["policyreports", "clusterpolicyreports"]),
            &reports,
        ),
        rule("constraints.gatekeeper.sh", vec!["*".to_owned()], &["list"]),
        rule(
            "constraints.gatekeeper.sh",
            vec!["*/status".to_owned()],
            &["patch"],
        ),
    ]
}

fn binding() -> ClusterRoleBinding {
    let mut metadata = cluster_wide();
    metadata.name = Some(NAME.to_owned());
    ClusterRoleBinding {
        metadata,
        role_ref: role_ref_to("ClusterRole", NAME),
        subjects: Some(vec![subject()]),
    }
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The groups and kinds that the constraints of a bundle name, as plurals.
    fn asked(bundle: &str) -> BTreeSet<(String, String)> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let mut asked = BTreeSet::new();
        for policy in std::fs::read_dir(directory.join(bundle)).unwrap() {
            let Ok(files) = std::fs::read_dir(policy.unwrap().path()) else {
                continue;
            };
            let constraint = |name: &str| name.contains("constraint") && name.ends_with(".yaml");
            for file in files.map(|file| file.unwrap().path()) {
                if !constraint(file.file_name().unwrap().to_str().unwrap()) {
                    continue;
                }
                let text = std::fs::read_to_string(file).unwrap();
                let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
                for document in documents {
                    for entry in document["spec"]["match"]["kinds"].as_array().unwrap() {
                        for group in entry["apiGroups"].as_array().unwrap() {
                            for kind in entry["kinds"].as_array().unwrap() {
                                let (group, kind) = (group.as_str(), kind.as_str());
                                asked.insert((group.unwrap().to_owned(), plural(kind.unwrap())));
                            }
                        }
                    }
                }
            }
        }
        asked.remove(&(String::new(), "namespaces".to_owned()));
        asked
    }

    fn plural(kind: &str) -> String {
        let kind = kind.to_lowercase();
        match kind.strip_suffix("ss") {
            Some(_) => format!("{kind}es"),
            None => format!("{kind}s"),
        }
    }

    #[test]
    fn what_the_shipped_policies_ask_about_may_be_listed_and_nothing_else() {
        for (bundle, folder) in [
            (Bundle::Management, "management"),
            (Bundle::Workload, "workload"),
        ] {
            let rules = kind_rules(bundle);
            let granted: BTreeSet<_> = rules
                .iter()
                .flat_map(|rule| {
                    assert_eq!(rule.verbs, ["list"]);
                    let group = rule.api_groups.as_ref().unwrap()[0].clone();
                    let resources = rule.resources.clone().unwrap().into_iter();
                    resources.map(move |resource| (group.clone(), resource))
                })
                .collect();
            assert_eq!(granted, asked(folder), "{folder}");
        }
    }
}
