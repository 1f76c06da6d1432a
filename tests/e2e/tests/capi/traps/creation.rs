//! Trap 13: machines that are refused come back under new names.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::suite::{Suite, name, text};

/// So many machines are refused, which is more than may have a reservation.
const ATTEMPTS: usize = 16;
/// The control plane lacks one machine and the workers lack two, and each may hold three reservations more.
const MOST: usize = (1 + 3) + (2 + 3);
const RESOURCE: &str = "vspheremachines";

/// Somebody else's policy refuses all machines, after we have reserved their addresses. Until it is taken away, the
/// controllers ask again and again.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_13_refused_machines_do_not_eat_the_block() -> Result<()> {
    let suite = Suite::new()?;
    let policy = format!("refuses-machines-in-{}", suite.kim.namespace);
    let admin = suite.rig.sandbox().admin();
    let list = refusal(&policy, &suite.kim.namespace).to_string();
    suite
        .kim
        .as_user(admin, &["create", "-f", "-"], &list)?
        .stdout()?;
    let mark = suite.rig.mark()?;
    suite.kim.apply(&suite.kim.example("cluster")?)?;
    let mut names = std::collections::BTreeSet::new();
    let mut most = 0;
    suite.until("many machines have been refused", || {
        let asked = suite.asked_of(RESOURCE, mark)?;
        ensure!(
            !asked.iter().any(|event| event.wrote()),
            "not refused: {asked:#?}"
        );
        names.extend(asked.iter().map(|event| event.name.clone()));
        most = most.max(reserved(&suite)?);
        ensure!(most <= MOST, "{most} reserved for {} machines", names.len());
        Ok((names.len() >= ATTEMPTS).then_some(()))
    })?;
    suite.say(&format!(
        "{} machines were refused, and at most {most} addresses reserved",
        names.len()
    ));
    ensure!(most >= 1, "nothing was reserved: we were not asked");

    let delete = ["delete", "validatingadmissionpolicybinding", &policy];
    suite.kim.as_user(admin, &delete, "")?.stdout()?;
    let _workload = suite.rig.workload(&suite.kim.namespace, "demo")?;
    suite.machines_run(3)?;
    suite.every_machine_has_its_own_leased_address()?;
    suite.until("what was reserved in vain is on its way back", || {
        Ok((reserved(&suite)? == 0).then_some(()))
    })
}

/// How many addresses of nodes are reserved and not bound.
fn reserved(suite: &Suite) -> Result<usize> {
    let leases = suite.leases()?;
    let reserved = leases.values().filter(|lease| {
        text(lease, "/spec/state") == "Reserved" && text(lease, "/spec/purpose") == "node"
    });
    let names: Vec<String> = reserved.map(name).collect();
    Ok(names.len())
}

fn refusal(policy: &str, namespace: &str) -> Value {
    let group = "admissionregistration.k8s.io/v1";
    let rule = json!({
        "apiGroups": ["infrastructure.cluster.x-k8s.io"], "apiVersions": ["*"],
        "operations": ["CREATE"], "resources": [RESOURCE],
    });
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": policy},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "false", "message": "refused by the test"}],
            },
        },
        {
            "apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": policy},
            "spec": {
                "policyName": policy, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": here},
            },
        },
    ]})
}
