//! Structural schemas: what an API server asks of the schema of a CustomResourceDefinition, so that it can prune and
//! apply defaults.

use super::Findings;
use super::props::{Additional, Bounds, Items, Schema};

/// Where a schema stands in its parent, which a message tells.
#[derive(Clone, Copy)]
enum Place {
    Item,
    Field,
}

/// Finds what is not structural.
pub(super) fn check(schema: &Schema, path: &str, findings: &mut Findings) {
    invariants(schema, Place::Field, path, findings);
    completeness(schema, Some(schema), path, path, findings);
}

fn invariants(schema: &Schema, place: Place, path: &str, findings: &mut Findings) {
    if schema.kind == "array" && schema.item().is_none() {
        findings.add(&format!("{path}.items"), "is required for a list");
    }
    if let Some(item) = schema.item() {
        invariants(item, Place::Item, &format!("{path}.items"), findings);
    }
    for (name, property) in &schema.properties {
        let path = format!("{path}.properties[{name}]");
        invariants(property, Place::Field, &path, findings);
    }
    if let Some(additional) = schema.additional_schema() {
        let path = format!("{path}.additionalProperties");
        invariants(additional, Place::Field, &path, findings);
    }
    extensions(schema, place, path, findings);
    let (any_of, all_of) = int_or_string_exceptions(schema);
    values(schema, any_of, all_of, path, findings);
}

fn extensions(schema: &Schema, place: Place, path: &str, findings: &mut Findings) {
    let add = |findings: &mut Findings, name: &str, detail: &str| {
        findings.add(&format!("{path}.{name}"), detail);
    };
    let preserves = schema.preserves_unknown();
    if schema.int_or_string && preserves {
        let detail = "must be false if x-kubernetes-int-or-string is true";
        add(findings, "x-kubernetes-preserve-unknown-fields", detail);
    }
    if schema.int_or_string && schema.embedded {
        let detail = "must be false if x-kubernetes-int-or-string is true";
        add(findings, "x-kubernetes-embedded-resource", detail);
    }
    if schema.embedded && schema.kind != "object" {
        add(
            findings,
            "type",
            "must be object if x-kubernetes-embedded-resource is true",
        );
    } else if schema.kind.is_empty() && !schema.int_or_string && !preserves {
        let detail = match place {
            Place::Item => "must not be empty for the items of a list",
            Place::Field => "must not be empty for the fields of an object",
        };
        add(findings, "type", detail);
    }
    if !schema.embedded {
        return;
    }
    if schema.additional.is_some() {
        let detail = "must not be used if x-kubernetes-embedded-resource is true";
        add(findings, "additionalProperties", detail);
    }
    for (name, kind) in [
        ("kind", "string"),
        ("apiVersion", "string"),
        ("metadata", "object"),
    ] {
        if schema
            .properties
            .get(name)
            .is_some_and(|property| property.kind != kind)
        {
            let path = format!("{path}.properties[{name}].type");
            findings.add(&path, format!("must be {kind}"));
        }
    }
    if !preserves && schema.properties.is_empty() {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true and unknown fields are not preserved";
        add(findings, "properties", detail);
    }
}

/// Whether `anyOf`, or the first of `allOf`, says "integer or string", which is the one use of types in them.
fn int_or_string_exceptions(schema: &Schema) -> (bool, bool) {
    let any_of = is_int_or_string(&schema.any_of);
    let all_of = schema
        .all_of
        .first()
        .is_some_and(|first| is_int_or_string(&first.any_of));
    (any_of, all_of)
}

fn is_int_or_string(schemas: &[Schema]) -> bool {
    match schemas {
        [first, second] => says_only(first, "integer") && says_only(second, "string"),
        _ => false,
    }
}

fn says_only(schema: &Schema, kind: &str) -> bool {
    let says_no_more = schema.format.is_empty()
        && !schema.nullable
        && schema.default.is_none()
        && schema.allowed.is_empty()
        && schema.bounds == Bounds::default()
        && schema.pattern.is_none()
        && schema.required.is_empty()
        && schema.properties.is_empty()
        && schema.items.is_none()
        && schema.described.is_empty();
    schema.kind == kind && says_no_more
}

