//! A cluster that has Gatekeeper, whose processes this test plays.

use serde_json::json;

use super::Cluster;
use super::policies::{config_map, constraint, says};
use super::support::wait_for;

const THEIRS: &str = "crd/theirs.constraints.gatekeeper.sh";

#[test]
fn what_gatekeeper_keeps_is_left_alone() {
    let cluster = Cluster::start();
    let mut templates = basphere_api::gatekeeper::definition();
    templates["metadata"]["labels"] = json!({"gatekeeper.sh/system": "yes"});
    cluster.admin(&["create", "-f", "-"], &templates.to_string());
    cluster.admin(&["create", "-f", "-"], &pod_status().to_string());
    cluster.awaits("constrainttemplates", true);
    cluster.awaits("constrainttemplatepodstatuses", true);
    // Gatekeeper has made the definition and told of it before we come.
    let theirs = says("Theirs", "they say no");
    cluster.apply(&theirs);
    cluster.admin(&["create", "-f", "-"], &definition().to_string());
    let status = json!({"status": {"created": true, "byPod": [{"id": "gatekeeper-audit-0", "observedGeneration": 1}]}});
    cluster.admin(
        &[
            "patch",
            "constrainttemplate/theirs",
            "--subresource=status",
            "--type=merge",
            &format!("--patch={status}"),
        ],
        "",
    );
    cluster.awaits("theirs", true);
    cluster.apply(&constraint("Theirs", "a", "", "ConfigMap"));
    let before = [
        cluster.get(THEIRS),
        cluster.get("constrainttemplate/theirs"),
    ];

    let (_program, log) = cluster.serve(&[]);
    cluster.judges(&config_map("a"), "[a] they say no [BSP-G001]");
    // Looked at after theirs: what we make in the end of what Gatekeeper does not.
    cluster.apply(&says("ZOurs", "we say no"));
    cluster.reads(
        "constrainttemplate/zours",
        ".status.byPod[0].id",
        "basphere",
    );
    cluster.awaits("crd/zours.constraints.gatekeeper.sh", true);
    let after = [
        cluster.get(THEIRS),
        cluster.get("constrainttemplate/theirs"),
    ];
    assert_eq!(before, after);
    let templates = cluster.get("crd/constrainttemplates.templates.gatekeeper.sh");
    assert_eq!(templates["metadata"]["generation"], 1);

    // Somebody else writes what we have made: it is theirs from then on.
    let more = "--patch={\"spec\":{\"names\":{\"shortNames\":[\"zo\"]}}}";
    let definition = "crd/zours.constraints.gatekeeper.sh";
    cluster.admin(&["patch", definition, "--type=merge", more], "");
    cluster.apply(&says("ZOurs", "we say something else"));
    while wait_for(&log, "somebody else keeps this definition of constraints")["definition"]
        != "zours.constraints.gatekeeper.sh"
    {}
    for template in ["theirs", "zours"] {
        cluster.admin(&["delete", &format!("constrainttemplate/{template}")], "");
    }
    cluster.judges(&config_map("a"), "");
    for name in [THEIRS, definition] {
        assert_eq!(
            cluster.get(name)["metadata"]["deletionTimestamp"],
            json!(null)
        );
    }
}

/// What Gatekeeper would make of the template.
fn definition() -> serde_json::Value {
    let compiled = basphere_rego::Compiled::new(&says("Theirs", "they say no")).unwrap();
    compiled.definition()
}

/// One of the kinds by which Gatekeeper's processes tell each other what they have done.
fn pod_status() -> serde_json::Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "constrainttemplatepodstatuses.status.gatekeeper.sh"},
        "spec": {
            "group": "status.gatekeeper.sh",
            "names": {
                "kind": "ConstraintTemplatePodStatus",
                "plural": "constrainttemplatepodstatuses",
            },
            "scope": "Namespaced",
            "versions": [{
                "name": "v1beta1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}
