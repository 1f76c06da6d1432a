//! Manifests and other structured texts: whatever a key calls an image, however deep it stands.

use serde_json::{Map, Value};

use super::commands::{self, Trace};
use super::encoding;
use super::sighting::{Says, Sightings, What, says};
use super::text;
use crate::json::{field_path, text_at, token};

/// Documents within documents: a ConfigMap that holds a manifest that holds a script.
pub(super) const DEEPEST: usize = 4;

/// Lists of commands that cloud-init runs.
const COMMANDS: [&str; 2] = ["runcmd", "bootcmd"];
/// Where kubelet takes static pods from, when it takes them from elsewhere.
const STATIC_PODS: [&str; 2] = ["staticPodURL", "manifest-url"];

/// Walks through a document; texts in it that have lines of their own are read as documents too.
pub(super) struct Walk<'a> {
    pub(super) seen: &'a mut Sightings,
    /// The text that the document was read from, for line numbers.
    pub(super) text: &'a str,
    /// What the place of everything begins with.
    pub(super) place: &'a str,
    /// So many documents may still be within this one.
    pub(super) depth: usize,
}

impl Walk<'_> {
    /// Looks at a value and all below it.
    pub(super) fn value(&mut self, pointer: &str, value: &Value) {
        if self.seen.has_more() {
            return;
        }
        match value {
            Value::Object(fields) => self.object(pointer, fields, value),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{pointer}/{index}"), item);
                }
            }
            Value::String(text) if is_document(text) => self.nested(pointer, text),
            _ => {}
        }
    }

    fn object(&mut self, pointer: &str, fields: &Map<String, Value>, value: &Value) {
        self.pair(pointer, value);
        let is_secret = text_at(value, "/kind") == Some("Secret");
        for (key, field) in fields {
            let here = format!("{pointer}/{}", token(key));
            if is_composed(fields) && key == "registry" {
                continue;
            }
            if is_secret && key == "data" {
                self.secret(&here, field);
            } else {
                self.field(&here, key, field);
            }
        }
        if is_composed(fields) {
            self.composed(pointer, fields);
        }
    }

    fn field(&mut self, pointer: &str, key: &str, field: &Value) {
        match (field, says(key)) {
            (Value::String(text), _) if STATIC_PODS.contains(&key) => {
                self.see(pointer, text, What::Source(text.clone()));
            }
            (Value::String(text), Some(says)) if !is_document(text) => {
                self.named(pointer, text, says);
            }
            (Value::Object(fields), Some(Says::Image)) if !is_composed(fields) => {
                self.reference(pointer, fields);
                self.value(pointer, field);
            }
            (Value::Array(items), _) if COMMANDS.contains(&key) => self.commands(pointer, items),
            (Value::Array(items), _) if key == "images" => {
                for (index, item) in items.iter().enumerate() {
                    let here = format!("{pointer}/{index}");
                    match item {
                        Value::String(image) => self.named(&here, image, Says::PerhapsImage),
                        other => self.value(&here, other),
                    }
                }
            }
            _ => self.value(pointer, field),
        }
    }

    /// Variables, arguments and operations on fields name in one field what stands in another.
    fn pair(&mut self, pointer: &str, value: &Value) {
        let key = match text_at(value, "/op") {
            Some(_) => text_at(value, "/path").and_then(|path| path.rsplit('/').next()),
            None => text_at(value, "/name"),
        };
        let Some(key) = key else {
            return;
        };
        match value.get("value") {
            Some(Value::String(text)) if STATIC_PODS.contains(&key) => {
                self.see(
                    &format!("{pointer}/value"),
                    text,
                    What::Source(text.clone()),
                );
            }
            Some(Value::String(text)) => {
                if let Some(says) = says(key) {
                    self.named(&format!("{pointer}/value"), text, says);
                }
            }
            Some(Value::Object(fields)) if says(key) == Some(Says::Image) => {
                self.reference(&format!("{pointer}/value"), fields);
            }
            _ => {}
        }
    }

    /// An image of which an object tells the parts that are not those of a chart: `image.reference` of a volume.
    fn reference(&mut self, pointer: &str, fields: &Map<String, Value>) {
        for key in ["reference", "name", "repository"] {
            if let Some(Value::String(text)) = fields.get(key) {
                self.named(&format!("{pointer}/{key}"), text, Says::Image);
                return;
            }
        }
    }

    /// Charts have an image's registry, repository, tag and digest apart.
    fn composed(&mut self, pointer: &str, fields: &Map<String, Value>) {
        let part = |key: &str| {
            let text = fields.get(key).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let Some(repository) = part("repository") else {
            return;
        };
        let mut image = match part("registry") {
            Some(registry) => format!("{}/{repository}", registry.trim_end_matches('/')),
            None => repository.to_owned(),
        };
        if let Some(tag) = part("tag") {
            image.push_str(&format!(":{tag}"));
        }
        if let Some(digest) = part("digest") {
            image.push_str(&format!("@{digest}"));
        }
        let place = format!("{pointer}/repository");
        self.see(&place, repository, What::Image(image));
    }

    fn named(&mut self, pointer: &str, value: &str, says: Says) {
        if !value.is_empty() {
            self.see(pointer, value, says.what(value));
        }
    }

    fn commands(&mut self, pointer: &str, items: &[Value]) {
        let mut trace = Trace::default();
        for (index, item) in items.iter().enumerate() {
            let command = match item {
                Value::String(text) => text.clone(),
                Value::Array(words) => {
                    let words = words.iter().filter_map(Value::as_str);
                    words.map(quoted).collect::<Vec<_>>().join(" ")
                }
                _ => continue,
            };
            let place = self.place_of(&format!("{pointer}/{index}"), "");
            commands::read(&command, &place, self.depth, &mut trace, self.seen);
        }
        trace.finish(self.seen);
    }

    /// The data of a Secret are in base64.
    fn secret(&mut self, pointer: &str, data: &Value) {
        for (key, value) in data.as_object().into_iter().flatten() {
            let here = format!("{pointer}/{}", token(key));
            let bytes = value.as_str().and_then(|text| encoding::base64(text).ok());
            match bytes.map(String::from_utf8) {
                Some(Ok(text)) => self.nested(&here, &text),
                _ => self.see(&here, "", What::Unseen("it is no text", key.clone())),
            }
        }
    }

    fn nested(&mut self, pointer: &str, content: &str) {
        let place = self.place_of(pointer, "");
        match self.depth.checked_sub(1) {
            Some(depth) => text::scan(&field_path(pointer), content, &place, depth, self.seen),
            None => self
                .seen
                .see(place, What::Unseen("it is nested too deep", String::new())),
        }
    }

    fn see(&mut self, pointer: &str, value: &str, what: What) {
        if !self.seen.wants(&what) {
            return;
        }
        let place = self.place_of(pointer, value);
        self.seen.see(place, what);
    }

    fn place_of(&self, pointer: &str, value: &str) -> String {
        let path = field_path(pointer);
        let line = text::line_of(self.text, value);
        let here = [line, Some(path).filter(|path| !path.is_empty())];
        let here: Vec<_> = here.into_iter().flatten().collect();
        text::within(self.place, &here.join(", "))
    }
}

/// Whether a text has lines, or is JSON on one.
fn is_document(text: &str) -> bool {
    text.contains('\n') || text.trim_start().starts_with('{')
}

/// Whether these are the parts of an image, as charts have them.
fn is_composed(fields: &Map<String, Value>) -> bool {
    let has = |key: &&str| fields.get(*key).is_some_and(Value::is_string);
    has(&"repository") && ["tag", "registry", "digest", "pullPolicy"].iter().any(has)
}

/// A word of a list, as a shell would read it as one.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
