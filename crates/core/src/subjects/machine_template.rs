//! VSphereMachineTemplate: size, image, placement and network of the machines made from it.

use serde_json::{Value, json};

use super::releases::{release, release_of_cluster};
use super::{enumeration, must_equal, nearest, offered, sizing};
use crate::ApiVersion;
use crate::change::Draft;
use crate::context::{Context, Linker};
use crate::inventory::Facts;
use crate::json::{field_path, text_at};
use crate::site::{Release, VSphereSpec};
use crate::{Code, Finding};

const SPEC: &str = "/spec/template/spec";
const DEVICES: &str = "/spec/template/spec/network/devices";
/// A virtual machine on vSphere has ten network adapters at the most.
const MOST_DEVICES: usize = 10;
const IMAGE: &str = "/spec/template/spec/template";

/// What is known of the machines that this template is for.
pub(super) struct Purpose<'a> {
    pub(super) linker: Option<Linker<'a>>,
    pub(super) cluster: Option<&'a Facts>,
    /// The release that they are to run, when somebody says so.
    pub(super) release: Option<&'a Release>,
}

pub(super) fn purpose<'a>(context: &Context<'a>) -> Purpose<'a> {
    let name = context
        .request
        .object
        .as_ref()
        .and_then(|object| text_at(object, "/metadata/name"));
    let name = name.unwrap_or(&context.request.name);
    let linker = if name.is_empty() {
        None
    } else {
        context.linker(context.kind(), name)
    };
    let cluster = match &linker {
        Some(linker) => context.cluster_of_linker(linker),
        None => context
            .request
            .object
            .as_ref()
            .and_then(|object| context.cluster_of(object)?.1),
    };
    let release = release(
        context,
        linker.and_then(|linker| linker.facts.version.as_deref()),
    )
    .or_else(|| release_of_cluster(context, cluster?));
    Purpose {
        linker,
        cluster,
        release,
    }
}

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    if !context.is_create() {
        // The spec cannot be changed once it is stored.
        draft.only_put_back();
    }
    let Some(vsphere) = &context.site().spec().vsphere else {
        return;
    };
    for (field, value) in placement(vsphere) {
        if let Some(value) = value {
            draft.fill(&format!("{SPEC}/{field}"), value);
        }
    }
    if context.request.subject.version == ApiVersion::V1Beta2 {
        drop_empty_text(draft);
    }
    complete_devices(draft, vsphere);
    let purpose = purpose(context);
    let wanted = sizing::wanted(context, draft.object(), purpose.linker, purpose.cluster);
    sizing::complete(context, draft, SPEC, &wanted);
    complete_image(context, draft, &purpose);
}

fn complete_image(context: &Context<'_>, draft: &mut Draft<'_>, purpose: &Purpose<'_>) {
    if draft.put_back(IMAGE) || !draft.takes_defaults() {
        return;
    }
    if let Some(template) = &release_for(context, draft, purpose, IMAGE).vsphere_template {
        draft.set(IMAGE, Value::from(template.as_str()));
    }
}

/// The release whose image the machines get; a warning when it is the default for want of a better.
pub(super) fn release_for<'a>(
    context: &Context<'a>,
    draft: &mut Draft<'_>,
    purpose: &Purpose<'a>,
    image: &str,
) -> &'a Release {
    purpose.release.unwrap_or_else(|| {
        let release = context.site().default_release();
        let path = field_path(image);
        let message = format!(
            "nothing tells yet which version the machines run; it holds {}",
            release.version
        );
        draft.finding(Finding::new(
            Code::VersionAssumed,
            path,
            Value::Null,
            message,
        ));
        release
    })
}

