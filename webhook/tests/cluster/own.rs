//! A cluster without Gatekeeper.

use std::sync::mpsc::Receiver;

use basphere_harness::wait;
use serde_json::{Value, json};

use super::policies::{config_map, constraint, ingress, says, unique_hosts};
use super::support::wait_for;
use super::{Cluster, PATIENCE};

const TEMPLATE: &str = "constrainttemplate/uniqueingresshost";
const DEFINITION: &str = "crd/uniqueingresshost.constraints.gatekeeper.sh";

#[test]
fn policies_are_objects_of_the_cluster_and_of_a_directory() {
    let cluster = Cluster::start();
    let template = says("Shared", "the directory says no");
    let of_directory = constraint("Shared", "of-directory", "", "ConfigMap");
    for (name, object) in [("template.json", &template), ("a.json", &of_directory)] {
        std::fs::write(cluster.directory.path().join(name), object.to_string()).unwrap();
    }
    let directory = format!("--policies={}", cluster.directory.path().display());
    let (program, log) = cluster.serve(&[&directory]);
    cluster.judges(
        &config_map("a"),
        "[of-directory] the directory says no [BSP-G001]",
    );
    what_is_looked_for_must_be_granted(&cluster, &log);
    what_is_stored_is_looked_at(&cluster);
    a_bad_version_leaves_the_good_one(&cluster, &log);
    the_directory_wins(&cluster, &log);
    what_is_deleted_is_asked_no_more(&cluster);
    drop(program);
}

fn what_is_looked_for_must_be_granted(cluster: &Cluster, log: &Receiver<Value>) {
    cluster.apply(&unique_hosts("a conflict over"));
    cluster.reads(TEMPLATE, ".status.created", "true");
    cluster.awaits("uniqueingresshost", true);
    let definition = cluster.get(DEFINITION);
    assert_eq!(
        definition["metadata"]["labels"]["basphere.dev/constraint"],
        "yes"
    );
    assert_eq!(
        definition["metadata"]["ownerReferences"][0]["name"],
        "uniqueingresshost"
    );
    let mut bad = constraint("UniqueIngressHost", "bad", "networking.k8s.io", "Ingress");
    bad["spec"]["parameters"] = json!({"hosts": "all"});
    let refused = cluster.kubectl(&["apply", "-f", "-"], &bad.to_string());
    assert!(
        refused.stderr.contains("spec.parameters.hosts"),
        "the schema of the parameters is the template's: {}",
        refused.stderr
    );
    cluster.apply(&constraint(
        "UniqueIngressHost",
        "hosts",
        "networking.k8s.io",
        "Ingress",
    ));
    let needs = "networking.k8s.io/v1 Ingress: it may not be listed and watched";
    cluster.judges(&ingress("one", "a.example"), needs);
    cluster.judges(&ingress("one", "a.example"), "[BSP-G006]");
    let line = wait_for(
        log,
        "it may not be listed and watched: a ClusterRole with the label \
                              basphere.dev/aggregate-to-inventory has to grant that",
    );
    assert_eq!(
        (&line["kind"], &line["version"]),
        (&json!("Ingress"), &json!("networking.k8s.io/v1"))
    );
    let rule = json!([{"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["list", "watch"]}]);
    cluster.grant("looked-for", &rule);
    cluster.judges(&ingress("one", "a.example"), "");
}

fn what_is_stored_is_looked_at(cluster: &Cluster) {
    cluster.apply(&ingress("one", "a.example"));
    let conflict = "[hosts] a conflict over <a.example> [BSP-G001]";
    cluster.judges(&ingress("two", "a.example"), conflict);
    // Itself is stored, too, and is no other.
    cluster.admin(&["label", "ingress/one", "a=b"], "");
    cluster.judges(&ingress("two", "b.example"), "");
    let line =
        "basphere_policy_inventory_objects{version=\"networking.k8s.io/v1\",kind=\"Ingress\"} 1\n";
    wait::until("it is counted", PATIENCE, || {
        Ok(cluster.metrics().contains(line).then_some(()))
    })
    .unwrap();
    cluster.admin(&["delete", "ingress/one"], "");
    cluster.judges(&ingress("two", "a.example"), "");
    cluster.apply(&ingress("one", "a.example"));
    cluster.judges(&ingress("two", "a.example"), conflict);
}

fn a_bad_version_leaves_the_good_one(cluster: &Cluster, log: &Receiver<Value>) {
    let mut bad = unique_hosts("never said");
    let rego = bad["spec"]["targets"][0]["rego"].as_str().unwrap();
    let unclear = rego.replace(".Ingress[_]", "[_][_]");
    for (rego, why) in [
        (
            rego.replace("msg :=", "msg := :="),
            "template uniqueingresshost: rego:14:",
        ),
        (
            unclear,
            "which kinds are looked for in data.inventory cannot be told here",
        ),
    ] {
        bad["spec"]["targets"][0]["rego"] = json!(rego);
        cluster.apply(&bad);
        let line = wait_for(log, "a policy's newest version is not in force");
        let problem = line["problem"].as_str().unwrap();
        assert!(problem.contains(why), "{problem}");
        cluster.reads(TEMPLATE, ".status.byPod[0].errors[0].message", why);
        cluster.reads(TEMPLATE, ".status.created", "false");
        cluster.judges(&ingress("two", "a.example"), "a conflict over <a.example>");
        let metrics = cluster.metrics();
        assert!(metrics.contains("basphere_policies_valid 0\n"), "{metrics}");
        assert!(
            metrics.contains("basphere_policies_refused 1\n"),
            "{metrics}"
        );
    }
    cluster.apply(&unique_hosts("another word of"));
    cluster.judges(&ingress("two", "a.example"), "another word of <a.example>");
    cluster.reads(TEMPLATE, ".status.created", "true");
    assert!(cluster.metrics().contains("basphere_policies_valid 1\n"));
}

fn the_directory_wins(cluster: &Cluster, log: &Receiver<Value>) {
    cluster.apply(&says("Shared", "the cluster says no"));
    let line = wait_for(log, "a policy of the cluster is not in force");
    assert_eq!(
        line["problem"],
        "the directory of policies has one of this name"
    );
    cluster.awaits("crd/shared.constraints.gatekeeper.sh", true);
    cluster.awaits("shared", true);
    cluster.apply(&constraint("Shared", "of-cluster", "", "ServiceAccount"));
    let mut account = config_map("robot");
    account["kind"] = json!("ServiceAccount");
    cluster.judges(&account, "[of-cluster] the directory says no");
    cluster.judges(&config_map("a"), "[of-directory] the directory says no");
}

fn what_is_deleted_is_asked_no_more(cluster: &Cluster) {
    cluster.admin(&["delete", "uniqueingresshost/hosts"], "");
    cluster.judges(&ingress("two", "a.example"), "");
    cluster.admin(&["delete", "constrainttemplate/shared"], "");
    cluster.awaits("crd/shared.constraints.gatekeeper.sh", false);
    let mut account = config_map("robot");
    account["kind"] = json!("ServiceAccount");
    cluster.judges(&account, "");
    cluster.judges(&config_map("a"), "[of-directory] the directory says no");
    cluster.awaits(DEFINITION, true);
    // It is looked for every now and then.
    cluster.admin(&["delete", DEFINITION], "");
    cluster.awaits(DEFINITION, true);
}
