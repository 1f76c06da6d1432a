//! OpenStack and Metal3: Cluster API's controllers make machines out of templates of other providers. The test stands
//! for those providers, whose controllers run nowhere here.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use basphere_harness::User;
use serde_json::{Value, json};

use crate::suite::{Suite, name, text};
use crate::view::MACHINES;

/// A cluster of another provider.
struct Provider {
    /// The example, which is called so.
    example: &'static str,
    cluster: &'static str,
    clusters: &'static str,
    machines: &'static str,
    kind: &'static str,
    /// The namespace of its controller, and the account there.
    namespace: &'static str,
    account: &'static str,
}

const OPENSTACK: Provider = Provider {
    example: "openstack",
    cluster: "cloudy",
    clusters: "openstackclusters",
    machines: "openstackmachines",
    kind: "OpenStackMachine",
    namespace: "capo-system",
    account: "capo-manager",
};

const METAL3: Provider = Provider {
    example: "metal3",
    cluster: "iron",
    clusters: "metal3clusters",
    machines: "metal3machines",
    kind: "Metal3Machine",
    namespace: "capm3-system",
    account: "capm3-manager",
};

#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn openstack_machines_have_fixed_addresses_and_are_counted_once() -> Result<()> {
    let suite = Suite::new()?;
    let machines = machines_of(&suite, &OPENSTACK)?;
    let before = fixed_addresses(&suite, &machines)?;
    provided(&suite, &OPENSTACK, &machines)?;

    scale(&suite, &OPENSTACK, 3)?;
    let machines = made(&suite, &OPENSTACK, 4)?;
    let after = fixed_addresses(&suite, &machines)?;
    let kept = before
        .iter()
        .all(|(machine, had)| after.get(machine) == Some(had));
    ensure!(kept, "{before:?} became {after:?}");
    counted(&suite, &OPENSTACK, 3)?;
    gone(&suite, &OPENSTACK)
}

#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn metal3_machines_are_owned_and_counted_once() -> Result<()> {
    let suite = Suite::new()?;
    let machines = machines_of(&suite, &METAL3)?;
    for machine in &machines {
        let image = text(machine, "/spec/image/url");
        ensure!(
            image.ends_with("ubuntu-2204-kube-v1.28.0.qcow2"),
            "{machine:#}"
        );
        let wanted = machine.pointer("/spec/hostSelector/matchLabels");
        ensure!(wanted.is_some(), "{machine:#}");
    }
    provided(&suite, &METAL3, &machines)?;
    scale(&suite, &METAL3, 3)?;
    made(&suite, &METAL3, 4)?;
    counted(&suite, &METAL3, 3)?;
    gone(&suite, &METAL3)
}

/// The example's cluster with the machines that controllers have made for it.
fn machines_of(suite: &Suite, provider: &Provider) -> Result<Vec<Value>> {
    let mark = suite.rig.mark()?;
    suite.kim.apply(&suite.kim.example(provider.example)?)?;
    let cluster = format!("{}/{}", provider.clusters, provider.cluster);
    let ready = json!({"status": {"ready": true}}).to_string();
    let patch = [
        "patch",
        &cluster,
        "--subresource=status",
        "--type=merge",
        "-p",
        &ready,
    ];
    suite.view().ops(&patch, "")?;
    let machines = made(suite, provider, 3)?;
    let refused = suite.view().refused(mark)?;
    ensure!(refused.is_empty(), "refused to controllers: {refused:#?}");
    counted(suite, provider, 2)?;
    Ok(machines)
}

/// So many machines, made by the controllers of Cluster API, each of which has its Machine and belongs to kim.
fn made(suite: &Suite, provider: &Provider, count: usize) -> Result<Vec<Value>> {
    let Provider { machines, kind, .. } = provider;
    let machines = suite.until(&format!("{count} {machines} are there"), || {
        let found = suite.view().list(machines)?;
        let owned = found
            .iter()
            .filter(|it| text(it, "/metadata/ownerReferences/0/kind") == "Machine");
        Ok((found.len() == count && owned.count() == count).then_some(found))
    })?;
    let names: BTreeSet<String> = suite.view().names(MACHINES)?.into_iter().collect();
    ensure!(names == machines.iter().map(name).collect(), "{names:?}");
    for machine in &machines {
        ensure!(text(machine, "/kind") == *kind, "{machine:#}");
        let labels = machine.pointer("/metadata/labels").context("no labels")?;
        let owner = labels.get("basphere.dev/owner");
        ensure!(owner == Some(&json!("kim")), "{labels}");
    }
    Ok(machines)
}