/// Where machines stand: every field with the site's value.
pub(super) fn placement(vsphere: &VSphereSpec) -> [(&'static str, Option<&str>); 6] {
    [
        ("server", Some(vsphere.server.as_str())),
        ("thumbprint", vsphere.thumbprint.as_deref()),
        ("datacenter", Some(vsphere.datacenter.as_str())),
        ("datastore", Some(vsphere.datastore.as_str())),
        ("folder", Some(vsphere.folder.as_str())),
        ("resourcePool", Some(vsphere.resource_pool.as_str())),
    ]
}

/// v1beta2 refuses `storagePolicyName: ""` and the like, which v1beta1 manifests write for "none".
fn drop_empty_text(draft: &mut Draft<'_>) {
    let Some(Value::Object(fields)) = draft.get(SPEC) else {
        return;
    };
    let empty: Vec<_> = fields
        .iter()
        .filter(|(_, value)| *value == "")
        .map(|(key, _)| key.clone())
        .collect();
    for key in empty {
        draft.remove(SPEC, &key);
    }
}

fn complete_devices(draft: &mut Draft<'_>, vsphere: &VSphereSpec) {
    if !draft.put_back(DEVICES) && draft.takes_defaults() {
        draft.set(DEVICES, json!([{}]));
    }
    for index in 0..device_count(draft) {
        draft.fill(
            &format!("{DEVICES}/{index}/networkName"),
            vsphere.network.as_str(),
        );
        if !vsphere.dhcp {
            draft.fill(&format!("{DEVICES}/{index}/dhcp4"), false);
        }
    }
}

/// How many devices are looked at.
fn device_count(draft: &Draft<'_>) -> usize {
    let devices = draft.get(DEVICES).and_then(Value::as_array);
    devices.map_or(0, Vec::len).min(MOST_DEVICES)
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let vsphere = context.site().spec().vsphere.as_ref();
    let Some(vsphere) = offered(context, draft, vsphere) else {
        return;
    };
    for (field, value) in placement(vsphere) {
        must_equal(draft, &format!("{SPEC}/{field}"), value);
    }
    check_devices(draft, vsphere);
    let purpose = purpose(context);
    let wanted = sizing::wanted(context, draft.object(), purpose.linker, purpose.cluster);
    sizing::check(context, draft, SPEC, &wanted);
    check_image(context, draft, &purpose);
}

fn check_devices(draft: &mut Draft<'_>, vsphere: &VSphereSpec) {
    draft.expect(DEVICES, "a list", Value::is_array);
    if let Some(Value::Array(devices)) = draft.get(DEVICES)
        && devices.len() > MOST_DEVICES
    {
        let (path, count) = (field_path(DEVICES), Value::from(devices.len()));
        let message = format!("a machine has {MOST_DEVICES} network devices at the most");
        draft.finding(Finding::new(Code::TooMany, path, count, message));
    }
    for index in 0..device_count(draft) {
        let device = format!("{DEVICES}/{index}");
        draft.expect(&device, "an object", Value::is_object);
        must_equal(
            draft,
            &format!("{device}/networkName"),
            Some(&vsphere.network),
        );
        for field in ["dhcp4", "dhcp6"] {
            let pointer = format!("{device}/{field}");
            draft.expect(&pointer, "true or false", Value::is_boolean);
            if !vsphere.dhcp && draft.get(&pointer) == Some(&Value::Bool(true)) {
                let message = format!("network {} has no DHCP", vsphere.network);
                draft.found(
                    Code::DhcpNotThere,
                    &pointer,
                    message,
                    Some("addresses are given to machines".to_owned()),
                );
            }
        }
        for field in ["ipAddrs", "macAddr"] {
            let addresses = format!("{device}/{field}");
            if draft.has(&addresses) {
                let message = "all machines of the template would share it";
                draft.found(
                    Code::AddressInTemplate,
                    &addresses,
                    message,
                    Some("leave it out".to_owned()),
                );
            }
        }
    }
}

fn check_image(context: &Context<'_>, draft: &mut Draft<'_>, purpose: &Purpose<'_>) {
    draft.expect(IMAGE, "a string", Value::is_string);
    let Some(image) = draft.text(IMAGE).map(str::to_owned) else {
        return;
    };
    let images = || {
        context
            .site()
            .releases()
            .filter_map(|release| release.vsphere_template.as_deref())
    };
    if !images().any(|offered| offered == image) {
        let message = format!("the site's VM templates are {}", enumeration(images()));
        let hint = nearest(&image, images()).map(|nearest| format!("nearest: {nearest}"));
        draft.found(Code::ImageNotOffered, IMAGE, message, hint);
    } else if let Some(release) = purpose.release {
        let wanted = release.vsphere_template.as_deref();
        warn_of_other_version(draft, IMAGE, &image, release, wanted);
    }
}

/// Warns when an image is not the one of the release that the machines are to run.
pub(super) fn warn_of_other_version(
    draft: &mut Draft<'_>,
    pointer: &str,
    image: &str,
    release: &Release,
    wanted: Option<&str>,
) {
    if let Some(wanted) = wanted.filter(|wanted| *wanted != image) {
        let message = format!(
            "the machines are to run {}, which is in {wanted}",
            release.version
        );
        draft.finding(Finding::new(
            Code::ImageVersionDiffers,
            field_path(pointer),
            Value::from(image),
            message,
        ));
    }
}
