//! Reviews of requests, of AdmissionReviews in files, and of objects.

use serde_json::{Value, json};

use super::{Review, ReviewError, Source};

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "dev"}})
}

fn admission_review(request: Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

#[test]
fn an_object_alone_becomes_a_request_as_go_writes_it() {
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "dev"}, "spec": {"replicas": 3}});
    let review = Review::of_object(object.clone(), None, Source::Generated).unwrap();
    assert_eq!(
        review.input(),
        json!({
            "uid": "",
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "resource": {"group": "", "version": "", "resource": ""},
            "name": "web",
            "namespace": "dev",
            "operation": "",
            "userInfo": {},
            "object": object,
            "oldObject": null,
            "options": null,
            "namespaceObject": {},
        })
    );
    assert_eq!(review.source, Some(Source::Generated));
    assert_eq!((review.operation(), review.namespace_name()), ("", "dev"));
}

#[test]
fn names_that_are_empty_or_no_texts_are_left_out() {
    for metadata in [
        json!({}),
        json!({"name": "", "namespace": ""}),
        json!({"name": 1, "namespace": null}),
        json!(1),
    ] {
        let object = json!({"kind": "Pod", "metadata": metadata});
        let input = Review::of_object(object, None, Source::Original)
            .unwrap()
            .input();
        assert!(input.get("name").is_none() && input.get("namespace").is_none());
        assert_eq!(
            input["kind"],
            json!({"group": "", "version": "", "kind": "Pod"})
        );
    }
}

#[test]
fn what_is_deleted_is_both_objects() {
    let review = Review::of_object(pod("a"), Some("DELETE"), Source::Original).unwrap();
    assert_eq!(review.object(), Some(&pod("a")));
    assert_eq!(review.old_object(), Some(&pod("a")));
    assert_eq!(review.operation(), "DELETE");
    let review = Review::of_object(pod("a"), Some("UPDATE"), Source::Original).unwrap();
    assert_eq!(
        (review.object(), review.old_object()),
        (Some(&pod("a")), None)
    );

    // What the request says of the object is of no account.
    let request = json!({"operation": "DELETE", "object": pod("new"), "oldObject": pod("old")});
    let review = Review::of_request(&request).unwrap();
    assert_eq!(review.object(), Some(&pod("old")));
    for request in [
        json!({"operation": "DELETE", "object": pod("a")}),
        json!({"operation": "DELETE", "object": pod("a"), "oldObject": null}),
    ] {
        let error = Review::of_request(&request).unwrap_err();
        assert_eq!(
            error.to_string(),
            "oldObject cannot be nil for DELETE operations"
        );
        let error = Review::of_admission_review(&admission_review(request)).unwrap_err();
        assert_eq!(error, ReviewError::NothingDeleted);
    }
}

#[test]
fn a_request_is_written_with_what_go_always_writes_and_without_what_it_does_not_know() {
    let request = json!({
        "uid": "1-2",
        "kind": {"group": "", "version": "v1", "kind": "Pod", "more": "x"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "subResource": "",
        "requestKind": {"kind": "Pod"},
        "name": "a",
        "namespace": "dev",
        "operation": "UPDATE",
        "userInfo": {"username": "kim", "groups": ["x"], "uid": "", "extra": {"k": ["v"], "n": null}, "more": 1},
        "object": pod("a"),
        "dryRun": false,
        "unknown": true,
    });
    let mut review = Review::of_request(&request).unwrap();
    review.namespace =
        Some(json!({"kind": "Namespace", "metadata": {"name": "dev", "generation": 2_000_000}}));
    let input = review.input();
    assert_eq!(
        input,
        json!({
            "uid": "1-2",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "", "kind": "Pod"},
            "name": "a",
            "namespace": "dev",
            "operation": "UPDATE",
            "userInfo": {"username": "kim", "groups": ["x"], "extra": {"k": ["v"], "n": null}},
            "object": pod("a"),
            "oldObject": null,
            "dryRun": false,
            "options": null,
            "namespaceObject": {"kind": "Namespace", "metadata": {"name": "dev", "generation": 2e6}, "spec": {}, "status": {}},
        })
    );
    review.shows_namespace = false;
    assert_eq!(review.input()["namespaceObject"], json!({}));
}