/// kim is charged for what was asked for, and not again for what controllers made of it.
fn counted(suite: &Suite, provider: &Provider, workers: u64) -> Result<()> {
    let cluster = provider.cluster;
    let expected: BTreeMap<String, u64> = [
        (format!("Cluster/{cluster}"), 0),
        (format!("KubeadmControlPlane/{cluster}-control-plane"), 1),
        (format!("MachineDeployment/{cluster}-workers"), workers),
    ]
    .into();
    suite.until("what was asked for is charged, once", || {
        let charged = suite.view().charged()?;
        Ok((charged == expected).then_some(()))
    })
}

/// Machine → its address: in its first port, leased by it, and nobody else's.
fn fixed_addresses(suite: &Suite, machines: &[Value]) -> Result<BTreeMap<String, String>> {
    let leases = suite.until("all addresses are bound", || {
        let leases = suite.view().leases()?;
        let bound = leases
            .values()
            .all(|lease| text(lease, "/spec/state") == "Bound");
        Ok(bound.then_some(leases))
    })?;
    let mut addresses = BTreeMap::new();
    for machine in machines {
        let address = text(machine, "/spec/ports/0/fixedIPs/0/ipAddress");
        let lease = leases.get(address);
        let lease = lease.with_context(|| format!("{machine:#} has no lease of {leases:?}"))?;
        let holder = lease.pointer("/spec/holder").context("no holder")?;
        ensure!(text(holder, "/kind") == "OpenStackMachine", "{holder}");
        ensure!(text(holder, "/name") == name(machine), "{holder}");
        ensure!(text(lease, "/spec/pool") == "openstack", "{lease:#}");
        addresses.insert(name(machine), address.to_owned());
    }
    let distinct: BTreeSet<&String> = addresses.values().collect();
    ensure!(distinct.len() == machines.len(), "{addresses:?}");
    Ok(addresses)
}

/// The provider's controller does its part, and Machines take note of it.
fn provided(suite: &Suite, provider: &Provider, machines: &[Value]) -> Result<()> {
    let controller = controller(suite, provider)?;
    let view = suite.view();
    for machine in machines {
        let object = format!("{}/{}", provider.machines, name(machine));
        let id = json!({"spec": {"providerID": format!("test://{}", name(machine))}}).to_string();
        let patch = ["patch", &object, "--type=merge", "-p", &id];
        view.run(&controller, &patch, "")?.stdout()?;
        let ready = json!({"status": {"ready": true}}).to_string();
        let status = [
            "patch",
            &object,
            "--subresource=status",
            "--type=merge",
            "-p",
            &ready,
        ];
        view.run(&controller, &status, "")?.stdout()?;
    }
    suite.until("Machines know what runs them", || {
        let found = view.list(MACHINES)?;
        let known = found
            .iter()
            .filter(|it| text(it, "/spec/providerID").starts_with("test://"));
        // Workers wait for a control plane that answers, which nobody plays here.
        Ok((known.count() >= 1).then_some(()))
    })
}

/// The service account of a provider's controller, which may do everything.
fn controller(suite: &Suite, provider: &Provider) -> Result<User> {
    let Provider {
        namespace, account, ..
    } = provider;
    let account = format!("system:serviceaccount:{namespace}:{account}");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": account}],
    });
    suite
        .view()
        .ops(&["apply", "-f", "-"], &binding.to_string())?;
    let group = format!("system:serviceaccounts:{namespace}");
    let groups = ["system:serviceaccounts", &group, "system:authenticated"];
    suite.rig.sandbox().control_plane().user(&account, &groups)
}

fn scale(suite: &Suite, provider: &Provider, replicas: usize) -> Result<()> {
    let deployment = format!("machinedeployment/{}-workers", provider.cluster);
    let replicas = format!("--replicas={replicas}");
    let scale = ["scale", &deployment, &replicas];
    suite.kim.kubectl(&scale, "")?.stdout()?;
    suite.say(&replicas);
    Ok(())
}

fn gone(suite: &Suite, provider: &Provider) -> Result<()> {
    let delete = ["delete", "cluster", provider.cluster, "--wait=false"];
    suite.kim.kubectl(&delete, "")?.stdout()?;
    suite.until("everything is gone, charges included", || {
        let view = suite.view();
        let left = view.names("clusters")?.len() + view.names(provider.machines)?.len();
        Ok((left == 0 && view.charged()?.is_empty()).then_some(()))
    })?;
    suite.until("all leases are on their way back", || {
        let leases = suite.view().leases()?;
        let released = |lease| text(lease, "/spec/state") == "Releasing";
        Ok(leases.values().all(released).then_some(()))
    })
}
