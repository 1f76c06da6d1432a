//! From what was seen to what is refused.

use serde_json::Value;

use super::fields::{self, Found, Seen};
use super::reference::is_registry;
use super::resource_sets;
use super::rules::{Rules, Verdict};
use super::sighting::{Sighting, What};
use super::text;
use crate::change::Draft;
use crate::context::Context;
use crate::finding::Class;
use crate::json::field_path;
use crate::site::Trust;
use crate::{Code, Finding, Kind};

/// Where kubeadm takes its images from when nobody says so.
pub(super) const KUBEADM_REGISTRY: &str = "registry.k8s.io";

/// Refuses what is not the site's, and warns of what cannot be seen.
pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(rules) = context.site().images() else {
        return;
    };
    if context.trust() == Trust::Controller {
        return;
    }
    let kind = context.kind();
    if !is_judged(context, draft.object()) {
        return;
    }
    let look = |object: &Value| match kind {
        Kind::ClusterResourceSet => resource_sets::look(context, object),
        _ => fields::look(kind, object),
    };
    let stored = draft.old().map(look).unwrap_or_default();
    for found in look(draft.object()) {
        let Some(mut finding) = judged(rules, &found) else {
            continue;
        };
        if kind == Kind::Secret && finding.code == Code::ImagesUnseen {
            // Words of a Secret stand in no answer and no log; the name of an image is what it is about.
            finding.value = Value::Null;
        }
        let is_stored = stored.iter().any(|old| is_same(&old.seen, &found.seen));
        let is_warning = finding.code.class() == Class::Warning;
        match is_stored {
            false => draft.finding(finding),
            // Whoever wrote it was warned then.
            true if is_warning => {}
            true => draft.finding(crate::decide::tolerated(finding, "it was stored like this")),
        }
    }
    if kind == Kind::KubeadmControlPlane {
        check_default(rules, draft);
    }
}

/// Whether an object may bring images into a cluster. Of ConfigMaps, those that a tenant writes: nothing of a
/// management cluster itself stands in a tenant's namespace.
fn is_judged(context: &Context<'_>, object: &Value) -> bool {
    match context.kind() {
        Kind::ConfigMap => is_payload(object) && context.namespace_owner().is_some(),
        Kind::Secret => is_payload(object),
        _ => true,
    }
}

/// The type of Secrets that a ClusterResourceSet applies.
pub const RESOURCE_SET: &str = "addons.cluster.x-k8s.io/resource-set";

/// Whether a ClusterResourceSet could make something of a ConfigMap or a Secret: a Secret by its type, a
/// ConfigMap when it holds a manifest that names an image.
#[must_use]
pub fn is_payload(object: &Value) -> bool {
    if crate::json::text_at(object, "/kind") == Some("Secret") {
        return crate::json::text_at(object, "/type") == Some(RESOURCE_SET);
    }
    let data = object.get("data").and_then(Value::as_object);
    data.into_iter().flatten().any(|(_, value)| {
        let text = value.as_str().unwrap_or_default();
        PAYLOAD_WORDS.iter().all(|word| text.contains(word))
    })
}

/// What stands in every manifest that names an image.
pub const PAYLOAD_WORDS: [&str; 2] = ["apiVersion", "mage"];

/// Lists are sent anew in another order, so that places are not compared.
fn is_same(old: &Seen, new: &Seen) -> bool {
    match (old, new) {
        // What is not looked at cannot be compared.
        (_, Seen::TooMany) => false,
        (Seen::Sighting(old), Seen::Sighting(new)) => old.what == new.what,
        (old, new) => old == new,
    }
}

/// A control plane that names no repository takes its images from the internet, unless its machines'
/// image has them.
fn check_default(rules: &Rules, draft: &mut Draft<'_>) {
    let pointer = format!("{}/{}", "/spec/kubeadmConfigSpec", fields::REPOSITORIES[0]);
    let says_none = |object: &Value| {
        let value = object.pointer(&pointer);
        value.is_none_or(crate::json::is_unset)
    };
    let is_new = !draft.old().is_some_and(says_none);
    if says_none(draft.object())
        && is_new
        && rules.judge_repository(KUBEADM_REGISTRY) != Verdict::Allowed
    {
        let message = format!("kubeadm takes what the VM template lacks from {KUBEADM_REGISTRY}");
        let finding = Finding::new(
            Code::RepositoryAssumed,
            field_path(&pointer),
            Value::Null,
            message,
        );
        draft.finding(finding.hint(format!("name one, such as {}", rules.first())));
    }
}

fn judged(rules: &Rules, found: &Found) -> Option<Finding> {
    let path = field_path(&found.pointer);
    match &found.seen {
        Seen::Sighting(sighting) => {
            let told = told(rules, &sighting.what)?;
            let message = text::within(&sighting.place, "").to_owned();
            Some(told.finding(path, sighting, &message))
        }
        Seen::TooMany => {
            let message = "more images and commands than are looked at";
            Some(Finding::new(Code::TooMany, path, Value::Null, message))
        }
        Seen::Undecodable(why, file) => {
            let message =
                format!("the content of {file:?} is not of the encoding that it names: {why}");
            let finding = Finding::new(Code::FileUndecodable, path, Value::Null, message);
            Some(finding.hint("write it as its encoding says, or leave the encoding out"))
        }
    }
}

