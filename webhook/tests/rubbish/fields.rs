//! Every field that a decision reads, with every type that it has not.

use serde_json::{Value, json};

use crate::objects::good;
use crate::support::{ask, creation};
use crate::tables::{
    ARGUMENTS_V1BETA1, ARGUMENTS_V1BETA2, CLUSTER, CONFIG_TEMPLATE, CONTROL_PLANE, DEPLOYMENT,
    Flag, HEALTH_CHECK, List, MACHINE, MACHINE_SET, MACHINE_TEMPLATE, METADATA, Number, Object,
    Row, Text, Type, VSPHERE_CLUSTER, WRONG,
};
use crate::{completed, put, refused, server};

/// What stands in for each type. None of them says nothing: what does is filled in.
fn samples() -> [(Type, Value); 8] {
    [
        (Text, json!("rubbish")),
        (Number, json!(7)),
        // No number of anything.
        (Flag, json!(true)),
        (List, json!(["x"])),
        (Object, json!({"x": "y"})),
        (Flag, json!(false)),
        (Text, json!("\u{0}")),
        (List, json!([[]])),
    ]
}

/// A pointer as the answer writes it.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/");
        let is_index = key.parse::<usize>().is_ok();
        match key.contains(['.', '/']) || is_index {
            true => path += &format!("[{key}]"),
            false if path.is_empty() => path += &key,
            false => path += &format!(".{key}"),
        }
    }
    path
}

/// Puts each wrong value in before the mutating webhook, which sees it before any schema does, and
/// into the completed object before the validating one.
async fn check(kind: &str, version: &str, tables: &[&[Row]]) {
    let router = server();
    let object = good(kind, version);
    let finished = completed(&router, &creation(&object)).await;
    for &(pointer, belongs, code) in tables.iter().copied().flatten() {
        for (_, wrong) in samples().into_iter().filter(|(of, _)| *of != belongs) {
            for (phase, object) in [("/mutate", &object), ("/validate", &finished)] {
                let case = format!("{kind} {version} {pointer} = {wrong}, {phase}");
                let review = creation(&put(object.clone(), pointer, wrong.clone()));
                let response = ask(&router, phase, &review).await;
                refused(&case, &response, 422, code, &path(pointer));
                let causes = response["status"]["details"]["causes"].as_array().unwrap();
                assert_eq!(
                    causes.len(),
                    1,
                    "{case}: more than one is told of: {causes:#?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn clusters() {
    for version in ["v1beta1", "v1beta2"] {
        check("Cluster", version, &[METADATA, CLUSTER]).await;
    }
}

#[tokio::test]
async fn control_planes() {
    let kind = "KubeadmControlPlane";
    check(
        kind,
        "v1beta1",
        &[METADATA, CONTROL_PLANE, ARGUMENTS_V1BETA1],
    )
    .await;
    check(
        kind,
        "v1beta2",
        &[METADATA, CONTROL_PLANE, ARGUMENTS_V1BETA2],
    )
    .await;
}

#[tokio::test]
async fn machines() {
    for version in ["v1beta1", "v1beta2"] {
        check("MachineDeployment", version, &[METADATA, DEPLOYMENT]).await;
        check("MachineSet", version, &[METADATA, MACHINE_SET]).await;
        check("Machine", version, &[METADATA, MACHINE]).await;
        check("MachineHealthCheck", version, &[METADATA, HEALTH_CHECK]).await;
    }
}

#[tokio::test]
async fn infrastructure() {
    for version in ["v1beta1", "v1beta2"] {
        check("VSphereCluster", version, &[METADATA, VSPHERE_CLUSTER]).await;
        check(
            "VSphereMachineTemplate",
            version,
            &[METADATA, MACHINE_TEMPLATE],
        )
        .await;
        check(
            "KubeadmConfigTemplate",
            version,
            &[METADATA, CONFIG_TEMPLATE],
        )
        .await;
    }
}

/// Numbers that are none of machines.
#[tokio::test]
async fn numbers_that_count_nothing() {
    let router = server();
    let kind = "KubeadmControlPlane";
    let body = creation(&put(
        good(kind, "v1beta1"),
        "/spec/replicas",
        json!("REPLICAS"),
    ))
    .to_string();
    for number in [
        "-1",
        "-0",
        "1.5",
        "3.0",
        "1e3",
        "18446744073709551616",
        "-9223372036854775808",
    ] {
        let body = body.replace("\"REPLICAS\"", number);
        let expected = crate::Expected::Refused(422, WRONG, "spec.replicas");
        crate::check(&router, number, body, &expected).await;
    }
}

/// An owner of another type is somebody else's, or nobody's; it never passes for the namespace's.
#[tokio::test]
async fn owners() {
    let router = server();
    for (key, value) in [
        ("owner", json!(["lee"])),
        ("basphere.dev/owner", json!({"kim": 1})),
    ] {
        let pointer = format!("/metadata/labels/{}", key.replace('/', "~1"));
        let object = put(good("Cluster", "v1beta1"), &pointer, value.clone());
        let finished = completed(&router, &creation(&good("Cluster", "v1beta1"))).await;
        let object = [
            ("/mutate", object),
            ("/validate", put(finished, &pointer, value)),
        ];
        for (phase, object) in object {
            let response = ask(&router, phase, &creation(&object)).await;
            refused(phase, &response, 403, WRONG, &path(&pointer));
            refused(phase, &response, 403, "BSP-O002", &path(&pointer));
        }
    }
}
