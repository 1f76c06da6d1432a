//! What a schema may say.

use serde_json::json;

use super::super::props::Schema;
use super::super::unknown;
use super::schema;
use crate::decode::At;

/// Each row: a schema that no CustomResourceDefinition may have, and a part of the message.
#[test]
fn schemas_must_be_structural() {
    let text = json!({"type": "string"});
    for (written, message) in [
        (
            json!({}),
            "s.type: must not be empty for the fields of an object",
        ),
        (json!({"type": "array"}), "s.items: is required for a list"),
        (
            json!({"type": "array", "items": {}}),
            "s.items.type: must not be empty for the items of a list",
        ),
        (
            json!({"type": "array", "items": [text]}),
            "s.items: must be one schema, and is a list",
        ),
        (
            json!({"type": "object", "properties": {"a": {}}}),
            "s.properties[a].type: must not be empty",
        ),
        (
            json!({"type": "object", "additionalProperties": {}}),
            "s.additionalProperties.type: must not be empty",
        ),
        (
            json!({"type": "file"}),
            "s.type: must be one of array, boolean",
        ),
        (
            json!({"type": "null"}),
            "s.type: must be one of array, boolean",
        ),
        (
            json!({"type": "string", "pattern": "("}),
            "s.pattern: must be a regular expression",
        ),
        (
            json!({"type": "string", "anyOf": [{"type": "string"}]}),
            "s.anyOf[0].type: has no place here",
        ),
        (
            json!({"type": "string", "allOf": [{"description": "x"}]}),
            "s.allOf[0].description: has no place here",
        ),
        (
            json!({"type": "string", "oneOf": [{"default": "x"}]}),
            "s.oneOf[0].default: has no place here",
        ),
        (
            json!({"type": "string", "not": {"nullable": true}}),
            "s.not.nullable: has no place here",
        ),
        (
            json!({"type": "object", "not": {"additionalProperties": true}}),
            "s.not.additionalProperties: has no place",
        ),
        (
            json!({"type": "object", "anyOf": [{"properties": {"a": {"pattern": "x"}}}]}),
            "s.properties[a]: is required, because s.anyOf[0].properties[a] constrains it",
        ),
        (
            json!({"type": "object", "anyOf": [{"items": {"pattern": "x"}}]}),
            "s.items: is required, because s.anyOf[0].items",
        ),
        (
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
            "s.anyOf[0].type: has no place here",
        ),
        (
            json!({"x-kubernetes-int-or-string": true, "x-kubernetes-preserve-unknown-fields": true}),
            "s.x-kubernetes-preserve-unknown-fields: must be false",
        ),
        (
            json!({"type": "string", "x-kubernetes-embedded-resource": true}),
            "s.type: must be object",
        ),
        (
            json!({"type": "object", "x-kubernetes-embedded-resource": true}),
            "s.properties: must not be empty",
        ),
        (
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": false}),
            "s.x-kubernetes-preserve-unknown-fields: must be true or undefined",
        ),
        (
            json!({"type": "object", "properties": {"a": text}, "additionalProperties": text}),
            "s.additionalProperties: and properties are mutually exclusive",
        ),
        (
            json!({"type": "object", "properties": {"a": text}, "additionalProperties": false}),
            "s.additionalProperties: and properties are mutually exclusive",
        ),
        (
            json!({"type": "array", "items": text, "uniqueItems": true}),
            "s.uniqueItems: must not be true",
        ),
        (
            json!({"type": "object", "patternProperties": {"a": text}}),
            "s.patternProperties: is not supported",
        ),
        (
            json!({"type": "object", "$ref": "#/x"}),
            "s.$ref: is not supported",
        ),
        (
            json!({"type": "object", "definitions": {"a": text}}),
            "s.definitions: is not supported",
        ),
        (
            json!({"type": "array", "items": text, "additionalItems": false}),
            "s.additionalItems: is not supported",
        ),
        (
            json!({"type": "string", "x-kubernetes-map-type": "atomic"}),
            "s.type: must be object",
        ),
        (
            json!({"type": "object", "x-kubernetes-map-type": "x"}),
            "s.x-kubernetes-map-type: must be atomic or granular",
        ),
        (
            json!({"type": "string", "x-kubernetes-list-type": "set"}),
            "s.type: must be array",
        ),
        (
            json!({"type": "array", "items": text, "x-kubernetes-list-type": "x"}),
            "must be atomic, set or map",
        ),
        (
            json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"}),
            "s.items.x-kubernetes-map-type: must be atomic within a set",
        ),
        (
            json!({"type": "array", "items": {"type": "string", "nullable": true}, "x-kubernetes-list-type": "set"}),
            "s.items.nullable: must not be true",
        ),
        (
            json!({"type": "array", "items": text, "x-kubernetes-list-map-keys": ["a"]}),
            "x-kubernetes-list-type: must be map",
        ),
        (
            json!({"type": "array", "items": text, "x-kubernetes-list-type": "map"}),
            "list-map-keys: must not be empty",
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"],
                "items": {"type": "object", "properties": {"a": text}}}),
            "s.items.properties[a].default: is required, or the property is",
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["b", "b"],
                "items": {"type": "object", "properties": {"a": text}}}),
            "names \"b\" twice; s.x-kubernetes-list-map-keys: names \"b\", which is no property of the items",
        ),
        (
            json!({"type": "string", "default": 1}),
            "s.default: must be of type string, and is 1",
        ),
        (
            json!({"type": "object", "x-kubernetes-embedded-resource": true, "default": {"kind": "Pod"},
                "x-kubernetes-preserve-unknown-fields": true}),
            "s.default.apiVersion: is required of a resource",
        ),
        (
            json!({"type": "object", "properties": {}, "default": {"a": 1}}),
            "s.default: must not have the unknown field a",
        ),
    ] {
        let error = schema(&written)
            .check_schema("s")
            .expect_err(&written.to_string());
        assert!(error.to_string().contains(message), "{written}: {error}");
    }
}

