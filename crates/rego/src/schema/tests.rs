//! What holds by a schema, what a schema may say, defaults, and unknown fields.

mod written;

use serde_json::{Value, json};

use super::props::Schema;
use super::{formats, unknown};
use crate::decode::At;

fn schema(written: &Value) -> Schema {
    Schema::read(&At::root(written)).unwrap()
}

/// Each row: a schema, values that hold by it, and values that do not with a part of the message.
fn check(written: Value, good: &[Value], bad: &[(Value, &str)]) {
    let schema = schema(&written);
    for value in good {
        assert_eq!(schema.check(value, "p"), Ok(()), "{written} {value}");
    }
    for (value, message) in bad {
        let problems = schema
            .check(value, "p")
            .expect_err(&format!("{written} {value}"));
        assert!(
            problems.to_string().contains(message),
            "{written} {value}: {problems}"
        );
    }
}

#[test]
fn types_are_those_of_json() {
    let values = || {
        vec![
            json!("x"),
            json!(1),
            json!(1.5),
            json!(true),
            json!([]),
            json!({}),
        ]
    };
    for (kind, good) in [
        ("string", vec![0]),
        ("integer", vec![1]),
        ("number", vec![1, 2]),
        ("boolean", vec![3]),
        ("array", vec![4]),
        ("object", vec![5]),
    ] {
        let schema = schema(&json!({"type": kind}));
        for (index, value) in values().into_iter().enumerate() {
            assert_eq!(
                schema.check(&value, "").is_ok(),
                good.contains(&index),
                "{kind} {value}"
            );
        }
        let error = schema.check(&Value::Null, "p").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("p: must be of type {kind}, and is null")
        );
    }
    check(json!({}), &values(), &[]);
    check(json!({}), &[Value::Null], &[]);
    check(
        json!({"type": "string", "nullable": true}),
        &[Value::Null, json!("")],
        &[(json!(1), "of type string")],
    );
    check(
        json!({"type": "integer"}),
        &[json!(1.0)],
        &[(json!(9_007_199_254_740_993_i64), "of type integer")],
    );
    check(
        json!({"x-kubernetes-int-or-string": true}),
        &[json!(1), json!("x")],
        &[
            (json!(1.5), "of type integer or string"),
            (json!([]), "of type integer or string"),
        ],
    );
}

#[test]
fn texts_are_held_to_length_pattern_and_format() {
    check(
        json!({"type": "string", "minLength": 2, "maxLength": 3}),
        &[json!("äö"), json!("äöü")],
        &[
            (json!("ä"), "at least 2 characters long"),
            (json!("abcd"), "at most 3 characters long"),
        ],
    );
    check(
        json!({"type": "string", "pattern": "b"}),
        &[json!("abc")],
        &[(json!("ac"), "p: must match \"b\", and is \"ac\"")],
    );
    check(
        json!({"type": "string", "format": "ipv4"}),
        &[
            json!("10.0.0.1"),
            json!("010.0.0.1"),
            json!(["a list passes in kube-openapi"]),
        ],
        &[
            (json!("x"), "must be of format ipv4"),
            (json!(1), "must be of type string"),
        ],
    );
    check(
        json!({"type": "string", "format": "unheard-of"}),
        &[json!("x")],
        &[(json!([]), "of type string")],
    );
    check(
        json!({"type": "integer", "format": "ipv4"}),
        &[json!(1)],
        &[],
    );
}

