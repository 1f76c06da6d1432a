//! What controllers make of a stored Cluster when the Site was changed since: they say what the Cluster
//! says, and whoever refused that would have them try for ever.

use std::sync::Arc;

use basphere_core::{ApiVersion, Kind, Lookup, Phase, Site, SiteSpec, decide};
use serde_json::{Value, json};

use super::controllers::{made, sized};
use super::{NODE_SPEC, partial, stored, topology, variable, with_variable};
use crate::world::{World, capi, denials, kim, site_spec, template};

const VERSION: ApiVersion = ApiVersion::V1Beta2;
const MEDIUM: [u64; 3] = [4, 8192, 100];

fn set_site(world: &mut World, change: impl FnOnce(&mut SiteSpec)) {
    let mut spec = site_spec();
    change(&mut spec);
    world.site = Arc::new(Site::try_from(spec).expect("a site"));
}

/// Everything that machines are made of is another than it was.
fn change_everything(spec: &mut SiteSpec) {
    let vsphere = spec.vsphere.as_mut().expect("vSphere");
    vsphere.thumbprint = Some("AA:BB".to_owned());
    for field in [
        &mut vsphere.datacenter,
        &mut vsphere.datastore,
        &mut vsphere.folder,
        &mut vsphere.resource_pool,
        &mut vsphere.network,
    ] {
        field.push_str("-new");
    }
    spec.kubernetes
        .versions
        .retain(|of| of.version != "v1.28.0");
    spec.defaults.kubernetes_version = "v1.34.4".to_owned();
    let medium = spec.node_specs.get_mut("medium").expect("medium");
    (medium.cpus, medium.memory_mib) = (6, 10240);
}

/// The five lines, which the topology controller has begun with, and a Site that was changed since.
fn begun(version: ApiVersion) -> (World, Value) {
    let mut world = stored(version);
    let old = sized(&world, "five-old", MEDIUM);
    let infrastructure = super::controllers::infrastructure(&world);
    world.requester = capi();
    world.apply_all(&[infrastructure]);
    let mut cluster = super::five(VERSION);
    cluster["spec"]["infrastructureRef"] = json!({
        "apiGroup": Kind::VSphereCluster.group(), "kind": "VSphereCluster", "name": "five-x7k2p",
    });
    world.apply_all(&[cluster]);
    set_site(&mut world, change_everything);
    (world, old)
}

#[test]
fn its_templates_are_let_in() {
    for version in ApiVersion::CLUSTER_API {
        let (mut world, template) = begun(version);
        world.apply_all(std::slice::from_ref(&template));
        assert_eq!(world.stored_as(&template)["spec"], template["spec"]);
    }
}

#[test]
fn its_machines_are_let_in_and_so_are_their_vms() {
    let (mut world, template) = begun(VERSION);
    world.apply_all(std::slice::from_ref(&template));
    let machine = cloned(&template, "five-1");
    world.apply_all(&[machine.clone(), vm(&machine)]);
}

/// A VSphereMachine as Cluster API clones it from a template.
pub(crate) fn cloned(template: &Value, name: &str) -> Value {
    let spec = template["spec"]["template"]["spec"].clone();
    let mut machine = made(Kind::VSphereMachine, name, spec);
    machine["metadata"]["annotations"] = json!({
        "cluster.x-k8s.io/cloned-from-name": template["metadata"]["name"],
        "cluster.x-k8s.io/cloned-from-groupkind":
            "VSphereMachineTemplate.infrastructure.cluster.x-k8s.io",
    });
    machine["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineSet", "name": "set", "uid": "uid-set",
    }]);
    machine
}

/// A VSphereVM as CAPV makes it of a machine.
pub(crate) fn vm(machine: &Value) -> Value {
    let name = machine["metadata"]["name"].as_str().expect("a name");
    let mut vm = made(Kind::VSphereVM, name, machine["spec"].clone());
    vm["metadata"]["ownerReferences"] = json!([{
        "apiVersion": machine["apiVersion"], "kind": "VSphereMachine", "name": name, "uid": "uid-machine",
    }]);
    vm
}

