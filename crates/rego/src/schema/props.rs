//! A schema as it is written: `JSONSchemaProps` of `apiextensions.k8s.io/v1`.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::decode::{At, WrongType};
use crate::numbers;
use crate::pattern;

/// A schema of one value, and of what is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    /// No text where any type will do.
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
    pub(crate) allowed: Vec<Value>,
    pub(crate) bounds: Bounds,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) required: Vec<String>,
    pub(crate) properties: BTreeMap<String, Self>,
    pub(crate) additional: Option<Additional>,
    pub(crate) items: Option<Items>,
    pub(crate) all_of: Vec<Self>,
    pub(crate) any_of: Vec<Self>,
    pub(crate) one_of: Vec<Self>,
    pub(crate) not: Option<Box<Self>>,
    pub(crate) preserve_unknown: Option<bool>,
    pub(crate) embedded: bool,
    pub(crate) int_or_string: bool,
    pub(crate) lists: Lists,
    pub(crate) map_type: Option<String>,
    pub(crate) unique_items: bool,
    /// Whether there is a title or a description, which have no place within `anyOf` and its like.
    pub(crate) described: Vec<&'static str>,
    pub(crate) has_rules: bool,
    /// Fields of JSON schema that a CustomResourceDefinition may not have.
    pub(crate) unsupported: Vec<&'static str>,
}

/// The numbers that values are held to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_maximum: bool,
    pub(crate) minimum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) max_length: Option<i64>,
    pub(crate) min_length: Option<i64>,
    pub(crate) max_items: Option<i64>,
    pub(crate) min_items: Option<i64>,
    pub(crate) max_properties: Option<i64>,
    pub(crate) min_properties: Option<i64>,
}

/// `pattern`, compiled where it can be.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    pub(crate) compiled: Result<Regex, String>,
}

/// `additionalProperties`.
#[derive(Debug, Clone)]
pub(crate) enum Additional {
    Allowed(bool),
    Schema(Box<Schema>),
}

/// `items`.
#[derive(Debug, Clone)]
pub(crate) enum Items {
    Each(Box<Schema>),
    /// One schema a place, which is read and refused.
    Places,
}

/// What tells how lists are merged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    pub(crate) kind: Option<String>,
    pub(crate) keys: Vec<String>,
}

impl Schema {
    /// Reads a schema as Go does: fields in any letter case, and those that it does not know are passed over.
    pub(crate) fn read(at: &At) -> Result<Self, WrongType> {
        Ok(Self {
            kind: at.any_case("type")?.text_or_empty()?.to_owned(),
            format: at.any_case("format")?.text_or_empty()?.to_owned(),
            nullable: flag(at, "nullable")?,
            default: at.any_case("default")?.value.map(object),
            allowed: read_allowed(&at.any_case("enum")?)?,
            bounds: Bounds::read(at)?,
            pattern: read_pattern(&at.any_case("pattern")?)?,
            required: at.any_case("required")?.texts()?,
            properties: read_properties(&at.any_case("properties")?)?,
            additional: read_additional(&at.any_case("additionalProperties")?)?,
            items: read_items(&at.any_case("items")?)?,
            all_of: read_list(&at.any_case("allOf")?)?,
            any_of: read_list(&at.any_case("anyOf")?)?,
            one_of: read_list(&at.any_case("oneOf")?)?,
            not: read_not(&at.any_case("not")?)?,
            preserve_unknown: at
                .any_case("x-kubernetes-preserve-unknown-fields")?
                .boolean()?,
            embedded: flag(at, "x-kubernetes-embedded-resource")?,
            int_or_string: flag(at, "x-kubernetes-int-or-string")?,
            lists: Lists {
                kind: owned(&at.any_case("x-kubernetes-list-type")?)?,
                keys: at.any_case("x-kubernetes-list-map-keys")?.texts()?,
            },
            map_type: owned(&at.any_case("x-kubernetes-map-type")?)?,
            unique_items: flag(at, "uniqueItems")?,
            described: described(at)?,
            has_rules: !at.any_case("x-kubernetes-validations")?.items()?.is_empty(),
            unsupported: unsupported(at)?,
        })
    }

    /// The types that a value may have; any if there are none.
    pub(crate) fn types(&self) -> &[&str] {
        if self.int_or_string {
            return &["integer", "string"];
        }
        match self.kind.as_str() {
            "string" => &["string"],
            "number" => &["number"],
            "integer" => &["integer"],
            "boolean" => &["boolean"],
            "array" => &["array"],
            "object" => &["object"],
            _ => &[],
        }
    }

    pub(crate) fn preserves_unknown(&self) -> bool {
        self.preserve_unknown == Some(true)
    }

