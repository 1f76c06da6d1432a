//! The CustomResourceDefinition of a template's constraints, to be stored at an API server.

use serde_json::{Map, Value, json};

use super::crd::frame;
use crate::constraint::{GROUP, VERSIONS};
use crate::template::Template;

/// By this label Gatekeeper, and whoever looks for constraints of whatever kind, finds them.
const LABEL: &str = "gatekeeper.sh/constraint";

/// The definition that Gatekeeper makes of a template, but for descriptions: the first version is the stored one.
pub(crate) fn definition(template: &Template) -> Value {
    let plural = template.kind.to_lowercase();
    let short_names = Some(&template.short_names).filter(|names| !names.is_empty());
    let names = json!({
        "kind": template.kind,
        "listKind": format!("{}List", template.kind),
        "plural": plural,
        "singular": plural,
        "shortNames": short_names,
        "categories": ["constraint", "constraints"],
    });
    let mut labels = template.labels.clone();
    labels.insert(LABEL.to_owned(), "yes".to_owned());
    let schema = schema(template);
    let versions = VERSIONS.iter().enumerate().map(|(index, name)| {
        json!({
            "name": name,
            "served": true,
            "storage": index == 0,
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
            "additionalPrinterColumns": columns(),
        })
    });
    let versions: Vec<Value> = versions.collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}"), "labels": labels},
        "spec": {"group": GROUP, "names": names, "scope": "Cluster", "versions": versions},
    })
}

fn columns() -> Value {
    json!([
        {
            "name": "enforcement-action",
            "description": "Type of enforcement action",
            "jsonPath": ".spec.enforcementAction",
            "type": "string",
        },
        {
            "name": "total-violations",
            "description": "Total number of violations",
            "jsonPath": ".status.totalViolations",
            "type": "integer",
        },
    ])
}

fn schema(template: &Template) -> Value {
    let mut schema = frame();
    let mut parameters = template.schema.clone();
    if template.legacy_schema {
        preserve_unknown_fields(parameters.get_or_insert_with(|| json!({})));
    }
    let properties = schema.pointer_mut("/properties/spec/properties");
    if let (Some(Value::Object(properties)), Some(parameters)) = (properties, parameters) {
        properties.insert("parameters".to_owned(), parameters);
    }
    // The client looks at these before it looks at the schema; an API server has nothing else.
    for selector in ["labelSelector", "namespaceSelector"] {
        let path = format!(
            "/properties/spec/properties/match/properties/{selector}/properties/matchExpressions/items"
        );
        if let Some(Value::Object(requirement)) = schema.pointer_mut(&path) {
            requirement.insert("required".to_owned(), json!(["key", "operator"]));
        }
    }
    schema
}

/// What `legacySchema: true` does to a schema as it is written: a definition has to be structural, and a template of
/// v1beta1 need not be.
fn preserve_unknown_fields(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    match fields
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "" | "object" => {
            fields.insert(
                "x-kubernetes-preserve-unknown-fields".to_owned(),
                true.into(),
            );
        }
        "array" => {
            let items = fields.entry("items").or_insert(Value::Null);
            if items.is_null() {
                *items = Value::Object(Map::new());
            }
        }
        _ => {}
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(preserve_unknown_fields);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(schema) = fields.get_mut(name) {
            preserve_unknown_fields(schema);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiled::Compiled;

    fn made(version: &str, schema: Option<Value>) -> Value {
        let validation = schema.map(|schema| json!({"openAPIV3Schema": schema}));
        let template = json!({
            "apiVersion": format!("templates.gatekeeper.sh/{version}"),
            "kind": "ConstraintTemplate",
            "metadata": {"name": "onething", "labels": {"team": "a"}},
            "spec": {
                "crd": {"spec": {
                    "names": {"kind": "OneThing", "shortNames": ["ot"]},
                    "validation": validation,
                }},
                "targets": [{
                    "target": "admission.k8s.gatekeeper.sh",
                    "rego": "package one\nviolation[{\"msg\": \"no\"}] { true }",
                }],
            },
        });
        Compiled::new(&template).unwrap().definition()
    }

    fn parameters(definition: &Value) -> &Value {
        &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
            ["parameters"]
    }

    #[test]
    fn a_definition_has_gatekeepers_names_and_the_schema_as_it_is_written() {
        let written =
            json!({"type": "object", "properties": {"a": {"type": "string", "default": "b"}}});
        let definition = made("v1", Some(written.clone()));
        assert_eq!(
            definition["metadata"],
            json!({
                "name": "onething.constraints.gatekeeper.sh",
                "labels": {"gatekeeper.sh/constraint": "yes", "team": "a"},
            })
        );
        assert_eq!(
            definition["spec"]["names"],
            json!({
                "kind": "OneThing", "listKind": "OneThingList", "plural": "onething", "singular": "onething",
                "shortNames": ["ot"], "categories": ["constraint", "constraints"],
            })
        );
        assert_eq!(parameters(&definition), &written);
        assert_eq!(parameters(&made("v1", None)), &Value::Null);
    }

    #[test]
    fn what_is_legacy_lets_unknown_fields_pass_at_every_level() {
        let any = json!({"x-kubernetes-preserve-unknown-fields": true});
        assert_eq!(parameters(&made("v1beta1", None)), &any);
        let written = json!({"properties": {
            "list": {"type": "array"},
            "map": {"additionalProperties": {"type": "string"}},
            "lists": {"type": "array", "items": {"type": "object"}},
        }});
        let mut expected = written.clone();
        for pointer in ["", "/properties/map", "/properties/lists/items"] {
            expected.pointer_mut(pointer).unwrap()["x-kubernetes-preserve-unknown-fields"] =
                true.into();
        }
        expected["properties"]["list"]["items"] = any;
        assert_eq!(parameters(&made("v1beta1", Some(written))), &expected);
    }
}
