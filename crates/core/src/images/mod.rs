//! Where images come from: clusters are made of those that the site's registries have.
//!
//! Images hide in many places of an object: in fields, in files of every encoding, in commands, in
//! arguments, in the variables of a topology. [`fields`] knows the places, the other modules know what
//! stands there: structured [`document`]s, [`config`]urations of runtimes, [`commands`]. What is named and is
//! not the site's is refused; what cannot be seen is let in with a warning, since nothing is proved by it.
//!
//! Only what people write is judged. What controllers make was judged where a person wrote it, and whoever
//! refused it would have it made again for ever. What a stored object says already is never held
//! against an update.

mod commands;
mod config;
mod document;
mod encoding;
mod fields;
mod judge;
mod pods;
mod reference;
mod resource_sets;
mod rewrite;
mod rules;
mod shell;
mod sighting;
mod text;
mod tools;

pub use encoding::{MOST_BYTES, Opaque, decode};
pub use judge::{PAYLOAD_WORDS, RESOURCE_SET, is_payload};
pub use pods::{MIRROR_POD, POD_IMAGES, Rewritten, patch_of, rewrite_pod};
pub use reference::{DEFAULT_REGISTRY, Malformed, Reference};
pub use resource_sets::config_maps_of;
pub use rules::{Rules, Verdict};

pub(crate) use judge::check;
pub(crate) use rewrite::complete;

/// What a text names: images, repositories, and addresses that something is fetched from, each with its
/// place in the text. The name is that of the file that it would be, by which it is told what it is.
#[must_use]
pub fn names_in(name: &str, content: &str) -> Vec<(String, String)> {
    let mut seen = sighting::Sightings::default();
    text::scan(name, content, "", document::DEEPEST, &mut seen);
    let found = seen.take().into_iter();
    found
        .map(|sighting| (sighting.place, sighting.what.text().to_owned()))
        .collect()
}
