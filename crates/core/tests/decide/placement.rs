//! Where machines stand: the site's place, and no other.

use basphere_core::ApiVersion::{V1Beta1, V1Beta2};
use basphere_core::Kind;
use serde_json::{Value, json};

use crate::world::{World, denials, example, machine, site_spec, template, warnings};

#[test]
fn another_place_is_refused_field_by_field() {
    for field in [
        "server",
        "thumbprint",
        "datacenter",
        "datastore",
        "folder",
        "resourcePool",
    ] {
        let decision = World::new().apply(&template("t", V1Beta2, json!({field: "elsewhere"})));
        assert_eq!(
            denials(&decision),
            [("BSP-V001", format!("spec.template.spec.{field}").as_str())]
        );
    }
    let devices =
        json!({"network": {"devices": [{"networkName": "VM Network"}, {"networkName": "other"}]}});
    let decision = World::new().apply(&template("t", V1Beta1, devices));
    assert_eq!(
        denials(&decision),
        [(
            "BSP-V001",
            "spec.template.spec.network.devices[1].networkName"
        )]
    );
}

#[test]
fn another_vcenter_or_identity_is_refused() {
    let cluster = |field: &str, value: Value| {
        let mut cluster = example("cluster", V1Beta1)[1].clone();
        cluster["spec"][field] = value;
        cluster
    };
    let decision = World::new().apply(&cluster("server", "elsewhere.example".into()));
    assert_eq!(denials(&decision), [("BSP-V001", "spec.server")]);
    let decision = World::new().apply(&cluster("thumbprint", "00:11".into()));
    assert_eq!(denials(&decision), [("BSP-V001", "spec.thumbprint")]);
    let other = json!({"kind": "VSphereClusterIdentity", "name": "lees"});
    let decision = World::new().apply(&cluster("identityRef", other));
    assert_eq!(denials(&decision), [("BSP-V001", "spec.identityRef.name")]);
}

#[test]
fn a_site_without_a_thumbprint_takes_none() {
    let mut spec = site_spec();
    spec.vsphere.as_mut().expect("vSphere").thumbprint = None;
    let mut world = World::with_site(spec);
    let decision = world.apply(&template("t", V1Beta1, json!({"thumbprint": "00:11"})));
    assert_eq!(
        denials(&decision),
        [("BSP-V001", "spec.template.spec.thumbprint")]
    );
    world.apply_all(&[template("t", V1Beta1, json!({}))]);
    assert_eq!(machine(&world, "t").get("thumbprint"), None);
}

#[test]
fn dhcp_and_addresses_in_a_template_are_refused() {
    let devices = json!({"network": {"devices": [{"dhcp4": true, "ipAddrs": ["10.254.0.40/21"]}]}});
    let decision = World::new().apply(&template("t", V1Beta1, devices.clone()));
    assert_eq!(
        denials(&decision),
        [
            ("BSP-V003", "spec.template.spec.network.devices[0].dhcp4"),
            ("BSP-V004", "spec.template.spec.network.devices[0].ipAddrs"),
        ]
    );
    let mut spec = site_spec();
    spec.vsphere.as_mut().expect("vSphere").dhcp = true;
    let decision = World::with_site(spec).apply(&template("t", V1Beta1, devices));
    assert_eq!(
        denials(&decision),
        [("BSP-V004", "spec.template.spec.network.devices[0].ipAddrs")]
    );
}

#[test]
fn an_image_that_is_not_offered_is_refused_with_the_nearest() {
    let decision = World::new().apply(&template(
        "t",
        V1Beta1,
        json!({"template": "ubuntu-2204-kube-v1.28"}),
    ));
    assert_eq!(
        denials(&decision),
        [("BSP-V002", "spec.template.spec.template")]
    );
    assert_eq!(
        decision.denials[0].hint.as_deref(),
        Some("nearest: ubuntu-2204-kube-v1.28.0")
    );
}

#[test]
fn an_image_of_another_version_is_warned_of() {
    let mut world = World::new();
    let mut objects = example("cluster", V1Beta1);
    objects[3]["spec"]["template"]["spec"]["template"] = "ubuntu-2404-kube-v1.34.4".into();
    world.apply_all(&objects[..3]);
    let decision = world.apply(&objects[3]);
    assert_eq!(
        warnings(&decision),
        [("BSP-W005", "spec.template.spec.template")]
    );
}

