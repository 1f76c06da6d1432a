//! An `AdmissionRequest` of `admission.k8s.io/v1`: what Go makes of one, read and written again.

use serde_json::{Map, Value, json};

use crate::decode::{At, WrongType, join};
use crate::numbers;

const KIND: [&str; 3] = ["group", "version", "kind"];
const RESOURCE: [&str; 3] = ["group", "version", "resource"];
const USER: [&str; 4] = ["username", "uid", "groups", "extra"];

/// Every field.
const FIELDS: [&str; 15] = [
    "uid",
    "kind",
    "resource",
    "subResource",
    "requestKind",
    "requestResource",
    "requestSubResource",
    "name",
    "namespace",
    "operation",
    "userInfo",
    "object",
    "oldObject",
    "dryRun",
    "options",
];

/// A request that says nothing but its kind.
pub(super) fn empty(kind: Value) -> Map<String, Value> {
    let mut request = Map::new();
    let mut put = |name: &str, value| request.insert(name.to_owned(), value);
    put("uid", "".into());
    put("kind", kind);
    put(
        "resource",
        json!({"group": "", "version": "", "resource": ""}),
    );
    put("operation", "".into());
    put("userInfo", json!({}));
    put("object", Value::Null);
    put("oldObject", Value::Null);
    put("options", Value::Null);
    request
}

/// A Namespace as Rego sees it: Go always writes `spec` and `status`.
pub(super) fn shown_namespace(namespace: &Value) -> Value {
    let mut fields = namespace.as_object().cloned().unwrap_or_default();
    for name in ["spec", "status"] {
        fields.entry(name).or_insert_with(|| json!({}));
    }
    let mut namespace = Value::Object(fields);
    numbers::as_untyped_json(&mut namespace);
    namespace
}

/// Reads a request. What is not said is written where Go always writes it, and left out where it does not; unknown
/// fields are dropped.
pub(super) fn read(at: &At) -> Result<Map<String, Value>, WrongType> {
    let mut request = empty(read_texts(&at.field("kind")?, &KIND)?);
    let mut put = |name: &str, value| request.insert(name.to_owned(), value);
    put("uid", at.field("uid")?.text_or_empty()?.into());
    put("resource", read_texts(&at.field("resource")?, &RESOURCE)?);
    put("operation", at.field("operation")?.text_or_empty()?.into());
    put("userInfo", read_user(&at.field("userInfo")?)?);
    for (name, fields) in [("requestKind", &KIND), ("requestResource", &RESOURCE)] {
        let field = at.field(name)?;
        if field.value.is_some() {
            put(name, read_texts(&field, fields)?);
        }
    }
    for name in ["subResource", "requestSubResource", "name", "namespace"] {
        let text = at.field(name)?.text_or_empty()?;
        if !text.is_empty() {
            put(name, text.into());
        }
    }
    if let Some(dry_run) = at.field("dryRun")?.boolean()? {
        put("dryRun", dry_run.into());
    }
    for name in ["object", "oldObject", "options"] {
        put(name, at.field(name)?.value.cloned().unwrap_or_default());
    }
    Ok(request)
}

/// The fields of a request that Go does not know.
pub(super) fn unknown_in_request(at: &At) -> Result<Vec<String>, WrongType> {
    let mut unknown = unknown_fields(at, &FIELDS)?;
    for (name, known) in [
        ("kind", KIND.as_slice()),
        ("resource", RESOURCE.as_slice()),
        ("requestKind", KIND.as_slice()),
        ("requestResource", RESOURCE.as_slice()),
        ("userInfo", USER.as_slice()),
    ] {
        unknown.extend(unknown_fields(&at.field(name)?, known)?);
    }
    Ok(unknown)
}

pub(super) fn unknown_fields(at: &At, known: &[&str]) -> Result<Vec<String>, WrongType> {
    let names = at.fields()?.into_iter().flatten().map(|(name, _)| name);
    let unknown = names.filter(|name| !known.contains(&name.as_str()));
    Ok(unknown.map(|name| join(&at.path, name)).collect())
}

/// Go's sentence about unknown fields.
pub(super) fn strict_error(unknown: &[String]) -> String {
    let mut named: Vec<String> = unknown
        .iter()
        .map(|path| format!("unknown field \"{path}\""))
        .collect();
    named.sort();
    format!("strict decoding error: {}", named.join(", "))
}

/// An object of texts that are always written.
fn read_texts(at: &At, names: &[&str]) -> Result<Value, WrongType> {
    let mut fields = Map::new();
    for name in names {
        let text = at.field(name)?.text_or_empty()?;
        fields.insert((*name).to_owned(), text.into());
    }
    Ok(Value::Object(fields))
}

/// Who asks; what is empty is left out.
fn read_user(at: &At) -> Result<Value, WrongType> {
    let mut user = Map::new();
    for name in ["username", "uid"] {
        let text = at.field(name)?.text_or_empty()?;
        if !text.is_empty() {
            user.insert(name.to_owned(), text.into());
        }
    }
    let groups = at.field("groups")?.texts()?;
    if !groups.is_empty() {
        user.insert("groups".to_owned(), groups.into());
    }
    let mut extra = Map::new();
    for (key, values) in at.field("extra")?.entries()? {
        // A list that is not there is null to Go, and written so.
        let texts = match values.value {
            Some(_) => values.texts()?.into(),
            None => Value::Null,
        };
        extra.insert(key.to_owned(), texts);
    }
    if !extra.is_empty() {
        user.insert("extra".to_owned(), Value::Object(extra));
    }
    Ok(Value::Object(user))
}
