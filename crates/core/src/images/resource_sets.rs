//! What a ClusterResourceSet names: the ConfigMaps and Secrets that it would apply in clusters.
//!
//! Each is judged when it is written, but not what was stored before there were rules, or while nobody was at the gate.
//! So who names one is told what it holds. Of the namespace's ConfigMaps those are read that are named; a Secret is
//! read by nobody.

use serde_json::Value;

use super::fields::{self, Found, Seen};
use super::judge::is_payload;
use super::sighting::{Sighting, What};
use super::text;
use crate::Kind;
use crate::context::Context;
use crate::json::{field_path, text_at};

const RESOURCES: &str = "/spec/resources";
/// As many as Cluster API takes.
const MOST: usize = 100;
/// So much text of all that is named is looked at.
const MOST_TEXT: usize = 4 << 20;

/// The names of the ConfigMaps that a ClusterResourceSet would apply.
pub fn config_maps_of(object: &Value) -> impl Iterator<Item = &str> {
    let named = named(object).filter(|(_, kind, _)| *kind == Kind::ConfigMap.as_str());
    named.map(|(_, _, name)| name)
}

/// All that is seen in what it names.
pub(super) fn look(context: &Context<'_>, object: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    let mut text_left = MOST_TEXT;
    for (pointer, kind, name) in named(object) {
        if kind == Kind::Secret.as_str() {
            let why = "it is judged when it is written, and a Secret is not read here";
            found.push(unseen(pointer, why, name));
            continue;
        }
        let map = context.config_map(name).filter(|map| is_payload(map));
        let Some(map) = map.filter(|_| kind == Kind::ConfigMap.as_str()) else {
            continue;
        };
        match text_left.checked_sub(size_of(map)) {
            Some(left) => text_left = left,
            None => {
                let why = "what it names holds more text than is looked at, 4 MiB";
                found.push(unseen(pointer, why, name));
                continue;
            }
        }
        let seen = fields::look(Kind::ConfigMap, map).into_iter();
        found.extend(seen.map(|within| Found {
            pointer: pointer.clone(),
            seen: match within.seen {
                Seen::Sighting(sighting) => Seen::Sighting(Sighting {
                    place: place(name, &within.pointer, &sighting.place),
                    ..sighting
                }),
                other => other,
            },
        }));
    }
    if named_count(object) > MOST {
        let seen = Seen::TooMany;
        found.push(Found {
            pointer: RESOURCES.to_owned(),
            seen,
        });
    }
    found
}

/// Each that is named: where, its kind and its name.
fn named(object: &Value) -> impl Iterator<Item = (String, &str, &str)> {
    let resources = object.pointer(RESOURCES).and_then(Value::as_array);
    let resources = resources.into_iter().flatten().take(MOST).enumerate();
    resources.filter_map(|(index, resource)| {
        let name = text_at(resource, "/name").filter(|name| !name.is_empty())?;
        let kind = text_at(resource, "/kind")?;
        Some((format!("{RESOURCES}/{index}/name"), kind, name))
    })
}

fn named_count(object: &Value) -> usize {
    let resources = object.pointer(RESOURCES).and_then(Value::as_array);
    resources.map_or(0, Vec::len)
}

fn unseen(pointer: String, why: &'static str, name: &str) -> Found {
    let seen = Seen::Sighting(Sighting {
        place: String::new(),
        what: What::Unseen(why, name.to_owned()),
    });
    Found { pointer, seen }
}

fn place(name: &str, pointer: &str, within: &str) -> String {
    let here = format!("ConfigMap {name}, {}", field_path(pointer));
    text::within(&here, within)
}

fn size_of(map: &Value) -> usize {
    let data = map.get("data").and_then(Value::as_object);
    let texts = data
        .into_iter()
        .flatten()
        .filter_map(|(_, text)| text.as_str());
    texts.map(str::len).sum()
}
