//! Reviews that contradict themselves, or of which a field is missing or of another type.

use serde_json::{Value, json};

use crate::{Expected, check, put, review, server, with};

const MALFORMED: &str = "BSP-R001";
const NO_SUBJECT: &str = "BSP-R002";

#[tokio::test]
async fn every_field_of_a_review_may_be_wrong() {
    let table: Vec<(&str, Value, &str, &str)> = vec![
        (
            "/apiVersion",
            json!("admission.k8s.io/v1beta1"),
            MALFORMED,
            "apiVersion",
        ),
        (
            "/apiVersion",
            json!("apiextensions.k8s.io/v1"),
            MALFORMED,
            "apiVersion",
        ),
        ("/apiVersion", json!(1), MALFORMED, "apiVersion"),
        ("/apiVersion", Value::Null, MALFORMED, "apiVersion"),
        ("/kind", json!("ConversionReview"), MALFORMED, "kind"),
        ("/kind", json!("admissionreview"), MALFORMED, "kind"),
        ("/kind", json!({}), MALFORMED, "kind"),
        ("/request/kind", Value::Null, MALFORMED, "request.kind"),
        ("/request/kind", json!("Cluster"), MALFORMED, "request.kind"),
        (
            "/request/kind/group",
            Value::Null,
            MALFORMED,
            "request.kind.group",
        ),
        (
            "/request/kind/group",
            json!(["cluster.x-k8s.io"]),
            MALFORMED,
            "request.kind.group",
        ),
        (
            "/request/kind/group",
            json!("apps"),
            NO_SUBJECT,
            "request.kind",
        ),
        (
            "/request/kind/group",
            json!("CLUSTER.X-K8S.IO"),
            NO_SUBJECT,
            "request.kind",
        ),
        (
            "/request/kind/version",
            json!(1),
            MALFORMED,
            "request.kind.version",
        ),
        (
            "/request/kind/version",
            json!("v1alpha3"),
            NO_SUBJECT,
            "request.kind",
        ),
        (
            "/request/kind/version",
            json!("v1beta3"),
            NO_SUBJECT,
            "request.kind",
        ),
        (
            "/request/kind/kind",
            json!(""),
            MALFORMED,
            "request.kind.kind",
        ),
        (
            "/request/kind/kind",
            json!("Pod"),
            NO_SUBJECT,
            "request.kind",
        ),
        (
            "/request/kind/kind",
            json!("cluster"),
            NO_SUBJECT,
            "request.kind",
        ),
        (
            "/request/kind/kind",
            json!("Cluster\u{0}"),
            NO_SUBJECT,
            "request.kind",
        ),
        // Of another kind than its object.
        (
            "/request/kind/kind",
            json!("Machine"),
            MALFORMED,
            "request.object.kind",
        ),
        (
            "/request/kind/version",
            json!("v1beta2"),
            MALFORMED,
            "request.object.apiVersion",
        ),
        (
            "/request/object/kind",
            json!("Machine"),
            MALFORMED,
            "request.object.kind",
        ),
        (
            "/request/object/kind",
            json!(7),
            MALFORMED,
            "request.object.kind",
        ),
        (
            "/request/object/apiVersion",
            json!("v1"),
            MALFORMED,
            "request.object.apiVersion",
        ),
        (
            "/request/object/apiVersion",
            json!([]),
            MALFORMED,
            "request.object.apiVersion",
        ),
        (
            "/request/object/metadata/name",
            json!("other"),
            MALFORMED,
            "request.object.metadata.name",
        ),
        (
            "/request/object/metadata/namespace",
            json!("user-lee"),
            MALFORMED,
            "request.object.metadata.namespace",
        ),
        (
            "/request/namespace",
            json!("user-lee"),
            MALFORMED,
            "request.object.metadata.namespace",
        ),
        (
            "/request/subResource",
            json!("status"),
            NO_SUBJECT,
            "request.subResource",
        ),
        (
            "/request/subResource",
            json!("log"),
            NO_SUBJECT,
            "request.subResource",
        ),
        (
            // A Scale says by its resource what it belongs to, and here it does not.
            "/request/subResource",
            json!("scale"),
            MALFORMED,
            "request.resource",
        ),
        (
            "/request/subResource",
            json!(["status"]),
            MALFORMED,
            "request.subResource",
        ),
        (
            "/request/operation",
            Value::Null,
            MALFORMED,
            "request.operation",
        ),
        (
            "/request/operation",
            json!("create"),
            MALFORMED,
            "request.operation",
        ),
        (
            "/request/operation",
            json!("PATCH"),
            MALFORMED,
            "request.operation",
        ),
        (
            "/request/operation",
            json!("CONNECT"),
            MALFORMED,
            "request.operation",
        ),
        (
            "/request/operation",
            json!({"CREATE": true}),
            MALFORMED,
            "request.operation",
        ),
        ("/request/name", json!(7), MALFORMED, "request.name"),
        (
            "/request/namespace",
            Value::Null,
            MALFORMED,
            "request.namespace",
        ),
        (
            "/request/namespace",
            json!(""),
            MALFORMED,
            "request.namespace",
        ),
        (
            "/request/namespace",
            json!(["user-kim"]),
            MALFORMED,
            "request.namespace",
        ),
        (
            "/request/userInfo",
            Value::Null,
            MALFORMED,
            "request.userInfo",
        ),
        (
            "/request/userInfo",
            json!("kim"),
            MALFORMED,
            "request.userInfo",
        ),
        (
            "/request/userInfo",
            json!({}),
            MALFORMED,
            "request.userInfo.username",
        ),
        (
            "/request/userInfo/username",
            json!(""),
            MALFORMED,
            "request.userInfo.username",
        ),
        (
            "/request/userInfo/username",
            json!(0),
            MALFORMED,
            "request.userInfo.username",
        ),
        (
            "/request/userInfo/groups",
            json!("basphere:admins"),
            MALFORMED,
            "request.userInfo.groups",
        ),
        (
            "/request/userInfo/groups",
            json!({"basphere:admins": true}),
            MALFORMED,
            "request.userInfo.groups",
        ),
        (
            "/request/userInfo/groups",
            json!(["basphere:tenants", 7]),
            MALFORMED,
            "request.userInfo.groups",
        ),
        (
            "/request/dryRun",
            json!("false"),
            MALFORMED,
            "request.dryRun",
        ),
        ("/request/dryRun", json!(0), MALFORMED, "request.dryRun"),
        ("/request/object", Value::Null, MALFORMED, "request.object"),
        (
            "/request/object",
            json!("Cluster"),
            MALFORMED,
            "request.object",
        ),
        (
            "/request/object",
            json!([review()["request"]["object"]]),
            MALFORMED,
            "request.object",
        ),
        (
            "/request/oldObject",
            json!(false),
            MALFORMED,
            "request.oldObject",
        ),
    ];
    let router = server();
    for (pointer, value, code, path) in table {
        let case = format!("{pointer} = {value}");
        let body = with(pointer, value).to_string();
        check(&router, &case, body, &Expected::Refused(400, code, path)).await;
    }
}

