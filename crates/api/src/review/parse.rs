//! From bytes to a request that can be decided.
//!
//! A framework's JSON extractor would answer a body that it cannot read with a bare 4xx, and the
//! API server would then let the failure policy decide. So the bytes are parsed here, and as long
//! as a uid can be read, whatever is wrong becomes an answer with words.

use std::fmt;
use std::marker::PhantomData;

use basphere_core::{Code, Finding, Kind, Operation, Part, Phase, Request, Requester, Subject};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use thiserror::Error;

use super::fields::{Wrong, constant, malformed, missing, mistyped, optional_text, required_text};
use super::{API_VERSION, KIND};

/// One review, parsed.
#[derive(Clone, Debug)]
pub struct Review {
    /// What the answer must carry.
    pub uid: String,
    /// What is to be decided.
    pub request: Request,
}

/// Why a body is no review that can be decided.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{finding}")]
pub struct Malformed {
    /// The review's uid, if it could be read.
    pub uid: Option<String>,
    /// What is wrong, and where in the review.
    pub finding: Box<Finding>,
}

/// Reads the body of a call to the webhook of `phase`.
///
/// # Errors
/// When the body is no AdmissionReview of version v1, is incomplete, or is about a kind that is no subject.
pub fn parse(phase: Phase, body: &[u8]) -> Result<Review, Malformed> {
    let Object(envelope) =
        serde_json::from_slice::<Object<Envelope>>(body).map_err(|error| Malformed {
            uid: uid_at_least(body),
            finding: malformed(
                "",
                &Value::Null,
                format!("the body cannot be read: {error}"),
            ),
        })?;
    let uid = envelope
        .request
        .as_ref()
        .and_then(|Object(request)| uid_of(&request.uid));
    read(phase, envelope).map_err(|finding| Malformed { uid, finding })
}

/// Only the fields that a decision depends on; the rest is skipped without being kept. Every field
/// is a [`Value`], so that a wrong type is reported by its path and not by its position.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(default)]
    api_version: Value,
    #[serde(default)]
    kind: Value,
    #[serde(default)]
    request: Option<Object<Fields>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    uid: Value,
    kind: Value,
    resource: Value,
    sub_resource: Value,
    name: Value,
    namespace: Value,
    operation: Value,
    user_info: Value,
    object: Value,
    old_object: Value,
    dry_run: Value,
}

/// Something that only an object is read as: serde would take a list as well, for the fields in the
/// order of their declaration.
struct Object<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfFields(PhantomData))
    }
}

struct OfFields<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for OfFields<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The uid of a body that cannot be read as a whole: skipped fields may nest as deeply as they like.
pub(super) fn uid_at_least(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Envelope {
        request: Object<Fields>,
    }
    #[derive(Deserialize)]
    struct Fields {
        uid: Value,
    }
    let Object(envelope) = serde_json::from_slice::<Object<Envelope>>(body).ok()?;
    uid_of(&envelope.request.0.uid)
}

pub(super) fn uid_of(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|uid| !uid.is_empty())
        .map(str::to_owned)
}

fn read(phase: Phase, envelope: Envelope) -> Result<Review, Wrong> {
    constant(&envelope.api_version, "apiVersion", API_VERSION)?;
    constant(&envelope.kind, "kind", KIND)?;
    let Object(fields) = envelope.request.ok_or_else(|| missing("request"))?;
    let uid = required_text(&fields.uid, "request.uid")?;
    let (subject, part) = subject(&fields)?;
    let operation = operation(&fields.operation)?;
    let namespace = namespace(&fields.namespace, subject)?;
    let name = optional_text(&fields.name, "request.name")?;
    if operation != Operation::Delete {
        for (object, path) in [
            (&fields.object, "request.object"),
            (&fields.old_object, "request.oldObject"),
        ] {
            is_the_subject(object, path, &fields.kind)?;
            agrees(object, path, "name", &name)?;
            agrees(object, path, "namespace", &namespace)?;
        }
    }
    let request = Request {
        phase,
        operation,
        subject,
        part,
        namespace,
        name,
        requester: requester(&fields.user_info)?,
        dry_run: dry_run(&fields.dry_run)?,
        object: object(
            fields.object,
            "request.object",
            matches!(operation, Operation::Create | Operation::Update),
        )?,
        old_object: object(
            fields.old_object,
            "request.oldObject",
            matches!(operation, Operation::Update | Operation::Delete),
        )?,
    };
    Ok(Review { uid, request })
}

fn subject(fields: &Fields) -> Result<(Subject, Part), Wrong> {
    let sub_resource = optional_text(&fields.sub_resource, "request.subResource")?;
    match sub_resource.as_str() {
        "" => {}
        "scale" => return Ok((scaled(&fields.resource)?, Part::Scale)),
        other => {
            let what = format!("the subresource {other:?} is none that Basphere judges");
            return Err(not_a_subject("request.subResource", what));
        }
    }
    let [group, version, kind] = three(&fields.kind, "request.kind", "kind")?;
    let subject = Subject::parse(&group, &version, &kind).ok_or_else(|| {
        let what = format!("{kind} of {group}/{version} is no kind that Basphere judges");
        not_a_subject("request.kind", what)
    })?;
    Ok((subject, Part::Whole))
}

