//! The VM templates of the versions that a cluster runs and goes to. The class picks the one of the
//! version that each machine has, so that on an upgrade workers keep theirs until it is their turn.

use serde_json::{Value, json};

use super::variables::{IMAGES, VARIABLES, every_list, places, put, value};
use super::{VERSION, carried_on};
use crate::KubernetesVersion;
use crate::change::Draft;
use crate::context::Context;
use crate::json::{field_path, text_at};
use crate::site::{Release, Site};
use crate::subjects::found_not_offered;
use crate::{Code, subjects};

/// So many images are looked at, which is more than any site has versions.
const MOST_IMAGES: usize = 64;

fn image(release: &Release) -> Option<Value> {
    let template = release.vsphere_template.as_deref()?;
    Some(json!({"version": release.version.to_string(), "template": template}))
}

fn version(image: &Value) -> Option<KubernetesVersion> {
    text_at(image, "/version")?.parse().ok()
}

fn version_of(cluster: &Value) -> Option<KubernetesVersion> {
    text_at(cluster, VERSION)?.parse().ok()
}

fn listed(cluster: &Value) -> Vec<Value> {
    let list = value(cluster, VARIABLES, IMAGES).and_then(Value::as_array);
    list.cloned().unwrap_or_default()
}

/// Puts stored images back, and that of a version in that the cluster goes to.
pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let written = value(draft.object(), VARIABLES, IMAGES);
    if written.is_some_and(|written| !written.is_array()) {
        // It says something else than a list, and is refused as that.
        return;
    }
    let mut images = listed(draft.object());
    let stored = draft.old().map(listed).unwrap_or_default();
    let has =
        |images: &[Value], of: &Value| images.iter().any(|image| version(image) == version(of));
    for image in stored {
        if !has(&images, &image) {
            images.push(image);
        }
    }
    let wanted = version_of(draft.object());
    let is_new = draft.old().is_none_or(|old| version_of(old) != wanted);
    let release = wanted.and_then(|version| context.site().release(&version));
    if let Some(image) = release
        .filter(|_| is_new && draft.takes_defaults())
        .and_then(image)
    {
        let of = version(&image);
        let at = images.iter_mut().find(|other| version(other) == of);
        let is_old = |other: &Value| draft.old().is_some_and(|old| listed(old).contains(other));
        match at {
            // The site's may be another one by now, and nothing runs this one yet.
            Some(other) if is_old(other) => *other = image,
            Some(_) => {}
            None => images.push(image),
        }
    }
    if images != listed(draft.object()) {
        put(draft, VARIABLES, IMAGES, images.into());
    }
}

/// Refuses images that are not the site's of that version, and were not stored before.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    for list in every_list(draft.object()) {
        for pointer in places(draft.object(), &list, IMAGES) {
            draft.expect(&pointer, "a list", Value::is_array);
            let most = format!("a cluster has {MOST_IMAGES} images at the most");
            let count = subjects::at_most(draft, &pointer, MOST_IMAGES, most);
            for index in 0..count {
                check_image(context, draft, &format!("{pointer}/{index}"));
            }
            check_twice(draft, &pointer, count);
        }
    }
}

/// Refuses a version that stands there twice: the class would put both names into one template.
fn check_twice(draft: &mut Draft<'_>, list: &str, count: usize) {
    let at = |index: usize| format!("{list}/{index}");
    let of = |draft: &Draft<'_>, index: usize| draft.get(&at(index)).and_then(version);
    for index in 1..count {
        let own = of(draft, index);
        let first = (0..index).find(|before| own.is_some() && of(draft, *before) == own);
        if let Some(first) = first {
            let first = field_path(&at(first));
            let message = format!("{first} is of the same version");
            let hint = Some(format!("take {first} out, or this one"));
            let place = format!("{}/version", at(index));
            draft.found(Code::VersionTwice, &place, message, hint);
        }
    }
}

fn check_image(context: &Context<'_>, draft: &mut Draft<'_>, pointer: &str) {
    let site = context.site();
    let written = draft.get(pointer);
    let is_the_sites = site
        .releases()
        .filter_map(image)
        .any(|image| written == Some(&image));
    let is_stored = carried_on(context, draft)
        .is_some_and(|old| listed(old).iter().any(|of| written == Some(of)));
    if is_the_sites || is_stored {
        return;
    }
    let versions = written.map(|written| other_versions(context.site(), written));
    if let Some(versions) = versions.filter(|versions| !versions.is_empty()) {
        let offers: Vec<_> = versions.iter().map(String::as_str).collect();
        let at = format!("{pointer}/version");
        let what = "versions of this VM template";
        return found_not_offered(draft, Code::ImageNotOffered, &at, what, &offers);
    }
    let version = written.and_then(version);
    let template = format!("{pointer}/template");
    let named = version.and_then(|version| site.release(&version)?.vsphere_template.as_deref());
    let all = || {
        site.releases()
            .filter_map(|release| release.vsphere_template.as_deref())
    };
    let offers: Vec<&str> = named.map_or_else(|| all().collect(), |named| vec![named]);
    let what = "VM templates";
    found_not_offered(draft, Code::ImageNotOffered, &template, what, &offers);
}

/// The versions that an image's VM template is offered for, when the version that it is written for is none of
/// the site's, as the site writes it.
fn other_versions(site: &Site, image: &Value) -> Vec<String> {
    let [version, template] = ["/version", "/template"].map(|field| text_at(image, field));
    let offers = || site.releases().map(|of| (of.version.to_string(), of));
    if offers().any(|(offered, _)| Some(offered.as_str()) == version) {
        return Vec::new();
    }
    let of_template = offers().filter(|(_, of)| {
        let offered = of.vsphere_template.as_deref();
        offered.is_some() && offered == template
    });
    of_template.map(|(version, _)| version).collect()
}
