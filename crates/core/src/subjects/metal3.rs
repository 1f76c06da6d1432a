//! Metal3: which hosts become machines, and with what on their disks.

use serde_json::{Value, json};

use super::purpose::{Purpose, purpose, release_for, warn_of_other_version};
use super::{enumeration, found_not_offered, must_equal_as, offered, refuse, sizing};
use crate::Code;
use crate::change::Draft;
use crate::context::Context;
use crate::site::{Metal3Image, Metal3Spec};

const SPEC: &str = "/spec/template/spec";

pub(super) fn complete_cluster(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(metal3) = &context.site().spec().metal3 else {
        return;
    };
    const ENABLED: &str = "/spec/cloudProviderEnabled";
    // The older field says the same the other way round, and Metal3 refuses two that contradict.
    let is_said = draft.has("/spec/noCloudProvider");
    if let Some(enabled) = metal3
        .cloud_provider
        .filter(|_| !is_said && context.is_create())
    {
        draft.fill(ENABLED, enabled);
    }
    if !is_said {
        draft.put_back(ENABLED);
    }
}

pub(super) fn check_cluster(context: &Context<'_>, draft: &mut Draft<'_>) {
    offered(context, draft, context.site().spec().metal3.as_ref());
    for field in ["cloudProviderEnabled", "noCloudProvider"] {
        draft.expect(
            &format!("/spec/{field}"),
            "true or false",
            Value::is_boolean,
        );
    }
}

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(metal3) = &context.site().spec().metal3 else {
        return;
    };
    if !context.is_create() {
        // The spec cannot be changed once it is stored.
        draft.only_put_back();
    }
    let purpose = purpose(context);
    complete_hosts(context, draft, metal3, &purpose);
    complete_image(context, draft, metal3, &purpose);
}

fn complete_hosts(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    metal3: &Metal3Spec,
    purpose: &Purpose<'_>,
) {
    let selector = format!("{SPEC}/hostSelector");
    if draft.put_back(&selector) || !draft.takes_defaults() {
        return;
    }
    let wanted = purpose.wanted(context, draft.object());
    let name = sizing::name_of(context, draft, &wanted);
    if let Some(labels) = name.and_then(|name| metal3.hosts.get(name)) {
        draft.set(&format!("{selector}/matchLabels"), json!(labels));
    }
}

/// The fields of an image that the site writes, each with its value.
fn image_fields(image: &Metal3Image) -> [(&'static str, Option<&str>); 4] {
    [
        ("url", Some(image.url.as_str())),
        ("checksum", Some(image.checksum.as_str())),
        ("checksumType", image.checksum_type.as_deref()),
        ("format", image.format.as_deref()),
    ]
}

fn complete_image(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    metal3: &Metal3Spec,
    purpose: &Purpose<'_>,
) {
    let url = format!("{SPEC}/image/url");
    draft.put_back(&url);
    let image = match draft.text(&url) {
        Some(url) => images(context, metal3).find(|image| image.url == url),
        None if draft.takes_defaults() => {
            let release = release_for(context, draft, purpose, &url);
            release.metal3_image.as_ref()
        }
        None => None,
    };
    let Some(image) = image else {
        return;
    };
    for (field, value) in image_fields(image) {
        let pointer = format!("{SPEC}/image/{field}");
        match value {
            Some(value) => draft.fill(&pointer, value),
            None => {
                draft.put_back(&pointer);
            }
        }
    }
}

fn images<'a>(
    context: &Context<'a>,
    metal3: &'a Metal3Spec,
) -> impl Iterator<Item = &'a Metal3Image> {
    let releases = context.site().releases();
    releases
        .filter_map(|release| release.metal3_image.as_ref())
        .chain(&metal3.more_images)
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(metal3) = offered(context, draft, context.site().spec().metal3.as_ref()) else {
        return;
    };
    check_machine(context, draft, metal3, SPEC);
    let purpose = purpose(context);
    let wanted = purpose.wanted(context, draft.object());
    let labels = format!("{SPEC}/hostSelector/matchLabels");
    let written = draft.get(&labels).cloned();
    sizing::check_named(context, draft, &labels, &wanted, |name| {
        let written = written.as_ref()?;
        let hosts = json!(metal3.hosts.get(name)?);
        Some((*written == hosts, hosts.to_string()))
    });
    let image = format!("{SPEC}/image/url");
    warn_of_other_version(context, draft, &purpose, &image, |release| {
        release
            .metal3_image
            .as_ref()
            .map(|image| image.url.as_str())
    });
}

fn check_machine(context: &Context<'_>, draft: &mut Draft<'_>, metal3: &Metal3Spec, spec: &str) {
    check_hosts(draft, metal3, spec);
    check_image(context, draft, metal3, spec);
    let message = "a machine is a host of the site with an image of the site";
    let fields = ["customDeploy", "providerID"];
    refuse(draft, spec, Code::FieldNotOffered, message, &fields);
}

/// A selector is exactly what the site gives to a node spec: with a label more or less it could take
/// hosts that are larger.
fn check_hosts(draft: &mut Draft<'_>, metal3: &Metal3Spec, spec: &str) {
    let selector = format!("{spec}/hostSelector");
    draft.expect(&selector, "an object", Value::is_object);
    let labels = format!("{selector}/matchLabels");
    let expressions = format!("{selector}/matchExpressions");
    if draft.has(&expressions) {
        let message = "hosts are selected by labels alone";
        let hint = Some("leave them out".to_owned());
        draft.found(Code::HostsNotOffered, &expressions, message, hint);
    }
    let is_offered = |written: &Value| metal3.hosts.values().any(|hosts| json!(hosts) == *written);
    if draft.get(&labels).is_some_and(is_offered) {
        return;
    }
    let hosts = metal3.hosts.iter();
    let offered = hosts.map(|(name, labels)| format!("{name} ({})", json!(labels)));
    let message = format!("the site's hosts are {}", enumeration(offered));
    let hint = Some(format!(
        "leave the selector out and set {}",
        crate::keys::NODE_SPEC
    ));
    draft.found(Code::HostsNotOffered, &labels, message, hint);
}

fn check_image(context: &Context<'_>, draft: &mut Draft<'_>, metal3: &Metal3Spec, spec: &str) {
    draft.expect(&format!("{spec}/image"), "an object", Value::is_object);
    let pointer = format!("{spec}/image/url");
    draft.expect(&pointer, "a string", Value::is_string);
    let written = draft.text(&pointer).unwrap_or_default().to_owned();
    let code = Code::ProviderImageNotOffered;
    if let Some(image) = images(context, metal3).find(|image| image.url == written) {
        for (field, value) in image_fields(image).into_iter().skip(1) {
            must_equal_as(draft, code, &format!("{spec}/image/{field}"), value);
        }
        return;
    }
    let urls: Vec<_> = images(context, metal3)
        .map(|image| image.url.as_str())
        .collect();
    found_not_offered(draft, code, &pointer, "images", &urls);
}