fn update() -> Value {
    let old = review()["request"]["object"].clone();
    put(
        with("/request/operation", json!("UPDATE")),
        "/request/oldObject",
        old,
    )
}

#[tokio::test]
async fn an_update_needs_both_objects_of_one_kind_and_name() {
    let router = server();
    check(
        &router,
        "a good one",
        update().to_string(),
        &Expected::Passes,
    )
    .await;
    for (pointer, value, path) in [
        ("/request/object", Value::Null, "request.object"),
        ("/request/oldObject", Value::Null, "request.oldObject"),
        ("/request/oldObject", json!([]), "request.oldObject"),
        (
            "/request/oldObject/kind",
            json!("Machine"),
            "request.oldObject.kind",
        ),
        (
            "/request/oldObject/metadata/name",
            json!("other"),
            "request.oldObject.metadata.name",
        ),
    ] {
        let case = format!("{pointer} = {value}");
        let body = put(update(), pointer, value).to_string();
        check(
            &router,
            &case,
            body,
            &Expected::Refused(400, MALFORMED, path),
        )
        .await;
    }
}

/// Whatever became of an object, whoever has it gets rid of it.
#[tokio::test]
async fn deletion_is_never_blocked() {
    let deletion = |old: Value| {
        let review = put(
            with("/request/operation", json!("DELETE")),
            "/request/object",
            Value::Null,
        );
        put(review, "/request/oldObject", old)
    };
    let whole = review()["request"]["object"].clone();
    let router = server();
    for old in [
        whole.clone(),
        json!({}),
        put(whole.clone(), "/spec", json!("x")),
        put(whole.clone(), "/metadata", json!([])),
        put(whole.clone(), "/kind", json!("Machine")),
        put(whole, "/metadata/labels", json!({"owner": ["lee"]})),
    ] {
        let case = format!("deleting {old}");
        check(&router, &case, deletion(old).to_string(), &Expected::Passes).await;
    }
    let body = deletion(Value::Null).to_string();
    let expected = Expected::Refused(400, MALFORMED, "request.oldObject");
    check(&router, "deleting nothing", body, &expected).await;
}

/// An object is only being deleted when a time says so; nothing else opens the gate.
#[tokio::test]
async fn an_empty_deletion_timestamp_is_none() {
    for time in [Value::Null, json!(""), json!({})] {
        let review = put(
            update(),
            "/request/oldObject/metadata/deletionTimestamp",
            time,
        );
        let review = put(review, "/request/object/spec/paused", json!(7));
        let expected = Expected::Refused(422, "BSP-F001", "spec.paused");
        check(&server(), "no time", review.to_string(), &expected).await;
    }
}
