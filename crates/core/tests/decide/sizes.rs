//! Node specs, sizes and cluster types.

use basphere_core::ApiVersion::{self, V1Beta1};
use basphere_core::Kind;
use serde_json::json;

use crate::world::{World, denials, example, machine, template};

fn annotated(spec: &str, fields: serde_json::Value) -> serde_json::Value {
    let mut template = template("t", V1Beta1, fields);
    template["metadata"]["annotations"] = json!({"basphere.dev/node-spec": spec});
    template
}

#[test]
fn a_size_comes_from_label_or_annotation() {
    for place in ["labels", "annotations"] {
        let mut world = World::new();
        let mut given = template("t", V1Beta1, json!({}));
        given["metadata"][place] = json!({"basphere.dev/node-spec": "large"});
        world.apply_all(&[given]);
        let spec = machine(&world, "t");
        assert_eq!(
            (&spec["numCPUs"], &spec["memoryMiB"], &spec["diskGiB"]),
            (&8.into(), &16384.into(), &200.into())
        );
    }
}

#[test]
fn an_unknown_node_spec_is_refused_with_the_nearest() {
    let decision = World::new().apply(&annotated("mediun", json!({})));
    assert_eq!(
        denials(&decision),
        [("BSP-S001", "metadata.annotations[basphere.dev/node-spec]")]
    );
    assert_eq!(
        decision.denials[0].to_string(),
        "metadata.annotations[basphere.dev/node-spec]: Unsupported value: \"mediun\": the site's node specs are \
         large, medium and small; nearest: medium [BSP-S001]"
    );
}

#[test]
fn numbers_that_are_no_node_spec_are_refused_with_the_nearest() {
    let decision = World::new().apply(&template(
        "t",
        V1Beta1,
        json!({"numCPUs": 3, "memoryMiB": 8000, "diskGiB": 100}),
    ));
    assert_eq!(denials(&decision), [("BSP-S002", "spec.template.spec")]);
    let hint = decision.denials[0].hint.as_deref();
    assert!(
        hint.is_some_and(|hint| hint.starts_with("nearest: medium")),
        "{hint:?}"
    );
}

#[test]
fn numbers_that_contradict_the_named_spec_are_refused() {
    let decision = World::new().apply(&annotated("small", json!({"numCPUs": 8})));
    assert_eq!(denials(&decision), [("BSP-S003", "spec.template.spec")]);
}

#[test]
fn some_numbers_choose_the_spec_that_has_them() {
    let mut world = World::new();
    world.apply_all(&[template("t", V1Beta1, json!({"numCPUs": 8}))]);
    assert_eq!(machine(&world, "t")["memoryMiB"], 16384);
    world.apply_all(&[template("u", V1Beta1, json!({"numCPUs": 0, "diskGiB": 50}))]);
    assert_eq!(
        machine(&world, "u")["numCPUs"],
        2,
        "0 means unset in v1beta1"
    );
}

#[test]
fn a_size_of_the_wrong_type_is_refused() {
    let decision = World::new().apply(&template(
        "t",
        V1Beta1,
        json!({"numCPUs": "4", "memoryMiB": 8192}),
    ));
    assert_eq!(
        denials(&decision),
        [("BSP-F001", "spec.template.spec.numCPUs")]
    );
}

#[test]
fn the_deployments_node_spec_reaches_its_template() {
    let mut world = World::new();
    let mut objects = example("cluster", V1Beta1);
    objects[4]["metadata"]["annotations"] = json!({"basphere.dev/node-spec": "large"});
    objects[5]["metadata"]["annotations"] = serde_json::Value::Null;
    world.apply_all(&objects);
    assert_eq!(machine(&world, "demo-workers")["numCPUs"], 8);
}