/// A group that is added, and a deployment that is made anew, run what the Cluster runs.
#[test]
fn its_deployments_run_a_version_that_is_not_offered_any_more() {
    let (mut world, _) = begun(VERSION);
    let spec = json!({
        "clusterName": "five", "replicas": 1, "selector": {},
        "template": {"spec": {"clusterName": "five", "version": "v1.28.0"}},
    });
    let deployment = made(Kind::MachineDeployment, "five-workers", spec.clone());
    world.apply_all(&[deployment]);
    let control_plane = json!({"replicas": 1, "version": "v1.28.0", "kubeadmConfigSpec": {}});
    let control_plane = made(Kind::KubeadmControlPlane, "five-cp", control_plane);
    world.apply_all(&[control_plane]);
    let mut other = made(Kind::MachineDeployment, "five-other", spec);
    other["spec"]["template"]["spec"]["version"] = "v1.27.0".into();
    assert_eq!(
        denials(&world.apply(&other)),
        [("BSP-K001", "spec.template.spec.version")]
    );
}

#[test]
fn its_groups_keep_a_mark_that_is_not_offered_any_more() {
    let mut world = stored(VERSION);
    set_site(&mut world, |spec| {
        spec.node_specs.remove("medium");
        spec.defaults.node_spec = "small".to_owned();
        for of in spec.cluster_types.values_mut() {
            of.control_plane.spec = "small".to_owned();
            of.workers.spec = "small".to_owned();
        }
        if let Some(openstack) = &mut spec.openstack {
            for cloud in openstack.clouds.values_mut() {
                cloud.flavors.remove("medium");
            }
        }
        if let Some(metal3) = &mut spec.metal3 {
            metal3.hosts.remove("medium");
        }
    });
    world.requester = capi();
    let spec = json!({
        "clusterName": "five", "replicas": 1, "selector": {},
        "template": {"spec": {"clusterName": "five", "version": "v1.28.0"}},
    });
    let mut deployment = made(Kind::MachineDeployment, "five-workers", spec);
    deployment["metadata"]["labels"][NODE_SPEC] = "medium".into();
    let template = sized(&world, "five-old", MEDIUM);
    world.apply_all(&[template, deployment.clone()]);
    deployment["metadata"]["name"] = "five-huge".into();
    deployment["metadata"]["labels"][NODE_SPEC] = "huge".into();
    assert_eq!(
        denials(&world.apply(&deployment)),
        [("BSP-S001", "metadata.labels[basphere.dev/node-spec]")]
    );
}

#[test]
fn a_network_with_dhcp_stays_one_for_the_cluster() {
    let mut spec = site_spec();
    spec.vsphere.as_mut().expect("vSphere").dhcp = true;
    let mut world = World::with_site(spec);
    world.apply_all(&[super::five(VERSION)]);
    let mut template = sized(&world, "five-old", MEDIUM);
    template["spec"]["template"]["spec"]["network"]["devices"][0]["dhcp4"] = true.into();
    set_site(&mut world, |_| {});
    world.requester = capi();
    world.apply_all(&[template]);
}

/// What neither the Site nor the Cluster says is nobody's.
#[test]
fn what_the_cluster_does_not_say_is_refused_to_controllers_too() {
    for (field, value, code) in [
        ("datacenter", json!("mine"), "BSP-V001"),
        ("datastore", json!("mine"), "BSP-V001"),
        ("folder", json!("mine"), "BSP-V001"),
        ("resourcePool", json!("mine"), "BSP-V001"),
        ("server", json!("mine.example"), "BSP-V001"),
        ("thumbprint", json!("00"), "BSP-V001"),
        ("template", json!("mine"), "BSP-V002"),
        ("numCPUs", json!(64), "BSP-S002"),
    ] {
        let (mut world, mut template) = begun(VERSION);
        template["spec"]["template"]["spec"][field] = value;
        let decision = world.apply(&template);
        assert_eq!(denials(&decision)[0].0, code, "{field}");
        assert_eq!(decision.denials.len(), 1, "{field}: {decision:#?}");
    }
    let (mut world, mut template) = begun(VERSION);
    template["spec"]["template"]["spec"]["network"]["devices"] =
        json!([{"networkName": "mine", "dhcp4": true}]);
    let decision = world.apply(&template);
    let codes: Vec<_> = denials(&decision).into_iter().map(|of| of.0).collect();
    assert_eq!(codes, ["BSP-V001", "BSP-V003"]);
}