#[test]
fn formats_are_those_of_an_api_server() {
    assert_eq!(formats::bad_patterns(), Vec::<&str>::new());
    for (format, good, bad) in [
        ("ipv6", "fe80::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
        ("cidr", "fe80::/64", "10.0.0.0"),
        ("mac", "00:1a:2b:3c:4d:5e", "00:1a"),
        ("byte", "aGk=", "aGk"),
        ("date", "2026-11-22", "2026-13-01"),
        ("date-time", "2026-11-22T10:00:00Z", "2026-11-22"),
        ("duration", "1h30m", "soon"),
        ("email", "kim@example.com", "kim"),
        ("hexcolor", "#fff", "#ggg"),
        ("hostname", "a.example.com", "a_b"),
        ("uri", "https://example.com/a", "example"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        (
            "uuid4",
            "123e4567-e89b-42d3-a456-426614174000",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
        ("k8s-short-name", "a-b", "a.b"),
        ("k8s-long-name", "a.b", "A"),
    ] {
        let written = json!({"type": "string", "format": format});
        check(
            written,
            &[json!(good)],
            &[(json!(bad), "must be of format")],
        );
    }
}

#[test]
fn numbers_are_held_to_bounds() {
    check(
        json!({"type": "number", "minimum": 1, "maximum": 2}),
        &[json!(1), json!(1.5), json!(2)],
        &[(json!(0.9), "at least 1"), (json!(2.1), "at most 2")],
    );
    check(
        json!({"type": "number", "minimum": 1, "maximum": 2, "exclusiveMinimum": true, "exclusiveMaximum": true}),
        &[json!(1.5)],
        &[(json!(1), "more than 1"), (json!(2), "less than 2")],
    );
    check(
        json!({"type": "number", "multipleOf": 0.1}),
        &[json!(0.3), json!(7)],
        &[(json!(0.25), "a multiple of 0.1")],
    );
    check(
        json!({"type": "integer", "multipleOf": 0}),
        &[],
        &[(json!(1), "multipleOf must be positive")],
    );
    check(
        json!({"type": "integer", "multipleOf": 3}),
        &[json!(9)],
        &[(json!(10), "a multiple of 3")],
    );
    check(
        json!({"type": "integer", "format": "int32"}),
        &[json!(2_147_483_647)],
        &[(json!(2_147_483_648_i64), "an integer of 32 bits")],
    );
    check(
        json!({"type": "number", "format": "float"}),
        &[json!(1e38)],
        &[(json!(1e39), "a float of 32 bits")],
    );
    // A bound that its type has no room for fails every value.
    check(
        json!({"type": "integer", "maximum": 1.5}),
        &[],
        &[(json!(1), "the schema's maximum must be an integer")],
    );
}

#[test]
fn lists_and_objects_are_held_to_size_and_to_what_is_in_them() {
    check(
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}),
        &[json!([1]), json!([1, 2])],
        &[
            (json!([]), "at least 1 items"),
            (json!([1, 2, 3]), "at most 2 items"),
            (json!([1, "x"]), "p[1]: must be of type"),
        ],
    );
    check(
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "maxProperties": 2}),
        &[json!({"a": "x"}), json!({"a": "x", "b": 1})],
        &[
            (json!({}), "p.a: is required"),
            (json!({"a": 1}), "p.a: must be of type string, and is 1"),
            (
                json!({"a": null}),
                "p.a: must be of type string, and is null",
            ),
            (json!({"a": "x", "b": 1, "c": 1}), "at most 2 properties"),
        ],
    );
    check(
        json!({"type": "object", "minProperties": 1}),
        &[],
        &[(json!({}), "at least 1 properties")],
    );
    check(
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        &[json!({}), json!({"x": 1})],
        &[(json!({"x": "y"}), "p.x: must be of type integer")],
    );
    check(
        json!({"type": "object", "additionalProperties": false}),
        &[json!({})],
        &[(json!({"x": 1}), "p.x: is forbidden")],
    );
    check(
        json!({"type": "object", "additionalProperties": true}),
        &[json!({"x": 1})],
        &[],
    );
}

#[test]
fn enums_compare_as_go_converts() {
    check(
        json!({"type": "string", "enum": ["a", "b"]}),
        &[json!("a")],
        &[(json!("c"), "p: must be one of \"a\", \"b\", and is \"c\"")],
    );
    check(
        json!({"type": "string", "nullable": true, "enum": ["a", null]}),
        &[],
        &[(Value::Null, "must be one of")],
    );
    check(
        json!({"enum": [1, 2.5, true]}),
        &[json!(1), json!(1.0), json!(1.9), json!(2.5), json!(true)],
        &[(json!(2), "one of")],
    );
    check(
        json!({"enum": [[1], {"a": "b"}]}),
        &[json!({"a": "b"})],
        &[(json!([1]), "one of")],
    );
}