#[test]
fn structural_schemas_are_accepted() {
    let int_or_string = json!([{"type": "integer"}, {"type": "string"}]);
    for written in [
        json!({"type": "object", "description": "x", "title": "y"}),
        json!({"x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": true}),
        json!({"x-kubernetes-int-or-string": true}),
        json!({"x-kubernetes-int-or-string": true, "anyOf": int_or_string}),
        json!({"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": int_or_string}, {"pattern": "x"}]}),
        json!({"type": "string", "anyOf": [{"pattern": "x"}, {"enum": ["y"]}], "default": "x"}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}, {"properties": {"a": {"pattern": "x"}}}]}),
        json!({"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}),
        json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}),
        json!({"type": "object", "unheard-of": 1, "examples": [1]}),
    ] {
        let checked = schema(&written).check_schema("s");
        assert_eq!(checked, Ok(()), "{written}");
    }
}

#[test]
fn a_legacy_schema_lets_everything_pass_that_it_does_not_constrain() {
    let mut schema = schema(&json!({"properties": {
        "list": {"type": "array"},
        "free": {},
        "text": {"type": "string"},
        "map": {"type": "object", "additionalProperties": {"type": "object"}},
    }}));
    schema.preserve_unknown_fields().unwrap();
    assert_eq!(schema.check_schema("s"), Ok(()));
    let value = json!({"list": [{"a": 1}], "free": {"b": 1}, "text": "x", "map": {"k": {"c": 1}}, "more": 1});
    assert_eq!(schema.check(&value, ""), Ok(()));
    assert_eq!(
        unknown::fields_of_value(&schema, &value),
        Vec::<String>::new()
    );
    assert!(schema.check(&json!({"text": 1}), "").is_err());

    let mut places = Schema::read(&At::root(&json!({"type": "array", "items": [{}]}))).unwrap();
    assert_eq!(
        places.preserve_unknown_fields().unwrap_err(),
        "items: must be one schema, and is a list of them"
    );
}

#[test]
fn schemas_are_read_as_go_reads_them() {
    let read = schema(&json!({"Type": "string", "maxLength": 3.0, "enum": null}));
    assert_eq!(
        (read.kind.as_str(), read.bounds.max_length),
        ("string", Some(3))
    );
    for (written, message) in [
        (
            json!({"type": ["string"]}),
            "type: must be a string, and is [\"string\"]",
        ),
        (
            json!({"required": true}),
            "required: must be a list, and is true",
        ),
        (
            json!({"maxLength": 1.5}),
            "maxLength: must be an integer, and is 1.5",
        ),
        (
            json!({"additionalProperties": "x"}),
            "additionalProperties: must be true, false or a schema, and is \"x\"",
        ),
        (
            json!({"properties": {"a": true}}),
            "properties[a]: must be an object, and is true",
        ),
    ] {
        let error = Schema::read(&At::root(&written)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
