//! The HTTP surface without a network: what is asked, and what is answered.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod support;

use std::sync::Arc;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_core::{Code, Decision, Finding, Kind, Lookup, Request, Snapshot};
use basphere_webhook::gate::Decide;
use basphere_webhook::metrics::Metrics;
use basphere_webhook::readiness::Readiness;
use basphere_webhook::router;
use basphere_webhook::world::World;
use serde_json::{Value, json};
use support::{Stored, ask, cluster, creation, get, post, reviews, world};

fn allow(_: &Request, _: &Snapshot) -> Decision {
    Decision::default()
}

fn deny_twice(_: &Request, _: &Snapshot) -> Decision {
    let finding = |code, path| Finding::new(code, path, Value::Null, "no good");
    Decision {
        denials: vec![
            finding(Code::VersionNotOffered, "spec.version"),
            finding(Code::OwnerForeign, "metadata.labels"),
        ],
        ..Decision::default()
    }
}

fn deny_field(_: &Request, _: &Snapshot) -> Decision {
    let finding = Finding::new(
        Code::VersionNotOffered,
        "spec.version",
        Value::Null,
        "no good",
    );
    Decision {
        denials: vec![finding],
        ..Decision::default()
    }
}

fn add_label(_: &Request, _: &Snapshot) -> Decision {
    let patch = json!([{"op": "add", "path": "/metadata/labels", "value": {"owner": "kim"}}]);
    Decision {
        patch: serde_json::from_value(patch).unwrap(),
        ..Decision::default()
    }
}

fn panic(_: &Request, _: &Snapshot) -> Decision {
    panic!("on purpose")
}

/// Wants to know of Clusters, then of their control planes, then of all networks, then decides.
fn curious(_: &Request, snapshot: &Snapshot) -> Decision {
    let wanted = [
        Lookup::All(Kind::Cluster),
        Lookup::All(Kind::KubeadmControlPlane),
        Lookup::Networks,
    ];
    let missed = wanted
        .into_iter()
        .find(|lookup| !snapshot.live.contains(lookup))
        .into_iter()
        .collect();
    Decision {
        missed,
        ..Decision::default()
    }
}

fn never_content(_: &Request, _: &Snapshot) -> Decision {
    Decision {
        missed: [Lookup::Namespace].into(),
        ..Decision::default()
    }
}

async fn answered_with(reader: &Arc<Stored>, decide: Decide) -> Value {
    ask(
        &reviews(&world(), reader, decide),
        "/mutate?timeout=10s",
        &creation(&cluster()),
    )
    .await
}

