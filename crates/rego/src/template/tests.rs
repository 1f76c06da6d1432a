//! Templates of all versions, where their Rego is, and what is refused.

use serde_json::{Value, json};

use super::{Source, Template, TemplateError, Version};

const REGO: &str = "package a\nviolation[{\"msg\": \"no\"}] { true }";

fn template(version: &str) -> Value {
    json!({
        "apiVersion": format!("templates.gatekeeper.sh/{version}"),
        "kind": "ConstraintTemplate",
        "metadata": {"name": "k8sthing"},
        "spec": {
            "crd": {"spec": {"names": {"kind": "K8sThing"}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": REGO}],
        },
    })
}

fn code(entries: Value) -> Value {
    let mut template = template("v1");
    template["spec"]["targets"][0] =
        json!({"target": "admission.k8s.gatekeeper.sh", "code": entries});
    template
}

/// The template with a value put at a place.
fn with(pointer: &str, value: Value) -> Value {
    let mut template = template("v1");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    template.pointer_mut(parent).unwrap()[name] = value;
    template
}

fn refused(document: &Value) -> String {
    Template::read(document).unwrap_err().to_string()
}

#[test]
fn the_schema_is_lenient_by_default_before_v1() {
    for (version, legacy) in [("v1", false), ("v1beta1", true), ("v1alpha1", true)] {
        let read = Template::read(&template(version)).unwrap();
        assert_eq!(
            (read.name.as_str(), read.kind.as_str()),
            ("k8sthing", "K8sThing")
        );
        assert_eq!(read.legacy_schema, legacy, "{version}");
        assert_eq!(read.schema, None);
        for said in [true, false] {
            let mut document = template(version);
            document["spec"]["crd"]["spec"]["validation"] = json!({"legacySchema": said});
            assert_eq!(
                Template::read(&document).unwrap().legacy_schema,
                said,
                "{version}"
            );
        }
        let mut document = template(version);
        document["spec"]["crd"]["spec"]["validation"] = json!({"legacySchema": null});
        assert_eq!(
            Template::read(&document).unwrap().legacy_schema,
            legacy,
            "{version}"
        );
    }
}

#[test]
fn rego_is_in_rego_or_in_code() {
    let source = |document: &Value| Template::read(document).unwrap().source;
    let v0 = |rego: &str, libs: &[&str]| Source {
        version: Version::V0,
        rego: rego.to_owned(),
        libs: libs.iter().map(|lib| (*lib).to_owned()).collect(),
    };
    assert_eq!(source(&template("v1beta1")), v0(REGO, &[]));
    assert_eq!(
        source(&with("/spec/targets/0/libs", json!(["a", "b"]))),
        v0(REGO, &["a", "b"])
    );

    let rego = |source: Value| json!({"engine": "Rego", "source": source});
    let cel = json!({"engine": "K8sNativeValidation", "source": {"validations": []}});
    for (entries, expected) in [
        (json!([rego(json!({"rego": "x"}))]), v0("x", &[])),
        (
            json!([rego(json!({"rego": "x", "version": "v0", "libs": ["l"]}))]),
            v0("x", &["l"]),
        ),
        (
            json!([rego(json!({"rego": "x", "version": "v2"}))]),
            v0("x", &[]),
        ),
        (
            json!([rego(json!({"rego": "x", "version": ""}))]),
            v0("x", &[]),
        ),
        (json!([cel, rego(json!({"rego": "x"}))]), v0("x", &[])),
        (
            json!([rego(json!({"rego": "x"})), rego(json!({"rego": 1}))]),
            v0("x", &[]),
        ),
    ] {
        assert_eq!(source(&code(entries)), expected);
    }
    let v1 = source(&code(json!([rego(json!({"rego": "x", "version": "v1"}))])));
    assert_eq!(v1.version, Version::V1);
}

#[test]
fn legacy_rego_wins_over_code() {
    let entries =
        json!([{"engine": "Rego", "source": {"rego": "x", "version": "v1", "libs": ["l"]}}]);
    let both = with("/spec/targets/0/code", entries.clone());
    let source = Template::read(&both).unwrap().source;
    assert_eq!(
        (source.version, source.rego.as_str(), source.libs.len()),
        (Version::V0, REGO, 0)
    );

    // Nobody looks into the source that it wins over.
    let unsound = json!([{"engine": "Rego", "source": {"rego": 1}}]);
    assert!(Template::read(&with("/spec/targets/0/code", unsound)).is_ok());

    let mut empty = both;
    empty["spec"]["targets"][0]["rego"] = json!("");
    let source = Template::read(&empty).unwrap().source;
    assert_eq!((source.version, source.rego.as_str()), (Version::V1, "x"));
}

#[test]
fn what_has_no_rego_is_refused_by_name() {
    let cel = json!([{"engine": "K8sNativeValidation", "source": {}}]);
    let error = Template::read(&code(cel)).unwrap_err();
    assert!(matches!(error, TemplateError::CelOnly { .. }));
    assert_eq!(
        error.to_string(),
        "template \"k8sthing\" has CEL only (K8sNativeValidation), which is not supported: only Rego is evaluated"
    );
    for (entries, message) in [
        (
            json!([]),
            "neither `rego` nor `code` with the engine Rego (engines: [])",
        ),
        (
            json!([{"engine": "rego", "source": {"rego": "x"}}]),
            "(engines: [\"rego\"])",
        ),
    ] {
        let message = format!("template \"k8sthing\" has no Rego: {message}");
        assert!(message.ends_with(refused(&code(entries)).rsplit("Rego ").next().unwrap()));
    }
}

#[test]
fn source_that_is_none_is_refused_with_its_path() {
    let rego = |source: Value| code(json!([{"engine": "Rego", "source": source}]));
    let path = "spec.targets[0].code[0].source";
    for (source, message) in [
        (Value::Null, format!("{path}: is required")),
        (
            json!("x"),
            format!("{path}: must be an object, and is \"x\""),
        ),
        (json!({}), format!("{path}.rego: is required")),
        (
            json!({"rego": 1}),
            format!("{path}.rego: must be a string, and is 1"),
        ),
        (
            json!({"rego": "x", "version": 1}),
            format!("{path}.version: must be a string, and is 1"),
        ),
        (
            json!({"rego": "x", "libs": [null]}),
            format!("{path}.libs[0]: must be a string, and is null"),
        ),
        (
            json!({"rego": "x", "libs": null}),
            format!("{path}.libs: must be a list, and is null"),
        ),
        (
            json!({"rego": "x", "version": null}),
            format!("{path}.version: must be a string, and is null"),
        ),
        (
            json!({"rego": "x", "libs": "l"}),
            format!("{path}.libs: must be a list, and is \"l\""),
        ),
    ] {
        assert_eq!(refused(&rego(source)), message);
    }
}

#[test]
fn names_and_targets_must_fit() {
    let other_target = json!([{"target": "other", "rego": REGO}]);
    for (pointer, value, message) in [
        (
            "/apiVersion",
            json!("templates.gatekeeper.sh/v2"),
            "apiVersion: \"templates.gatekeeper.sh/v2\" is none of",
        ),
        (
            "/kind",
            json!("Pod"),
            "not a ConstraintTemplate: apiVersion \"templates.gatekeeper.sh/v1\", kind \"Pod\"",
        ),
        (
            "/apiVersion",
            json!("v1"),
            "not a ConstraintTemplate: apiVersion \"v1\", kind \"ConstraintTemplate\"",
        ),
        (
            "/metadata/name",
            json!("other"),
            "metadata.name: must be \"k8sthing\", the kind \"K8sThing\" in lower case, and is \"other\"",
        ),
        (
            "/spec/crd/spec/names/kind",
            json!(""),
            "spec.crd.spec.names.kind: is required",
        ),
        (
            "/spec/crd/spec/names/kind",
            Value::Null,
            "spec.crd.spec.names.kind: is required",
        ),
        (
            "/spec/crd/spec/names/shortNames",
            json!(["a b"]),
            "spec.crd.spec.names.shortNames[0]: must be a DNS label",
        ),
        (
            "/spec/targets",
            Value::Null,
            "spec.targets: must have exactly one target, and has 0",
        ),
        (
            "/spec/targets",
            json!([{}, {}]),
            "spec.targets: must have exactly one target, and has 2",
        ),
        (
            "/spec/targets/0/target",
            json!(""),
            "spec.targets[0].target: must not be empty",
        ),
        (
            "/spec/targets",
            other_target,
            "spec.targets[0].target: must be \"admission.k8s.gatekeeper.sh\", and is \"other\"",
        ),
        (
            "/metadata/labels",
            json!({"a": "b c"}),
            "metadata.labels[a]: must be at most 63 letters",
        ),
        (
            "/metadata/labels",
            json!({"a b": ""}),
            "metadata.labels[a b]: must be 1 to 63 letters",
        ),
        (
            "/metadata/annotations",
            json!({"a": 1}),
            "metadata.annotations[a]: must be a string, and is 1",
        ),
        ("/spec", json!([]), "spec: must be an object, and is []"),
    ] {
        let message_got = refused(&with(pointer, value));
        assert!(
            message_got.starts_with(message),
            "{message_got} / {message}"
        );
    }
}

#[test]
fn a_kind_is_a_dns_label_and_so_is_its_list() {
    for (kind, good) in [
        ("A".repeat(59), true),
        ("A".repeat(60), false),
        ("8Thing".to_owned(), false),
        ("My.Thing".to_owned(), false),
        ("My-Thing".to_owned(), true),
        ("Thing-".to_owned(), false),
    ] {
        let mut document = template("v1");
        document["metadata"]["name"] = json!(kind.to_lowercase());
        document["spec"]["crd"]["spec"]["names"]["kind"] = json!(kind);
        assert_eq!(Template::read(&document).is_ok(), good, "{kind}");
    }
}

#[test]
fn files_may_write_fields_in_any_letter_case() {
    let mut document = template("v1");
    let spec = document.as_object_mut().unwrap().remove("spec").unwrap();
    document["Spec"] = spec;
    assert!(Template::read(&document).is_ok());
}

#[test]
fn operations_are_all_where_none_is_said() {
    assert!(
        Template::read(&template("v1"))
            .unwrap()
            .matches_operation("CONNECT")
    );
    let read = Template::read(&with("/spec/targets/0/operations", json!(["CREATE"]))).unwrap();
    assert!(read.matches_operation("CREATE") && !read.matches_operation("UPDATE"));
    let read = Template::read(&with("/spec/targets/0/operations", json!(["*"]))).unwrap();
    assert!(read.matches_operation("DELETE"));
}

#[test]
fn a_schema_that_no_crd_may_have_is_refused_with_its_template() {
    let schema = |schema: Value| {
        with(
            "/spec/crd/spec/validation",
            json!({"openAPIV3Schema": schema}),
        )
    };
    let good = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let read = Template::read(&schema(good.clone())).unwrap();
    assert_eq!(read.schema, Some(good));

    let message = refused(&schema(json!({"properties": {"a": {"type": "string"}}})));
    assert_eq!(
        message,
        "the schema of the parameters cannot be used: spec.crd.spec.validation.openAPIV3Schema.type: must not be \
         empty for the fields of an object"
    );
    let legacy =
        json!({"openAPIV3Schema": {"properties": {"a": {"type": "array"}}}, "legacySchema": true});
    assert!(Template::read(&with("/spec/crd/spec/validation", legacy)).is_ok());
}

#[test]
fn a_document_is_known_by_group_and_kind() {
    assert!(Template::is_template(&template("v9")));
    assert!(!Template::is_template(
        &json!({"apiVersion": "v1", "kind": "ConstraintTemplate"})
    ));
}