#[test]
fn large_numbers_of_objects_are_floats() {
    let object = json!({"kind": "Pod", "spec": {"user": 1_000_650_000, "port": 8080, "half": 0.5, "one": 1.0}});
    let input = Review::of_object(object, None, Source::Original)
        .unwrap()
        .input();
    assert!(input["object"]["spec"]["user"].is_f64());
    assert!(input["object"]["spec"]["port"].is_i64());
    assert!(input["object"]["spec"]["one"].is_i64());
}

#[test]
fn of_a_namespace_the_request_says_no_namespace() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "dev"}});
    let kind = |group: &str| json!({"group": group, "version": "v1", "kind": "Namespace"});
    let request =
        |group: &str| json!({"kind": kind(group), "namespace": "dev", "object": namespace.clone()});
    assert_eq!(
        Review::of_request(&request("")).unwrap().namespace_name(),
        ""
    );
    assert_eq!(
        Review::of_request(&request("x.io"))
            .unwrap()
            .namespace_name(),
        "dev"
    );
    // gator takes a file as it is.
    let review = Review::of_admission_review(&admission_review(request(""))).unwrap();
    assert_eq!(review.namespace_name(), "dev");
}

#[test]
fn an_admission_review_in_a_file_must_be_one() {
    let object = || pod("a");
    for (request, message) in [
        (
            Value::Null,
            "missing an AdmissionRequest object: request did not actually pass in an AdmissionRequest",
        ),
        (
            json!({"uid": "1"}),
            "no object or oldObject found to review: AdmissionRequest does not contain an \"object\" or \"oldObject\" \
             to review",
        ),
        (
            json!({"object": {"metadata": {}}}),
            "object or oldObject cannot be unmarshalled: Object 'Kind' is missing in '{\"metadata\":{}}'",
        ),
        (
            json!({"object": object(), "oldObject": {}}),
            "object or oldObject cannot be unmarshalled: Object 'Kind' is missing in '{}'",
        ),
        (
            json!({"object": object(), "userinfo": {}, "kind": {"name": "x"}}),
            "not a valid AdmissionReview object: unable to convert to an AdmissionReview object, error: strict \
             decoding error: unknown field \"request.kind.name\", unknown field \"request.userinfo\"",
        ),
        (
            json!({"object": object(), "operation": 5}),
            "not a valid AdmissionReview object: unable to convert to an AdmissionReview object, error: \
             request.operation: must be a string, and is 5",
        ),
        (
            json!("text"),
            "not a valid AdmissionReview object: unable to convert to an AdmissionReview object, error: request: must \
             be an object, and is \"text\"",
        ),
    ] {
        let error = Review::of_admission_review(&admission_review(request)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let mut more = admission_review(json!({"object": object()}));
    more["spec"] = json!({});
    let error = Review::of_admission_review(&more).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("strict decoding error: unknown field \"spec\""),
        "{error}"
    );

    let review =
        Review::of_admission_review(&admission_review(json!({"object": object()}))).unwrap();
    assert_eq!(review.source, Some(Source::Original));
    assert!(!review.shows_namespace);
}

#[test]
fn admission_reviews_are_known_by_group_and_kind() {
    for (api_version, kind, expected) in [
        ("admission.k8s.io/v1", "AdmissionReview", true),
        ("admission.k8s.io/v1beta1", "AdmissionReview", true),
        ("v1", "AdmissionReview", false),
        ("admission.k8s.io/v1", "Pod", false),
    ] {
        let document = json!({"apiVersion": api_version, "kind": kind});
        assert_eq!(
            Review::is_admission_review(&document),
            expected,
            "{document}"
        );
    }
}

#[test]
fn what_has_no_kind_is_not_reviewed() {
    for object in [
        json!({}),
        json!({"kind": ""}),
        json!({"kind": 1}),
        json!([]),
    ] {
        let error = Review::of_object(object, None, Source::Original).unwrap_err();
        assert!(matches!(error, ReviewError::NoKind(_)), "{error}");
    }
}
