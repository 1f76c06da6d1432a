//! Rewriting to what the site keeps: the fields of new control planes and templates, and their static pods.
//!
//! Only at CREATE, when no machine is made of it yet, since every change of the configuration replaces
//! machines. Whoever applies the same file again sends what was rewritten as it was: then what is stored
//! is put back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::fields::{REPOSITORIES, config_of};
use super::judge::KUBEADM_REGISTRY;
use super::rules::{Rules, Verdict};
use super::sighting::{Sightings, What};
use super::{document, encoding, text};
use crate::change::Draft;
use crate::context::Context;
use crate::json::{field_path, text_at};
use crate::site::Trust;
use crate::{Code, Finding, Kind};

/// Where kubelet takes static pods from.
const MANIFESTS: &str = "/etc/kubernetes/manifests/";

/// Puts the site's names in for those of other registries, where the Site says which.
pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(rules) = context.site().images().filter(|rules| rules.rewrites()) else {
        return;
    };
    let kind = context.kind();
    let is_taken = matches!(
        kind,
        Kind::KubeadmControlPlane | Kind::KubeadmConfigTemplate
    );
    let Some(config) = config_of(kind).filter(|_| is_taken && context.trust() != Trust::Controller)
    else {
        return;
    };
    if kind == Kind::KubeadmControlPlane {
        complete_default(context, draft, rules, config);
    }
    for field in REPOSITORIES {
        let pointer = format!("{config}/{field}");
        let rewritten = draft
            .text(&pointer)
            .and_then(|written| rules.rewrite_repository(written));
        if let Some(rewritten) = rewritten {
            put(context, draft, &pointer, rewritten);
        }
    }
    let files = format!("{config}/files");
    for index in 0..draft.len_of(&files) {
        complete_file(context, draft, rules, (&files, index));
    }
}

/// What kubeadm would take when nobody says so. It keeps CoreDNS one folder deeper there than anywhere else.
fn complete_default(context: &Context<'_>, draft: &mut Draft<'_>, rules: &Rules, config: &str) {
    let Some(project) = rules.rewrite_repository(KUBEADM_REGISTRY) else {
        return;
    };
    let [repository, dns, _] = REPOSITORIES.map(|field| format!("{config}/{field}"));
    let written = draft.text(&repository).map(str::to_owned);
    let is_default = written
        .as_deref()
        .is_none_or(|written| written == KUBEADM_REGISTRY);
    // Whoever dropped the site's name again on the way is given it back, and so is its neighbour's.
    let is_ours = |draft: &Draft<'_>| {
        let stored = draft.old().and_then(|old| text_at(old, &repository));
        stored == Some(project.as_str())
    };
    if !is_default || !(context.is_create() || is_ours(draft)) {
        return;
    }
    let is_told = written.is_none() && context.is_create();
    for (pointer, value) in [
        (&repository, project.clone()),
        (&dns, format!("{project}/coredns")),
    ] {
        if !draft.has(pointer) {
            if is_told {
                told(draft, pointer, KUBEADM_REGISTRY, &value);
            }
            draft.set(pointer, value.into());
        }
    }
}

/// Puts the site's name in at CREATE, and later where it is what is stored.
fn put(context: &Context<'_>, draft: &mut Draft<'_>, pointer: &str, rewritten: String) {
    let stored = draft.old().and_then(|old| text_at(old, pointer));
    if context.is_create() {
        let written = draft.text(pointer).unwrap_or_default().to_owned();
        told(draft, pointer, &written, &rewritten);
        draft.set(pointer, rewritten.into());
    } else if stored == Some(rewritten.as_str()) {
        draft.set(pointer, rewritten.into());
    }
}

fn told(draft: &mut Draft<'_>, pointer: &str, written: &str, rewritten: &str) {
    draft.finding(kept_as(pointer, written, rewritten));
}

/// What the author of a name is told of the one that was put in for it.
pub(super) fn kept_as(pointer: &str, written: &str, rewritten: &str) -> Finding {
    let message = format!("the site keeps it as {rewritten}");
    let finding = Finding::new(
        Code::ImageRewritten,
        field_path(pointer),
        written.into(),
        message,
    );
    finding.hint("write that into the file too")
}

fn complete_file(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    rules: &Rules,
    (files, index): (&str, usize),
) {
    let file = format!("{files}/{index}");
    let field = |name: &str| draft.text(&format!("{file}/{name}"));
    let Some(path) = field("path").filter(|path| path.starts_with(MANIFESTS)) else {
        return;
    };
    let (encoding, content) = (field("encoding").unwrap_or_default(), field("content"));
    let Some((written, rewritten)) = content.and_then(|content| {
        Some((
            content.to_owned(),
            rewritten_file(rules, encoding, content)?,
        ))
    }) else {
        return;
    };
    let pointer = format!("{file}/content");
    if context.is_create() {
        let message = "the images of this static pod were rewritten to the site's";
        let path = Value::from(path);
        let finding = Finding::new(Code::ImageRewritten, field_path(&pointer), path, message);
        draft.finding(finding);
        draft.set(&pointer, rewritten.into());
        return;
    }
    let old = draft
        .old()
        .and_then(|old| old.pointer(files))
        .and_then(Value::as_array);
    let mut stored = old.into_iter().flatten();
    let is_stored = stored.any(|old| {
        text_at(old, "/path") == Some(path) && text_at(old, "/content") == Some(rewritten.as_str())
    });
    if is_stored && rewritten != written {
        draft.set(&pointer, rewritten.into());
    }
}

/// The content of a file with the site's images, encoded as before. What is packed is left alone: it cannot be
/// packed again to the same bytes for certain.
fn rewritten_file(rules: &Rules, encoding: &str, content: &str) -> Option<String> {
    let plain = match encoding {
        "" | "base64" => encoding::decode(encoding, content).ok()?,
        _ => return None,
    };
    let rewritten = rewritten_pod(rules, &plain)?;
    Some(match encoding {
        "" => rewritten,
        _ => STANDARD.encode(rewritten),
    })
}

/// A manifest with the site's images, otherwise letter by letter as it was; nothing when that cannot be done.
fn rewritten_pod(rules: &Rules, content: &str) -> Option<String> {
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(content).ok()?;
    let mut seen = Sightings::default();
    text::scan("", content, "", document::DEEPEST, &mut seen);
    let mut rewritten = content.to_owned();
    for sighting in seen.take() {
        let What::Image(image) = sighting.what else {
            continue;
        };
        if rules.judge(&image) == Verdict::Allowed {
            continue;
        }
        let instead = rules.rewrite(&image)?;
        rewritten = replaced(&rewritten, &image, &instead);
        documents
            .iter_mut()
            .for_each(|document| replace(document, &image, &instead));
    }
    let read: Vec<Value> = serde_saphyr::from_multiple(&rewritten).ok()?;
    (rewritten != content && read == documents).then_some(rewritten)
}

/// Puts one image in for another where it stands alone.
fn replaced(content: &str, image: &str, instead: &str) -> String {
    let is_bound = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "\"',[]{}".contains(c));
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once(image) {
        text.push_str(before);
        let is_alone = is_bound(text.chars().next_back()) && is_bound(after.chars().next());
        text.push_str(if is_alone { instead } else { image });
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The same in a document.
fn replace(value: &mut Value, image: &str, instead: &str) {
    match value {
        Value::String(text) if text == image => instead.clone_into(text),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace(item, image, instead)),
        Value::Object(fields) => {
            fields
                .values_mut()
                .for_each(|field| replace(field, image, instead));
        }
        _ => {}
    }
}