/// The kind that a Scale belongs to: the request's own kind is that of the Scale itself.
fn scaled(resource: &Value) -> Result<Subject, Wrong> {
    const KINDS: [Kind; 4] = [
        Kind::KubeadmControlPlane,
        Kind::MachineDeployment,
        Kind::MachinePool,
        Kind::MachineSet,
    ];
    let [group, version, plural] = three(resource, "request.resource", "resource")?;
    KINDS
        .into_iter()
        .find(|kind| kind.group() == group && kind.plural() == plural)
        .and_then(|kind| Subject::parse(&group, &version, kind.as_str()))
        .ok_or_else(|| {
            let what = format!("{plural}/scale of {group}/{version} is none that Basphere judges");
            not_a_subject("request.resource", what)
        })
}

/// Group, version and what the last field is called.
fn three(value: &Value, path: &str, last: &str) -> Result<[String; 3], Wrong> {
    if !value.is_object() {
        return Err(mistyped(path, value, "an object"));
    }
    let part = |name: &str| match value.get(name) {
        Some(value) => required_text(value, &format!("{path}.{name}")),
        None => Err(missing(format!("{path}.{name}"))),
    };
    Ok([part("group")?, part("version")?, part(last)?])
}

fn not_a_subject(path: &str, what: String) -> Wrong {
    let finding = Finding::new(Code::RequestNotASubject, path, Value::Null, what);
    Box::new(finding.hint("the webhook configuration's rules should not send it here"))
}

fn operation(value: &Value) -> Result<Operation, Wrong> {
    let text = required_text(value, "request.operation")?;
    match text.as_str() {
        "CREATE" => Ok(Operation::Create),
        "UPDATE" => Ok(Operation::Update),
        "DELETE" => Ok(Operation::Delete),
        _ => {
            let message = "is no operation that Basphere judges; CREATE, UPDATE and DELETE are";
            Err(malformed("request.operation", value, message.to_owned()))
        }
    }
}

fn namespace(value: &Value, subject: Subject) -> Result<String, Wrong> {
    let namespace = optional_text(value, "request.namespace")?;
    if subject.kind.is_namespaced() && namespace.is_empty() {
        return Err(missing("request.namespace"));
    }
    Ok(namespace)
}

fn requester(value: &Value) -> Result<Requester, Wrong> {
    const PATH: &str = "request.userInfo";
    if value.is_null() {
        return Err(missing(PATH));
    }
    let Some(fields) = value.as_object() else {
        return Err(mistyped(PATH, value, "an object"));
    };
    let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
    let groups = match field("groups") {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(group).collect::<Result<_, _>>()?,
        other => {
            return Err(mistyped(
                "request.userInfo.groups",
                other,
                "an array of strings",
            ));
        }
    };
    Ok(Requester {
        username: required_text(field("username"), "request.userInfo.username")?,
        groups,
    })
}

fn group(value: &Value) -> Result<String, Wrong> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| mistyped("request.userInfo.groups", value, "an array of strings"))
}

fn dry_run(value: &Value) -> Result<bool, Wrong> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(dry_run) => Ok(*dry_run),
        other => Err(mistyped("request.dryRun", other, "true or false")),
    }
}

/// The API server converts objects to the kind that it names. One of another kind would be judged by
/// fields that it does not have, and pass.
fn is_the_subject(object: &Value, path: &str, kind: &Value) -> Result<(), Wrong> {
    let part = |name: &str| kind.get(name).and_then(Value::as_str).unwrap_or_default();
    let api_version = format!("{}/{}", part("group"), part("version"));
    for (field, expected) in [("apiVersion", api_version.as_str()), ("kind", part("kind"))] {
        let path = format!("{path}.{field}");
        match object.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(written)) if written == expected => {}
            Some(value @ Value::String(_)) => {
                let message = format!("request.kind says {expected:?}");
                return Err(malformed(&path, value, message));
            }
            Some(other) => return Err(mistyped(&path, other, "a string")),
        }
    }
    Ok(())
}

/// Whatever an object's own name and namespace are, decisions go by the request's. While a name is
/// generated, one of the two is empty.
fn agrees(object: &Value, path: &str, field: &str, of_request: &str) -> Result<(), Wrong> {
    let written = object
        .get("metadata")
        .and_then(|metadata| metadata.get(field));
    match written {
        Some(value @ Value::String(text))
            if !text.is_empty() && !of_request.is_empty() && text != of_request =>
        {
            let message = format!("request.{field} says {of_request:?}");
            Err(malformed(
                &format!("{path}.metadata.{field}"),
                value,
                message,
            ))
        }
        _ => Ok(()),
    }
}

/// An object without its managedFields: they are often the larger half of it, no decision depends
/// on them, and nobody shall have to copy and compare them.
fn object(mut value: Value, path: &str, required: bool) -> Result<Option<Value>, Wrong> {
    match &mut value {
        Value::Object(fields) => {
            if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                metadata.shift_remove("managedFields");
            }
            Ok(Some(value))
        }
        Value::Null if required => Err(missing(path)),
        Value::Null => Ok(None),
        other => Err(mistyped(path, other, "an object")),
    }
}