#[test]
fn empty_text_that_v1beta2_refuses_is_taken_out() {
    let mut world = World::new();
    let fields = json!({"storagePolicyName": "", "server": "", "folder": ""});
    world.apply_all(&[template("t", V1Beta2, fields.clone())]);
    assert_eq!(machine(&world, "t").get("storagePolicyName"), None);
    assert_eq!(machine(&world, "t")["server"], "vcenter.corp.example");
    world.apply_all(&[template("u", V1Beta1, fields)]);
    assert_eq!(machine(&world, "u")["storagePolicyName"], "");
}

#[test]
fn a_device_is_put_in_where_there_is_none() {
    for devices in [
        json!({}),
        json!({"network": {}}),
        json!({"network": {"devices": []}}),
        json!({"network": null}),
    ] {
        let mut world = World::new();
        world.apply_all(&[template("t", V1Beta2, devices)]);
        let device = json!([{"networkName": "VM Network", "dhcp4": false}]);
        assert_eq!(machine(&world, "t")["network"]["devices"], device);
    }
}

#[test]
fn a_stored_fault_is_not_held_against_a_later_write() {
    let mut world = World::new();
    let mut old = template(
        "t",
        V1Beta1,
        json!({"template": "windows-98", "numCPUs": 4, "memoryMiB": 8192, "diskGiB": 100}),
    );
    for (field, value) in [
        ("server", "vcenter.corp.example"),
        ("datacenter", "DC0"),
        ("datastore", "LocalDS_0"),
    ] {
        old["spec"]["template"]["spec"][field] = value.into();
    }
    world
        .stored
        .insert((Kind::VSphereMachineTemplate, "t".to_owned()), old.clone());
    old["metadata"]["labels"] = json!({"team": "7"});
    let decision = world.apply(&old);
    assert_eq!(denials(&decision), []);
    assert!(
        warnings(&decision).contains(&("BSP-W006", "spec.template.spec.template")),
        "{:?}",
        decision.warnings
    );
}

#[test]
fn what_is_in_the_way_is_refused_and_not_overwritten() {
    for (spec, path) in [
        (
            json!({"network": "VM Network"}),
            "spec.template.spec.network",
        ),
        (
            json!({"network": {"devices": "one"}}),
            "spec.template.spec.network.devices",
        ),
        (
            json!({"network": {"devices": ["one"]}}),
            "spec.template.spec.network.devices[0]",
        ),
        (json!({"template": 7}), "spec.template.spec.template"),
    ] {
        let decision = World::new().apply(&template("t", V1Beta1, spec));
        assert!(
            denials(&decision).contains(&("BSP-F001", path)),
            "{path}: {:?}",
            denials(&decision)
        );
    }
}

#[test]
fn more_devices_than_a_machine_can_have_are_refused_in_no_time() {
    let devices = vec![json!({"dhcp4": true, "networkName": "x"}); 80_000];
    let spec = json!({"network": {"devices": devices}});
    let decision = World::new().apply(&template("t", V1Beta1, spec));
    let denials = denials(&decision);
    assert_eq!(
        denials[0],
        ("BSP-R005", "spec.template.spec.network.devices")
    );
    assert_eq!(denials.len(), 21, "and those of the first ten");
}

#[test]
fn no_object_is_told_of_more_than_a_hundred_faults() {
    let groups: Vec<_> = (0..500)
        .map(|_| json!({"metadata": {"labels": {"owner": "lee"}}}))
        .collect();
    let mut cluster = example("cluster", V1Beta1)[0].clone();
    cluster["spec"]["topology"] = json!({"workers": {"machineDeployments": groups}});
    let decision = World::new().apply(&cluster);
    assert_eq!(decision.denials.len(), 101);
    assert_eq!(denials(&decision)[100], ("BSP-R005", ""));
}

#[test]
fn what_is_missing_below_a_wrong_type_is_not_told_as_well() {
    let decision = World::new().apply(&template(
        "t",
        V1Beta1,
        json!({"network": {"devices": ["eth0"]}}),
    ));
    assert_eq!(
        denials(&decision),
        [("BSP-F001", "spec.template.spec.network.devices[0]")]
    );
}

#[test]
fn a_port_that_was_chosen_is_put_back() {
    let mut world = World::new();
    let mut cluster = example("cluster", V1Beta1)[1].clone();
    cluster["spec"]["controlPlaneEndpoint"]["port"] = 8443.into();
    world.apply_all(&[cluster.clone()]);
    for unset in [json!(null), json!(0)] {
        cluster["spec"]["controlPlaneEndpoint"]["port"] = unset;
        let object = world.admit(&cluster).object.expect("an object");
        assert_eq!(object["spec"]["controlPlaneEndpoint"]["port"], 8443);
    }
}