/// What there is to be said of something that was seen.
struct Told {
    code: Code,
    message: String,
    hint: Option<String>,
}

impl Told {
    fn finding(self, path: String, sighting: &Sighting, place: &str) -> Finding {
        let message = match place {
            "" => self.message,
            place => format!("{place}: {}", self.message),
        };
        let value = Value::from(sighting.what.text());
        let mut finding = Finding::new(self.code, path, value, message);
        finding.hint = self.hint;
        finding
    }

    fn unseen(why: impl Into<String>) -> Self {
        Self {
            code: Code::ImagesUnseen,
            message: why.into(),
            hint: None,
        }
    }
}

fn told(rules: &Rules, what: &What) -> Option<Told> {
    match what {
        What::Image(text) => named(rules, text, |text| rules.judge(text)),
        What::Repository(text) => named(rules, text, |text| rules.judge_repository(text)),
        What::PerhapsImage(text) if names_a_registry(text) => {
            named(rules, text, |text| rules.judge(text))
        }
        What::PerhapsRepository(text) => {
            let bare = authority_and_path(text);
            let bare = bare.trim_end_matches('/');
            if names_a_registry(&format!("{bare}/")) {
                named(rules, bare, |text| rules.judge_repository(text))
            } else {
                Some(Told::unseen("whether this is a registry cannot be told"))
            }
        }
        What::PerhapsImage(_) => Some(Told::unseen("whether this is an image cannot be told")),
        What::Endpoint(address) => endpoint(rules, address),
        What::Source(address) => source(rules, address),
        What::Download(address) => download(rules, address),
        What::Unseen(why, _) => Some(Told::unseen(format!("{why}: its images cannot be seen"))),
    }
}

/// An image or a repository, of which a part may only be known on the machine.
fn named(rules: &Rules, text: &str, judge: impl Fn(&str) -> Verdict) -> Option<Told> {
    let known = text.split(['$', '{']).next().unwrap_or_default();
    if known.len() < text.len() {
        return part_of_name(rules, known);
    }
    let (code, message, hint) = match judge(text) {
        Verdict::Allowed => return None,
        Verdict::Elsewhere(instead) => {
            let message = format!("the site's registries are {}", rules.offers());
            (
                Code::ImageNotAllowed,
                message,
                Some(format!("write {instead}")),
            )
        }
        Verdict::Malformed(why) => {
            let example = format!("such as {}/project/image:tag", rules.first());
            (
                Code::ImageMalformed,
                format!("no reference of an image: {why}"),
                Some(example),
            )
        }
    };
    Some(Told {
        code,
        message,
        hint,
    })
}

/// What is known of a name before the machine runs may be enough to refuse it.
fn part_of_name(rules: &Rules, known: &str) -> Option<Told> {
    let registry = known.split_once('/').map(|(registry, _)| registry);
    match registry.filter(|_| names_a_registry(known)) {
        Some(registry) if !rules.is_registry(registry) => Some(Told {
            code: Code::ImageNotAllowed,
            message: format!("the site's registries are {}", rules.offers()),
            hint: Some(format!("take it from {}", rules.first())),
        }),
        Some(_) if rules.has_beginning(known) => None,
        _ => Some(Told::unseen(
            "which image this is, is not known before it runs",
        )),
    }
}

/// Whether a text has a host in front, as no plain name has.
fn names_a_registry(text: &str) -> bool {
    text.split_once('/').is_some_and(|(first, _)| {
        is_registry(first) && (first.contains(['.', ':']) || first == "localhost")
    })
}

fn endpoint(rules: &Rules, address: &str) -> Option<Told> {
    let host = authority(address);
    (!rules.is_registry(host)).then(|| Told {
        code: Code::ImageNotAllowed,
        message: format!(
            "images would come from here; the site's registries are {}",
            rules.offers()
        ),
        hint: Some(format!("take https://{}", rules.first())),
    })
}

fn source(rules: &Rules, address: &str) -> Option<Told> {
    let host = authority(address);
    if host.contains('$') || host.is_empty() {
        return Some(Told::unseen(
            "what it fetches and applies is not known before it runs",
        ));
    }
    (!rules.is_source(host)).then(|| Told {
        code: Code::FetchedElsewhere,
        message: format!(
            "it is fetched from {host} and applied; the site fetches from {}",
            rules.sources_offered()
        ),
        hint: Some("keep it there, or put it into files".to_owned()),
    })
}

fn download(rules: &Rules, address: &str) -> Option<Told> {
    let host = authority(address);
    let is_known = !host.contains('$') && rules.is_source(host);
    (!is_known).then(|| Told::unseen("what is fetched from elsewhere cannot be seen"))
}

/// The part of an address that names the host, with its port. Whoever writes a user name before it, or
/// anything else that no host has, names none that the site knows.
fn authority(address: &str) -> &str {
    let rest = address.strip_prefix("git::").unwrap_or(address);
    let rest = authority_and_path(rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

fn authority_and_path(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest)
}