#[tokio::test]
async fn both_phases_are_answered_and_the_query_is_ignored() {
    let router = reviews(&world(), &Stored::nothing(), allow);
    for path in [
        "/mutate",
        "/validate",
        "/mutate?timeout=10s",
        "/validate?timeout=5s",
    ] {
        let response = ask(&router, path, &creation(&cluster())).await;
        assert_eq!(
            (&response["uid"], &response["allowed"]),
            (&json!("u-1"), &json!(true)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn only_posts_to_known_paths_are_taken() {
    let router = reviews(&world(), &Stored::nothing(), allow);
    assert_eq!(
        get(&router, "/mutate").await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        post(&router, "/elsewhere", "{}").await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        get(&router, "/metrics").await.0,
        StatusCode::NOT_FOUND,
        "metrics have a port of their own"
    );
}

#[tokio::test]
async fn seven_mebibytes_are_read_and_one_byte_more_is_refused() {
    let router = reviews(&world(), &Stored::nothing(), allow);
    let mut body = creation(&cluster()).to_string();
    body.extend(std::iter::repeat_n(' ', router::BODY_LIMIT - body.len()));
    assert_eq!(
        post(&router, "/mutate", body.clone()).await.0,
        StatusCode::OK
    );
    body.push(' ');
    let (status, words) = post(&router, "/mutate", body).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        String::from_utf8(words).unwrap(),
        "the review is larger than 7 MiB\n"
    );
}

#[tokio::test]
async fn a_body_without_a_uid_is_a_bad_request_in_words() {
    let router = reviews(&world(), &Stored::nothing(), allow);
    for (body, words) in [
        ("not json", "the body cannot be read"),
        ("", "the body cannot be read"),
        (
            r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {}}"#,
            "request.uid: is missing",
        ),
    ] {
        let (status, text) = post(&router, "/validate", body).await;
        let text = String::from_utf8(text).unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(
            text.contains(words) && text.contains("[BSP-R001]"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_body_with_a_uid_is_answered_by_a_review() {
    let router = reviews(&world(), &Stored::nothing(), allow);
    let mut unknown = creation(&cluster());
    unknown["request"]["kind"]["kind"] = json!("Pod");
    let mut incomplete = creation(&cluster());
    incomplete["request"]["operation"] = Value::Null;
    for (review, code) in [(unknown, "[BSP-R002]"), (incomplete, "[BSP-R001]")] {
        let response = ask(&router, "/mutate", &review).await;
        assert_eq!(
            (&response["uid"], &response["allowed"]),
            (&json!("u-1"), &json!(false))
        );
        assert_eq!(response["status"]["code"], 400);
        let message = response["status"]["message"].as_str().unwrap();
        assert!(message.contains(code), "{message}");
    }
}

#[tokio::test]
async fn without_a_site_nothing_passes() {
    let router = reviews(
        &Arc::new(World::default()),
        &Stored::nothing(),
        basphere_core::decide,
    );
    for path in ["/mutate", "/validate"] {
        let response = ask(&router, path, &creation(&cluster())).await;
        assert_eq!(response["allowed"], false);
        assert_eq!(response["status"]["code"], 503);
        assert_eq!(response["status"]["details"]["retryAfterSeconds"], 1);
        assert_eq!(response["auditAnnotations"]["codes"], "BSP-R003");
    }
}

#[tokio::test]
async fn field_errors_are_422_and_everything_else_403_with_all_text() {
    let field = answered_with(&Stored::nothing(), deny_field).await["status"].clone();
    assert_eq!(
        (&field["code"], &field["reason"]),
        (&json!(422), &json!("Invalid"))
    );
    assert_eq!(field["details"]["kind"], "Cluster");
    assert_eq!(field["details"]["causes"][0]["field"], "spec.version");

    let both = answered_with(&Stored::nothing(), deny_twice).await["status"].clone();
    assert_eq!(
        (&both["code"], &both["reason"]),
        (&json!(403), &json!("Forbidden"))
    );
    let message = both["message"].as_str().unwrap();
    assert!(
        message.contains("[BSP-K001]") && message.contains("[BSP-O002]"),
        "{message}"
    );
}

#[tokio::test]
async fn the_patch_on_the_wire_is_base64_of_json() {
    let response = answered_with(&Stored::nothing(), add_label).await;
    assert_eq!(response["patchType"], "JSONPatch");
    let expected = r#"[{"op":"add","path":"/metadata/labels","value":{"owner":"kim"}}]"#;
    assert_eq!(response["patch"], STANDARD.encode(expected));
}

#[tokio::test]
async fn a_panic_is_answered_and_does_not_end_the_server() {
    let router = reviews(&world(), &Stored::nothing(), panic);
    for _ in 0..2 {
        let response = ask(&router, "/validate", &creation(&cluster())).await;
        assert_eq!(
            (&response["uid"], &response["allowed"]),
            (&json!("u-1"), &json!(false))
        );
        assert_eq!(response["status"]["code"], 500);
    }
}

#[tokio::test]
async fn what_the_cache_misses_is_read_live_until_nothing_is_missing() {
    let stored = Stored::nothing();
    assert_eq!(answered_with(&stored, curious).await["allowed"], true);
    assert_eq!(
        stored.asked(),
        [
            "Cluster user-kim",
            "KubeadmControlPlane user-kim",
            "Cluster everywhere"
        ]
    );
}

#[tokio::test]
async fn a_failed_or_endless_live_read_is_never_a_yes() {
    for (stored, decide) in [
        (Stored::failing(), curious as Decide),
        (Stored::nothing(), never_content),
    ] {
        let response = answered_with(&stored, decide).await;
        assert_eq!(response["allowed"], false);
        assert_eq!(response["status"]["code"], 503);
        assert_eq!(response["auditAnnotations"]["codes"], "BSP-R004");
        assert!(stored.asked().len() <= 3, "{:?}", stored.asked());
    }
}

#[tokio::test]
async fn a_cluster_written_a_moment_earlier_is_seen() {
    let mut control_plane = json!({
        "apiVersion": "controlplane.cluster.x-k8s.io/v1beta1",
        "kind": "KubeadmControlPlane",
        "metadata": {"name": "demo-cp", "namespace": "user-kim"},
        "spec": {"machineTemplate": {"infrastructureRef": {
            "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1", "kind": "VSphereMachineTemplate", "name": "demo-cp",
        }}, "kubeadmConfigSpec": {}},
    });
    let mut typed = cluster();
    typed["metadata"]["labels"] = json!({"basphere.dev/cluster-type": "standard"});
    typed["spec"]["controlPlaneRef"] = json!({
        "apiVersion": "controlplane.cluster.x-k8s.io/v1beta1", "kind": "KubeadmControlPlane", "name": "demo-cp",
    });
    control_plane["metadata"]["labels"] = json!({"cluster.x-k8s.io/cluster-name": "demo"});
    let stored = Arc::new(Stored {
        lists: Some([(Kind::Cluster, vec![typed])].into()),
        ..Stored::default()
    });
    let response = ask(
        &reviews(&world(), &stored, basphere_core::decide),
        "/mutate",
        &creation(&control_plane),
    )
    .await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(
        stored.asked().contains(&"Cluster user-kim".to_owned()),
        "{:?}",
        stored.asked()
    );
    let patch = STANDARD
        .decode(response["patch"].as_str().unwrap())
        .unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let replicas = patch
        .as_array()
        .unwrap()
        .iter()
        .find(|operation| operation["path"] == "/spec/replicas")
        .unwrap();
    assert_eq!(replicas["value"], 3, "the type standard has three");
}

#[tokio::test]
async fn ready_means_caches_site_and_certificate() {
    let world = Arc::new(World::default());
    let certificate = support::certificate();
    let mut readiness = Readiness::new(Arc::clone(&world), Arc::clone(&certificate));
    let flag = readiness.cache("Cluster");
    let readiness = Arc::new(readiness);
    let router = router::observation(Arc::new(Metrics::default()), Arc::clone(&readiness));

    assert_eq!(
        get(&router, "/healthz").await,
        (StatusCode::OK, "ok\n".to_owned())
    );
    let missing = "cache of Cluster not in step\nno valid Site loaded yet\n".to_owned();
    assert_eq!(
        get(&router, "/readyz").await,
        (StatusCode::SERVICE_UNAVAILABLE, missing)
    );
    flag.set(true);
    world.put_site(support::site());
    assert_eq!(
        get(&router, "/readyz").await,
        (StatusCode::OK, "ok\n".to_owned())
    );

    let mut expired = certificate.load().as_ref().clone();
    expired.not_after = expired.not_before;
    certificate.store(Arc::new(expired));
    let (status, words) = get(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(words.starts_with("certificate not valid now"), "{words}");
    readiness.drain();
    assert!(
        get(&router, "/readyz")
            .await
            .1
            .starts_with("shutting down\n")
    );
}

#[tokio::test]
async fn what_happened_is_counted() {
    let metrics = Arc::new(Metrics::default());
    let gate = basphere_webhook::gate::Gate::with_decide(
        world(),
        Stored::failing(),
        Arc::new(support::Claims(Ok(()))),
        Arc::new(support::Charges),
        Arc::clone(&metrics),
        curious,
    );
    let readiness = Arc::new(Readiness::new(world(), support::certificate()));
    let router = router::reviews(
        support::gates(Arc::new(gate)),
        Arc::clone(&readiness),
        false,
    );
    ask(&router, "/mutate", &creation(&cluster())).await;
    post(&router, "/validate", "not json").await;
    metrics.site(true, Some(7));

    let (_, text) = get(&router::observation(metrics, readiness), "/metrics").await;
    for line in [
        r#"basphere_admission_requests_total{phase="mutate",operation="CREATE",kind="Cluster",allowed="false",status="503"} 1"#,
        r#"basphere_admission_requests_total{phase="validate",operation="unknown",kind="unknown",allowed="false",status="400"} 1"#,
        r#"basphere_admission_duration_seconds_count{phase="mutate",kind="Cluster"} 1"#,
        r#"basphere_admission_findings_total{phase="mutate",code="BSP-R004"} 1"#,
        r#"basphere_live_reads_total{kind="Cluster",result="error"} 1"#,
        "basphere_site_valid 1",
        "basphere_site_generation 7",
        "basphere_build_info{version=",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
}