/// What constrains values without giving them a structure.
fn values(
    schema: &Schema,
    skip_any_of: bool,
    skip_first_all_of: bool,
    path: &str,
    findings: &mut Findings,
) {
    if !skip_any_of {
        nested_each(&schema.any_of, "anyOf", path, findings);
    }
    for (index, next) in schema.all_of.iter().enumerate() {
        let skip = skip_first_all_of && index == 0;
        nested(next, skip, &format!("{path}.allOf[{index}]"), findings);
    }
    nested_each(&schema.one_of, "oneOf", path, findings);
    if let Some(not) = &schema.not {
        nested(not, false, &format!("{path}.not"), findings);
    }
    if let Some(pattern) = &schema.pattern
        && let Err(error) = &pattern.compiled
    {
        let path = format!("{path}.pattern");
        findings.add(
            &path,
            format!(
                "must be a regular expression, and is {:?}: {error}",
                pattern.text
            ),
        );
    }
}

fn nested_each(schemas: &[Schema], name: &str, path: &str, findings: &mut Findings) {
    for (index, schema) in schemas.iter().enumerate() {
        nested(schema, false, &format!("{path}.{name}[{index}]"), findings);
    }
}

/// A schema within `anyOf`, `allOf`, `oneOf` or `not`: it may constrain, and may not give structure.
fn nested(schema: &Schema, skip_any_of: bool, path: &str, findings: &mut Findings) {
    values(schema, skip_any_of, false, path, findings);
    if let Some(Items::Each(item)) = &schema.items {
        nested(item, false, &format!("{path}.items"), findings);
    }
    for (name, property) in &schema.properties {
        nested(
            property,
            false,
            &format!("{path}.properties[{name}]"),
            findings,
        );
    }
    for name in structure_given(schema) {
        findings.add(
            &format!("{path}.{name}"),
            "has no place here: the schema would not be structural",
        );
    }
}

fn structure_given(schema: &Schema) -> Vec<&'static str> {
    let mut given = schema.described.clone();
    let additional = match &schema.additional {
        Some(Additional::Allowed(allowed)) => *allowed,
        Some(Additional::Schema(_)) => true,
        None => false,
    };
    for (name, is_given) in [
        ("type", !schema.kind.is_empty()),
        ("additionalProperties", additional),
        ("default", schema.default.is_some()),
        ("nullable", schema.nullable),
        (
            "x-kubernetes-preserve-unknown-fields",
            schema.preserves_unknown(),
        ),
        ("x-kubernetes-embedded-resource", schema.embedded),
        ("x-kubernetes-int-or-string", schema.int_or_string),
        ("x-kubernetes-list-map-keys", !schema.lists.keys.is_empty()),
        ("x-kubernetes-list-type", schema.lists.kind.is_some()),
        ("x-kubernetes-map-type", schema.map_type.is_some()),
        ("x-kubernetes-validations", schema.has_rules),
        (
            "properties[metadata]",
            schema.properties.contains_key("metadata"),
        ),
    ] {
        if is_given {
            given.push(name);
        }
    }
    given
}

/// Every constraint must be of something that the structure names.
fn completeness(
    schema: &Schema,
    structure: Option<&Schema>,
    structure_path: &str,
    path: &str,
    findings: &mut Findings,
) {
    let lists = [
        ("allOf", &schema.all_of),
        ("anyOf", &schema.any_of),
        ("oneOf", &schema.one_of),
    ];
    for (name, schemas) in lists {
        for (index, next) in schemas.iter().enumerate() {
            let path = format!("{path}.{name}[{index}]");
            nested_completeness(next, structure, structure_path, &path, findings);
        }
    }
    if let Some(not) = &schema.not {
        nested_completeness(
            not,
            structure,
            structure_path,
            &format!("{path}.not"),
            findings,
        );
    }
}

fn nested_completeness(
    schema: &Schema,
    structure: Option<&Schema>,
    structure_path: &str,
    path: &str,
    findings: &mut Findings,
) {
    let Some(structure) = structure else {
        findings.add(
            structure_path,
            format!("is required, because {path} constrains it"),
        );
        return;
    };
    completeness(schema, Some(structure), structure_path, path, findings);
    if let Some(item) = schema.item() {
        let structure_path = format!("{structure_path}.items");
        let path = format!("{path}.items");
        nested_completeness(item, structure.item(), &structure_path, &path, findings);
    }
    for (name, property) in &schema.properties {
        let structure_path = format!("{structure_path}.properties[{name}]");
        let path = format!("{path}.properties[{name}]");
        let structure = structure.properties.get(name);
        nested_completeness(property, structure, &structure_path, &path, findings);
    }
}
