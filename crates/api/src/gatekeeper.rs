//! What Gatekeeper defines, for clusters that do not have it.

use serde_json::{Value, json};

/// The versions of ConstraintTemplates with what `legacySchema` is by default in each. The stored one is Gatekeeper's, so
/// that it finds nothing to convert when it comes later.
const VERSIONS: [(&str, bool, bool); 3] = [
    ("v1", false, false),
    ("v1beta1", true, true),
    ("v1alpha1", true, false),
];

/// The CustomResourceDefinition of ConstraintTemplates: the fields that Gatekeeper's has, without its prose.
#[must_use]
pub fn definition() -> Value {
    let versions = VERSIONS.map(|(name, is_legacy, is_stored)| {
        json!({
            "name": name,
            "served": true,
            "storage": is_stored,
            "schema": {"openAPIV3Schema": schema(is_legacy)},
            "subresources": {"status": {}},
        })
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "constrainttemplates.templates.gatekeeper.sh",
            "labels": {"app.kubernetes.io/managed-by": "basphere"},
        },
        "spec": {
            "group": "templates.gatekeeper.sh",
            "names": {
                "kind": "ConstraintTemplate",
                "listKind": "ConstraintTemplateList",
                "plural": "constrainttemplates",
                "singular": "constrainttemplate",
            },
            "scope": "Cluster",
            "versions": versions,
        },
    })
}

fn schema(is_legacy: bool) -> Value {
    let text = json!({"type": "string"});
    let names = object(json!({"kind": text, "shortNames": list(&text)}));
    let validation = object(json!({
        "legacySchema": {"type": "boolean", "default": is_legacy},
        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }));
    let validation = with(validation, json!({"default": {"legacySchema": is_legacy}}));
    let crd = object(json!({"spec": object(json!({"names": names, "validation": validation}))}));
    json!({
        "description": "A policy: Rego, and the kind of the constraints that use it with parameters of their own.",
        "type": "object",
        "properties": {
            "apiVersion": text,
            "kind": text,
            "metadata": {"type": "object"},
            "spec": object(json!({"crd": crd, "targets": list(&target())})),
            "status": status(),
        },
    })
}

fn target() -> Value {
    let text = json!({"type": "string"});
    let code = object(json!({
        "engine": text,
        "source": {"x-kubernetes-preserve-unknown-fields": true},
    }));
    let code = with(code, json!({"required": ["engine", "source"]}));
    let codes = with(
        list(&code),
        json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["engine"]}),
    );
    let operation =
        json!({"type": "string", "enum": ["*", "CREATE", "DELETE", "UPDATE", "CONNECT"]});
    object(json!({
        "target": text,
        "rego": text,
        "libs": list(&text),
        "code": codes,
        "operations": list(&operation),
    }))
}

fn status() -> Value {
    let text = json!({"type": "string"});
    let error = object(json!({"code": text, "message": text, "location": text}));
    let error = with(error, json!({"required": ["code", "message"]}));
    let pod = object(json!({
        "id": text,
        "observedGeneration": {"type": "integer", "format": "int64"},
        "errors": list(&error),
    }));
    let pod = with(pod, json!({"x-kubernetes-preserve-unknown-fields": true}));
    object(json!({"created": {"type": "boolean"}, "byPod": list(&pod)}))
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn list(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

/// A schema that says something more.
fn with(mut schema: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (schema.as_object_mut(), more) {
        fields.extend(more);
    }
    schema
}
