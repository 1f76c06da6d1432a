//! Traps 4, 6, 7 and 14 in topologies: what the topology controller asks in dry runs, and what it compares.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use basphere_harness::{Event, Mark, yaml};
use serde_json::{Value, json};

use super::SETTLED;
use crate::evidence::{OURS, count, mutations, our_paths};
use crate::suite::{Suite, name, text};
use crate::topology::{class, install_the_class};
use crate::view::{SETS, TEMPLATES};

const CONTROLLER: &str = "system:serviceaccount:capi-system:capi-manager";
const MANAGER: &str = "capi-topology";
const CLUSTER: &str = "five";
/// What a template is called that is another than the one before.
const GENERATIONS: [&str; 2] = [TEMPLATES, SETS];
/// What stands in the class where its patches put what the site says.
const PLACEHOLDER: &str = "replaced-by-the-class";
const SIZES: [&str; 3] = ["numCPUs", "memoryMiB", "diskGiB"];
/// Long enough for ten rotations, when there are any.
const WINDOW: std::time::Duration = std::time::Duration::from_secs(15);

/// The base templates of the site's class were stored without any review of ours, as those are that are older than
/// Basphere: they stand in a namespace that it leaves alone.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_04_templates_that_are_older_than_basphere_do_not_rotate() -> Result<()> {
    let (suite, begun) = settled_example()?;
    suite.topology_owned_objects_keep_their_specs(begun)
}

/// These base templates went through our review, which completed them: an admin's class, in a namespace that Basphere
/// looks after.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_04_templates_that_basphere_completed_do_not_rotate() -> Result<()> {
    let suite = Suite::new()?;
    install_the_class(&suite)?;
    let own = &suite.kim.namespace;
    let ops = suite.rig.sandbox().ops();
    let dry = ["apply", "--dry-run=server", "--output=json", "-f", "-"];
    let five = suite.kim.kubectl(&dry, &suite.kim.example("topology")?)?;
    let mut five: Value = serde_json::from_str(&five.stdout()?)?;
    let own_class = class_with_what_it_must(own, &five)?.to_string();
    suite
        .kim
        .as_user(ops, &["apply", "-f", "-"], &own_class)?
        .stdout()?;
    let bases = suite.list(TEMPLATES)?;
    let base_size = "/spec/template/spec/numCPUs";
    let completed = bases.iter().all(|base| base.pointer(base_size).is_some());
    ensure!(completed && bases.len() == 2, "{bases:#?}");
    let kept = json!({"name": name(&five), "namespace": own, "labels": five["metadata"]["labels"]});
    five["metadata"] = kept;
    five["spec"]["topology"]["classRef"]["namespace"] = json!(own);
    let begun = suite.rig.mark()?;
    suite.until("the class in the tenant's namespace is taken", || {
        let applied = suite
            .kim
            .as_user(ops, &["apply", "-f", "-"], &five.to_string())?;
        Ok(applied.succeeded().then_some(()))
    })?;
    let made = suite.settled_topology(begun)?;
    ensure!(made == (bases.len() + 2, 1), "templates and sets: {made:?}");
    suite.topology_owned_objects_keep_their_specs(begun)
}

/// The controller asks what would become of another template: it is not told that templates cannot be changed, nothing
/// is reserved for the answer, and only then one template is replaced by one.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_07_a_template_is_replaced_once_for_a_change_that_was_asked_for() -> Result<()> {
    let (suite, _) = settled_example()?;
    let before = names(&suite, TEMPLATES)?;
    let mark = suite.rig.mark()?;
    let cluster = suite.kim.get(&format!("cluster/{CLUSTER}"))?;
    let mut groups = cluster["spec"]["topology"]["workers"]["machineDeployments"].clone();
    groups[0]["metadata"]["labels"]["basphere.dev/node-spec"] = json!("small");
    let workers = json!({"machineDeployments": groups});
    suite.patch(
        &format!("cluster/{CLUSTER}"),
        &json!({"spec": {"topology": {"workers": workers}}}),
    )?;
    suite.until("there is another template", || {
        Ok((!names(&suite, TEMPLATES)?.is_subset(&before)).then_some(()))
    })?;
    suite.settled(SETTLED)?;
    let asked = suite.asked_of("vspheremachinetemplates", mark)?;
    let dry: Vec<&Event> = asked
        .iter()
        .filter(|event| is_dry_run_of_topology(event))
        .collect();
    ensure!(!dry.is_empty(), "no dry run: {:#?}", count(&asked));
    for event in &dry {
        ensure!(event.code < 300, "{event:#?}");
    }
    let created = asked
        .iter()
        .filter(|event| event.code == 201 && event.wrote());
    ensure!(created.count() == 1, "{:#?}", count(&asked));
    Ok(())
}

/// Cluster API validates the variables of a topology in its own mutating webhook; they are ours, and it is content.
#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn trap_14_variables_are_filled_in_before_cluster_api_checks_them() -> Result<()> {
    let suite = Suite::new()?;
    install_the_class(&suite)?;
    let begun = suite.rig.mark()?;
    let paused = suite.kim.example("topology")? + "spec: {paused: true}\n";
    suite.kim.apply(&paused)?;
    let asked = suite.asked_of("clusters", begun)?;
    let made = asked
        .iter()
        .find(|event| event.code == 201)
        .context("no Cluster was made")?;
    let calls = mutations(made);
    let [ours, theirs] = calls.as_slice() else {
        anyhow::bail!("{calls:#?}");
    };
    ensure!(
        ours.configuration == OURS && ours.index < theirs.index,
        "{calls:#?}"
    );
    let filled = ours
        .patch
        .iter()
        .any(|patch| text(patch, "/path").starts_with("/spec/topology"));
    ensure!(filled, "{ours:#?}");
    // The class's own defaults are added to what we filled in, so that it did not come too late.
    ensure!(theirs.configuration.starts_with("capi-"), "{theirs:#?}");
    Ok(())
}