/// A cache may hold the Cluster as it was before the controller saw it change.
#[test]
fn nobody_is_refused_for_what_only_a_cache_says_of_the_cluster() {
    let (world, mut template) = begun(VERSION);
    template["spec"]["template"]["spec"]["template"] = "newer".into();
    let mut snapshot = world.snapshot();
    let lookup = Lookup::All(Kind::Cluster);
    snapshot.live.remove(&lookup);
    let decision = decide(&world.request(Phase::Mutate, &template), &snapshot);
    assert!(decision.missed.contains(&lookup), "{:?}", decision.missed);
}

/// Labels prove nothing.
#[test]
fn a_person_who_writes_the_same_template_is_held_to_the_site() {
    let (mut world, template) = begun(VERSION);
    world.requester = kim();
    let decision = world.apply(&template);
    let codes: Vec<_> = denials(&decision).into_iter().map(|of| of.0).collect();
    assert!(
        codes.contains(&"BSP-V001") && codes.contains(&"BSP-V002"),
        "{codes:?}"
    );
    assert!(codes.contains(&"BSP-S002"), "{codes:?}");
}

#[test]
fn a_template_that_is_of_no_topology_is_held_to_the_site() {
    for label in [
        "topology.cluster.x-k8s.io/owned",
        "cluster.x-k8s.io/cluster-name",
    ] {
        let (mut world, mut template) = begun(VERSION);
        let labels = template["metadata"]["labels"]
            .as_object_mut()
            .expect("labels");
        labels.remove(label);
        assert_eq!(denials(&world.apply(&template))[0].0, "BSP-V001", "{label}");
    }
}

/// A class of the tenant's own namespace is none that the Site named: what its Clusters say was not judged.
#[test]
fn a_cluster_of_another_class_opens_nothing() {
    let (mut world, template) = begun(VERSION);
    for class in [
        json!({"name": "basphere"}),
        json!({"name": "mine", "namespace": "user-kim"}),
    ] {
        let key = (Kind::Cluster, "five".to_owned());
        let cluster = world.stored.get_mut(&key).expect("stored");
        cluster["spec"]["topology"]["classRef"] = class;
        assert_eq!(denials(&world.apply(&template))[0].0, "BSP-V001");
    }
}

/// CAPV logs in there, with what the identity says: where the Cluster does not stand yet, the Site decides.
#[test]
fn a_server_counts_only_where_the_infrastructure_stands() {
    let mut world = stored(VERSION);
    let template = sized(&world, "five-old", MEDIUM);
    let infrastructure = super::controllers::infrastructure(&world);
    set_site(&mut world, |spec| {
        spec.vsphere.as_mut().expect("vSphere").server = "new.example".to_owned();
    });
    world.requester = capi();
    let refused = [("BSP-V001", "spec.template.spec.server")];
    assert_eq!(denials(&world.apply(&template)), refused);
    assert_eq!(
        denials(&world.apply(&infrastructure)),
        [("BSP-V001", "spec.server")]
    );

    let key = (Kind::VSphereCluster, "five-x7k2p".to_owned());
    world.stored.insert(key, infrastructure);
    let mut cluster = super::five(VERSION);
    cluster["spec"]["infrastructureRef"] = json!({
        "apiGroup": Kind::VSphereCluster.group(), "kind": "VSphereCluster", "name": "five-x7k2p",
    });
    world.apply_all(&[cluster, template.clone()]);
    let machine = cloned(&template, "five-1");
    world.apply_all(&[machine.clone(), vm(&machine)]);
}