    /// What each item of a list is held to.
    pub(crate) fn item(&self) -> Option<&Self> {
        match &self.items {
            Some(Items::Each(schema)) => Some(schema),
            Some(Items::Places) | None => None,
        }
    }

    /// What a property is held to that is not among [`Schema::properties`].
    pub(crate) fn additional_schema(&self) -> Option<&Self> {
        match &self.additional {
            Some(Additional::Schema(schema)) => Some(schema),
            Some(Additional::Allowed(_)) | None => None,
        }
    }
}

impl Bounds {
    fn read(at: &At) -> Result<Self, WrongType> {
        let number = |name| at.any_case(name)?.number();
        let integer = |name| at.any_case(name)?.integer();
        Ok(Self {
            maximum: number("maximum")?,
            exclusive_maximum: flag(at, "exclusiveMaximum")?,
            minimum: number("minimum")?,
            exclusive_minimum: flag(at, "exclusiveMinimum")?,
            multiple_of: number("multipleOf")?,
            max_length: integer("maxLength")?,
            min_length: integer("minLength")?,
            max_items: integer("maxItems")?,
            min_items: integer("minItems")?,
            max_properties: integer("maxProperties")?,
            min_properties: integer("minProperties")?,
        })
    }
}

fn flag(at: &At, name: &str) -> Result<bool, WrongType> {
    Ok(at.any_case(name)?.boolean()?.unwrap_or_default())
}

fn owned(at: &At) -> Result<Option<String>, WrongType> {
    Ok(at.text()?.map(str::to_owned))
}

fn read_allowed(at: &At) -> Result<Vec<Value>, WrongType> {
    let items = at.items()?;
    Ok(items
        .into_iter()
        .map(|item| item.value.map(object).unwrap_or_default())
        .collect())
}

/// A value of a schema, with the numbers that Go reads of it.
fn object(value: &Value) -> Value {
    let mut value = value.clone();
    numbers::as_object(&mut value);
    value
}

fn read_pattern(at: &At) -> Result<Option<Pattern>, WrongType> {
    let text = at.text()?.filter(|text| !text.is_empty());
    Ok(text.map(|text| Pattern {
        text: text.to_owned(),
        compiled: pattern::compile(text).map_err(|error| error.to_string()),
    }))
}

fn read_properties(at: &At) -> Result<BTreeMap<String, Schema>, WrongType> {
    at.entries()?
        .into_iter()
        .map(|(key, at)| Ok((key.to_owned(), Schema::read(&at)?)))
        .collect()
}

fn read_additional(at: &At) -> Result<Option<Additional>, WrongType> {
    match at.value {
        None => Ok(None),
        Some(Value::Bool(allowed)) => Ok(Some(Additional::Allowed(*allowed))),
        Some(Value::Object(_)) => Ok(Some(Additional::Schema(Box::new(Schema::read(at)?)))),
        Some(_) => Err(at.wrong("true, false or a schema")),
    }
}

/// Go takes what is neither an object nor a list for nothing.
fn read_items(at: &At) -> Result<Option<Items>, WrongType> {
    match at.value {
        Some(Value::Object(_)) => Ok(Some(Items::Each(Box::new(Schema::read(at)?)))),
        Some(Value::Array(places)) if !places.is_empty() => Ok(Some(Items::Places)),
        _ => Ok(None),
    }
}

fn read_list(at: &At) -> Result<Vec<Schema>, WrongType> {
    at.items()?.iter().map(Schema::read).collect()
}

fn read_not(at: &At) -> Result<Option<Box<Schema>>, WrongType> {
    match at.value {
        None => Ok(None),
        Some(_) => Ok(Some(Box::new(Schema::read(at)?))),
    }
}

fn described(at: &At) -> Result<Vec<&'static str>, WrongType> {
    let mut described = Vec::new();
    for name in ["title", "description"] {
        if !at.any_case(name)?.text_or_empty()?.is_empty() {
            described.push(name);
        }
    }
    Ok(described)
}

fn unsupported(at: &At) -> Result<Vec<&'static str>, WrongType> {
    let mut unsupported = Vec::new();
    for (name, shown) in [("id", "id"), ("$schema", "schema"), ("$ref", "$ref")] {
        if !at.any_case(name)?.text_or_empty()?.is_empty() {
            unsupported.push(shown);
        }
    }
    for name in ["patternProperties", "dependencies", "definitions"] {
        if !at.any_case(name)?.entries()?.is_empty() {
            unsupported.push(name);
        }
    }
    if read_additional(&at.any_case("additionalItems")?)?.is_some() {
        unsupported.push("additionalItems");
    }
    Ok(unsupported)
}