#[test]
fn alternatives_are_counted() {
    let (short, number) = (json!({"maxLength": 2}), json!({"minLength": 2}));
    check(
        json!({"anyOf": [short, {"pattern": "x"}]}),
        &[json!("ab"), json!("abx")],
        &[(json!("abc"), "one schema of anyOf")],
    );
    check(
        json!({"oneOf": [short, number]}),
        &[json!("a"), json!("abc")],
        &[(json!("ab"), "exactly one schema of oneOf, and holds by 2")],
    );
    check(
        json!({"allOf": [short, number]}),
        &[json!("ab")],
        &[(json!("a"), "at least 2"), (json!("abc"), "at most 2")],
    );
    check(
        json!({"not": short}),
        &[json!("abc")],
        &[(json!("a"), "must not hold")],
    );
}

#[test]
fn defaults_fill_what_is_missing_within_what_is_there() {
    let written = json!({
        "type": "object",
        "properties": {
            "a": {"type": "string", "default": "x"},
            "n": {"type": "string", "nullable": true, "default": "y"},
            "deep": {"type": "object", "properties": {"b": {"type": "integer", "default": 1}}},
            "made": {"type": "object", "default": {}, "properties": {"c": {"type": "integer", "default": 2}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"d": {"type": "integer", "default": 3}}}},
        },
        "additionalProperties": {"type": "object", "default": {"f": 5}, "properties": {"e": {"type": "integer", "default": 4}}},
    });
    let schema = schema(&written);
    for (value, expected) in [
        (json!({}), json!({"a": "x", "n": "y", "made": {"c": 2}})),
        (
            json!({"a": null, "n": null, "deep": {}, "made": {"c": 9}, "list": [{}, null], "other": {}, "none": null}),
            json!({"a": "x", "n": null, "deep": {"b": 1}, "made": {"c": 9}, "list": [{"d": 3}, null],
                "other": {"e": 4}, "none": {"f": 5, "e": 4}}),
        ),
        (json!("no object"), json!("no object")),
    ] {
        let mut filled = value.clone();
        schema.apply_defaults(&mut filled);
        assert_eq!(filled, expected, "{value}");
    }
}

#[test]
fn unknown_fields_are_found_at_every_depth() {
    let written = json!({
        "type": "object",
        "properties": {
            "known": {"type": "object", "properties": {"a": {"type": "string"}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "any": {"type": "object", "additionalProperties": true},
            "free": {"x-kubernetes-preserve-unknown-fields": true,
                "properties": {"strict": {"type": "object", "properties": {"a": {"type": "string"}}}},
                "items": {"type": "object", "properties": {"strict": {"type": "object"}}}},
            "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}},
        },
    });
    let schema = schema(&written);
    for (value, expected) in [
        (
            json!({"known": {"a": "x"}, "list": [{"a": "x"}], "map": {"k": {"a": "x"}}}),
            vec![],
        ),
        (json!({"b": 1, "a": 1}), vec!["a", "b"]),
        (json!({"known": {"b": 1}}), vec!["known.b"]),
        (json!({"list": [{"a": "x"}, {"b": 1}]}), vec!["list[1].b"]),
        (json!({"map": {"k": {"b": 1}}}), vec!["map.k.b"]),
        (json!({"any": {"k": 1}}), vec![]),
        (json!({"any": {"k": {"b": 1}}}), vec!["any.k.b"]),
        (json!({"free": {"x": {"y": 1}}}), vec![]),
        (json!({"free": {"strict": {"b": 1}}}), vec!["free.strict.b"]),
        (
            json!({"free": [{"x": 1, "strict": {"b": 1}}]}),
            vec!["free[0].strict.b"],
        ),
        (
            json!({"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "x": 1}}),
            vec!["pod.x"],
        ),
        (json!({"metadata": {}}), vec!["metadata"]),
    ] {
        assert_eq!(
            unknown::fields_of_value(&schema, &value),
            expected,
            "{value}"
        );
    }
    let resource = json!({"apiVersion": "v1", "kind": "X", "metadata": {"x": 1}, "other": 1});
    assert_eq!(unknown::fields_of_resource(&schema, &resource), ["other"]);
}