/// The example's topology in a namespace of its own: nobody writes any more. With the moment before it was applied.
fn settled_example() -> Result<(Suite, Mark)> {
    let suite = Suite::new()?;
    install_the_class(&suite)?;
    let begun = suite.rig.mark()?;
    suite.kim.apply(&suite.kim.example("topology")?)?;
    let made = suite.settled_topology(begun)?;
    ensure!(made == (2, 1), "templates and sets: {made:?}");
    Ok((suite, begun))
}

/// The class that we ship, in a namespace, with base templates that have only what their schemas and the class's patches
/// ask for, and Basphere leaves to them; a Cluster's variables know it.
fn class_with_what_it_must(namespace: &str, cluster: &Value) -> Result<Value> {
    let variables = cluster["spec"]["topology"]["variables"].as_array();
    let variable = |name: &str| {
        let mut all = variables.into_iter().flatten();
        let found = all.find(|variable| variable["name"] == name);
        found.map_or(Value::Null, |variable| variable["value"].clone())
    };
    let (vsphere, images) = (variable("vsphere"), variable("images"));
    let required = json!({
        "server": vsphere["server"],
        "networkName": vsphere["network"],
        "template": images[0]["template"],
        "identityRef": {"kind": "VSphereClusterIdentity", "name": vsphere["identity"]},
    });
    let mut documents = yaml::parse_documents(&class()?)?;
    for document in &mut documents {
        document["metadata"]["namespace"] = json!(namespace);
        let version = text(document, "/apiVersion").to_owned();
        let spec = document.pointer_mut("/spec/template/spec");
        if let Some(spec) = spec.filter(|_| version.starts_with("infrastructure.")) {
            leave_out(spec, &required);
        }
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": documents}))
}

fn leave_out(spec: &mut Value, required: &Value) {
    let Some(fields) = spec.as_object_mut() else {
        return;
    };
    fields.retain(|field, value| {
        let is_required = required.get(field).is_some();
        is_required || !(value == PLACEHOLDER || SIZES.contains(&field.as_str()))
    });
    for (field, value) in fields.iter_mut() {
        if let Some(required) = required.get(field) {
            value.clone_from(required);
        }
    }
    if let Some(device) = spec.pointer_mut("/network/devices/0") {
        leave_out(device, required);
    }
}

fn names(suite: &Suite, resource: &str) -> Result<BTreeSet<String>> {
    Ok(suite.list(resource)?.iter().map(name).collect())
}

fn is_dry_run_of_topology(event: &Event) -> bool {
    event.dry_run && event.user == CONTROLLER && event.field_manager.starts_with(MANAGER)
}

impl Suite {
    /// Waits until a topology has made all that it makes and nobody writes any more, and sees that it stays so: how many
    /// templates and MachineSets there are. No kubelet runs, so that no machine ever joins.
    fn settled_topology(&self, begun: Mark) -> Result<(usize, usize)> {
        self.until(
            "the control plane's first machine has a virtual one",
            || Ok(self.vms()?.into_keys().next()),
        )?;
        self.until("there are workers to be", || {
            Ok((!self.list(SETS)?.is_empty()).then_some(()))
        })?;
        self.ensure_quiet(WINDOW)?;
        let dry = self.asked(begun)?;
        let dry: Vec<&Event> = dry
            .iter()
            .filter(|event| is_dry_run_of_topology(event))
            .collect();
        let refused = dry.iter().find(|event| event.code >= 300);
        ensure!(refused.is_none(), "{refused:#?}");
        self.say(&format!(
            "dry runs of the topology controller: {:#?}",
            count(dry)
        ));
        let [templates, sets] = GENERATIONS.map(|resource| self.list(resource));
        Ok((templates?.len(), sets?.len()))
    }

    /// Sees that of what the topology controller writes we changed labels and annotations at the most, whether or not it
    /// was a dry run; and that each address was reserved for something that is stored.
    fn topology_owned_objects_keep_their_specs(&self, begun: Mark) -> Result<()> {
        let asked = self.asked(begun)?;
        let by_topology = asked
            .iter()
            .filter(|event| event.field_manager.starts_with(MANAGER));
        let mut seen = 0;
        for event in by_topology {
            for path in our_paths(event).into_iter().flatten() {
                ensure!(path.starts_with("/metadata/"), "{path}: {event:#?}");
                seen += 1;
            }
        }
        self.say(&format!(
            "labels and annotations that were added for the topology: {seen}"
        ));
        let machines = self.addresses()?;
        let leases = self.leases()?;
        let nodes = leases
            .values()
            .filter(|lease| text(lease, "/spec/purpose") == "node");
        let (nodes, endpoints) = (
            nodes.count(),
            leases
                .values()
                .filter(|lease| text(lease, "/spec/purpose") == "endpoint")
                .count(),
        );
        ensure!(
            (nodes, endpoints) == (machines.len(), 1),
            "{leases:#?} of {machines:#?}"
        );
        Ok(())
    }
}