/// A Site that has no class for a while does not let tenants say what controllers carry on afterwards.
#[test]
fn variables_are_judged_also_while_the_site_has_no_class() {
    let mut world = stored(VERSION);
    set_site(&mut world, |spec| spec.topology = None);
    let mut place = variable(&topology(&world), "vsphere");
    place["folder"] = "mine".into();
    let given = with_variable(topology(&world), "vsphere", place);
    let decision = world.apply(&partial(VERSION, given));
    assert_eq!(denials(&decision)[0].0, "BSP-V001", "{decision:#?}");
}

/// What was stored of a class of the tenant's own namespace was not judged, and is no precedent.
#[test]
fn a_cluster_that_changes_to_the_sites_class_is_held_to_the_site() {
    let mut world = stored(VERSION);
    let key = (Kind::Cluster, "five".to_owned());
    let mut place = variable(&topology(&world), "vsphere");
    place["folder"] = "mine".into();
    let given = with_variable(topology(&world), "vsphere", place);
    let cluster = world.stored.get_mut(&key).expect("stored");
    cluster["spec"]["topology"] = given;
    cluster["spec"]["topology"]["classRef"] = json!({"name": "mine"});
    let change = json!({"classRef": {"name": "basphere", "namespace": "basphere-system"}});
    let decision = world.apply(&partial(VERSION, change));
    assert_eq!(denials(&decision)[0].0, "BSP-V001", "{decision:#?}");
}

/// An explicit cluster's template was judged when it was written, and its machines follow it.
#[test]
fn a_machine_of_an_explicit_cluster_follows_its_stored_template() {
    let mut world = World::new();
    world.apply_all(&crate::world::example("cluster", VERSION));
    let mut template = template("demo-workers", VERSION, json!({}));
    template["spec"] = world.stored_as(&template)["spec"].clone();
    set_site(&mut world, change_everything);
    let demo = |mut object: Value| {
        object["metadata"]["labels"] = json!({"cluster.x-k8s.io/cluster-name": "demo"});
        object
    };
    let machine = demo(cloned(&template, "demo-1"));
    let decision = world.apply(&machine);
    let codes: Vec<_> = denials(&decision).into_iter().map(|of| of.0).collect();
    assert!(
        codes.contains(&"BSP-V001"),
        "a person is held to the site: {codes:?}"
    );
    world.requester = capi();
    world.apply_all(&[machine.clone(), demo(vm(&machine))]);

    let mut elsewhere = demo(cloned(&template, "demo-2"));
    elsewhere["spec"]["folder"] = "mine".into();
    assert_eq!(
        denials(&world.apply(&elsewhere)),
        [("BSP-V001", "spec.folder")]
    );
    let mut of_none = demo(cloned(&template, "demo-3"));
    of_none["metadata"]["annotations"]["cluster.x-k8s.io/cloned-from-name"] = "none".into();
    assert_eq!(denials(&world.apply(&of_none))[0].0, "BSP-V001");
    let mut of_another = demo(vm(&machine));
    of_another["metadata"]["name"] = "demo-4".into();
    of_another["spec"]["folder"] = "mine".into();
    assert_eq!(
        denials(&world.apply(&of_another)),
        [("BSP-V001", "spec.folder")]
    );
}

/// A template that names another server was stored before Basphere came; nobody logs in there because of it.
#[test]
fn a_stored_template_with_another_server_leads_no_machine_there() {
    let mut world = World::new();
    world.apply_all(&crate::world::example("cluster", VERSION));
    let key = (Kind::VSphereMachineTemplate, "demo-workers".to_owned());
    let stored = world.stored.get_mut(&key).expect("stored");
    stored["spec"]["template"]["spec"]["server"] = "mine.example".into();
    let mut machine = cloned(&stored.clone(), "demo-1");
    machine["metadata"]["labels"] = json!({"cluster.x-k8s.io/cluster-name": "demo"});
    world.requester = capi();
    assert_eq!(
        denials(&world.apply(&machine)),
        [("BSP-V001", "spec.server")]
    );
}