#[test]
fn an_unknown_cluster_type_is_refused_with_the_nearest() {
    for place in ["labels", "annotations"] {
        let mut cluster = example("cluster", V1Beta1)[0].clone();
        cluster["metadata"]["labels"] = serde_json::Value::Null;
        cluster["metadata"][place] = json!({"basphere.dev/cluster-type": "standart"});
        let decision = World::new().apply(&cluster);
        let path = format!("metadata.{place}[basphere.dev/cluster-type]");
        assert_eq!(denials(&decision), [("BSP-T001", path.as_str())]);
        assert_eq!(
            decision.denials[0].hint.as_deref(),
            Some("nearest: standard")
        );
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let decision = World::new().apply(&example("refused", V1Beta1)[0]);
    assert_eq!(
        denials(&decision),
        [
            ("BSP-O002", "metadata.labels[basphere.dev/owner]"),
            ("BSP-V001", "spec.template.spec.server"),
            ("BSP-V003", "spec.template.spec.network.devices[0].dhcp4"),
            ("BSP-S002", "spec.template.spec"),
            ("BSP-V002", "spec.template.spec.template"),
        ]
    );
}

#[test]
fn an_unknown_node_spec_is_refused_wherever_it_stands() {
    for version in ApiVersion::CLUSTER_API {
        for index in [0, 2, 4] {
            for place in ["labels", "annotations"] {
                let mut object = example("cluster", version)[index].clone();
                object["metadata"][place] = json!({"basphere.dev/node-spec": "LARG"});
                let decision = World::new().apply(&object);
                let path = format!("metadata.{place}[basphere.dev/node-spec]");
                assert_eq!(denials(&decision), [("BSP-S001", path.as_str())]);
                assert_eq!(decision.denials[0].hint.as_deref(), Some("nearest: large"));
            }
        }
    }
}

#[test]
fn an_unknown_node_spec_of_somebody_else_is_told_with_its_place() {
    let mut world = World::new();
    let mut objects = example("cluster", V1Beta1);
    objects[4]["metadata"]["labels"] = json!({"basphere.dev/node-spec": "gigantic"});
    objects[5]["metadata"]["annotations"] = serde_json::Value::Null;
    // It was stored before Basphere came.
    let key = (Kind::MachineDeployment, "demo-workers".to_owned());
    world.stored.insert(key, objects[4].clone());
    let decision = world.apply(&objects[5]);
    assert_eq!(denials(&decision), [("BSP-S001", "spec.template.spec")]);
    assert_eq!(
        decision.denials[0].message,
        "basphere.dev/node-spec of MachineDeployment demo-workers: the site's node specs are large, medium and small"
    );
}

#[test]
fn a_stored_template_is_not_resized_by_a_name() {
    let mut world = World::new();
    world.apply_all(&[annotated("small", json!({}))]);
    let decision = world.apply(&annotated("large", json!({})));
    assert_eq!(denials(&decision), [("BSP-S003", "spec.template.spec")]);
    assert_eq!(
        decision.denials[0].to_string(),
        "spec.template.spec: Invalid value: {\"numCPUs\":2,\"memoryMiB\":4096,\"diskGiB\":50}: \
         basphere.dev/node-spec asks for large (8 CPUs, 16384 MiB, 200 GiB); a stored template cannot be resized: \
         make a new one and refer to it [BSP-S003]"
    );
}

#[test]
fn what_no_node_spec_has_is_refused() {
    for version in ApiVersion::CLUSTER_API {
        for (field, value) in [
            ("additionalDisksGiB", json!([60000])),
            ("dataDisks", json!([{"name": "d", "sizeGiB": 90000}])),
            ("pciDevices", json!([{"vGPUProfile": "grid"}])),
        ] {
            let decision = World::new().apply(&template("t", version, json!({field: value})));
            let path = format!("spec.template.spec.{field}");
            assert_eq!(denials(&decision), [("BSP-S002", path.as_str())]);
        }
    }
}

#[test]
fn a_topology_is_judged_where_it_is_written() {
    let mut cluster = example("cluster", V1Beta1)[0].clone();
    cluster["spec"] = json!({"topology": {"version": "v9.9.9", "controlPlane": {"replicas": 2}}});
    assert_eq!(
        denials(&World::new().apply(&cluster)),
        [
            ("BSP-K001", "spec.topology.version"),
            ("BSP-K003", "spec.topology.controlPlane.replicas")
        ]
    );
}
