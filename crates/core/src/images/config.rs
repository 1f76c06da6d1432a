//! The configuration of container runtimes: which image holds a pod together, and which registry stands in
//! for which.

use serde_json::{Map, Value};

use super::sighting::{Says, Sightings, What, says};
use super::text;

/// Whether a file of this name is the configuration of a container runtime.
pub(super) fn is_one(name: &str) -> bool {
    const FOLDERS: [&str; 3] = ["/containerd/", "/containers/", "/crio/"];
    name.ends_with(".toml")
        || (name.ends_with(".conf") && FOLDERS.iter().any(|folder| name.contains(folder)))
}

/// Reads TOML.
pub(super) fn scan(name: &str, content: &str, place: &str, seen: &mut Sightings) {
    let Ok(Value::Object(tables)) = toml::from_str(content) else {
        return text::addresses(content, place, seen);
    };
    let mut reader = Reader {
        seen,
        content,
        place,
    };
    if name.ends_with("hosts.toml") {
        reader.hosts(&tables);
    }
    reader.table(&[], &tables);
}

struct Reader<'a> {
    seen: &'a mut Sightings,
    content: &'a str,
    place: &'a str,
}

impl Reader<'_> {
    /// containerd goes to the hosts that a namespace lists, and to its server when none of them has it.
    fn hosts(&mut self, tables: &Map<String, Value>) {
        if let Some(Value::String(server)) = tables.get("server") {
            self.see(&["server"], server, What::Endpoint(server.clone()));
        }
        let hosts = tables.get("host").and_then(Value::as_object);
        for host in hosts.into_iter().flat_map(Map::keys) {
            self.see(&["host"], host, What::Endpoint(host.clone()));
        }
    }

    fn table(&mut self, path: &[&str], fields: &Map<String, Value>) {
        for (key, value) in fields {
            let mut here = path.to_vec();
            here.push(key);
            match value {
                Value::Object(fields) => self.table(&here, fields),
                Value::String(text) => self.text(&here, text),
                Value::Array(items) => items.iter().for_each(|item| match item {
                    Value::Object(fields) => self.table(&here, fields),
                    Value::String(text) => self.text(&here, text),
                    _ => {}
                }),
                _ => {}
            }
        }
    }

    fn text(&mut self, path: &[&str], text: &str) {
        let Some((key, above)) = path.split_last() else {
            return;
        };
        let is_below = |name: &str| above.contains(&name);
        let what = match *key {
            "endpoint" if is_below("mirrors") => What::Endpoint(text.to_owned()),
            "sandbox" if is_below("pinned_images") => What::Image(text.to_owned()),
            "unqualified-search-registries" => What::Repository(text.to_owned()),
            "location" if is_below("registry") || is_below("mirror") => {
                What::Repository(text.to_owned())
            }
            _ if is_below("aliases") => What::Image(text.to_owned()),
            _ => match says(key) {
                Some(says @ (Says::Image | Says::Repository)) => says.what(text),
                _ => return,
            },
        };
        self.see(path, text, what);
    }

    fn see(&mut self, path: &[&str], value: &str, what: What) {
        if !self.seen.wants(&what) {
            return;
        }
        let line = text::line_of(self.content, value);
        let inner = text::within(&line.unwrap_or_default(), &path.join("."));
        self.seen.see(text::within(self.place, &inner), what);
    }
}
