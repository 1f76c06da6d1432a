//! The five-line form, reviewed without a cluster, and what docs/cluster-api.md shows of it.

use serde_json::{Value, json};

use crate::page::commands_of;
use crate::program::{example, review};

#[test]
fn five_lines_are_shown_as_the_topology_that_they_become() {
    for version in ["v1beta1", "v1beta2"] {
        let file = example(&format!("topology.{version}.yaml"));
        let ran = review(&["-f", &file, "-o", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let shown: Value = serde_json::from_str(&ran.out).unwrap();
        let topology = &shown["items"][0]["object"]["spec"]["topology"];
        assert_eq!(topology["version"], "v1.28.0");
        assert_eq!(topology["workers"]["machineDeployments"][0]["replicas"], 2);
        // Which addresses are free, only the cluster knows.
        assert_eq!(
            shown["items"][0]["needsCluster"],
            json!(["Namespace", "AddressPool", "Tenant"])
        );
        let text = review(&["-f", &file]).out;
        assert!(
            text.contains("+          basphere.dev/node-spec: medium\n"),
            "{text}"
        );
    }
}

#[test]
fn the_page_shows_what_is_said() {
    assert_eq!(commands_of("cluster-api.md"), 1);
}
