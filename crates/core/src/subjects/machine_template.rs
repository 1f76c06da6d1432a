//! VSphereMachineTemplate: size, image, placement and network of the machines made from it.

use serde_json::{Value, json};

use super::purpose::{Purpose, purpose, release_for, warn_of_other_version};
use super::{at_most, found_not_offered, must_be_placed, offered, refuse, sizing};
use crate::change::Draft;
use crate::context::Context;
use crate::site::VSphereSpec;
use crate::{ApiVersion, Code};

const SPEC: &str = "/spec/template/spec";
const DEVICES: &str = "/spec/template/spec/network/devices";
/// A virtual machine on vSphere has ten network adapters at the most.
const MOST_DEVICES: usize = 10;
const IMAGE: &str = "/spec/template/spec/template";

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
    let wanted = purpose.wanted(context, draft.object());
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

/// Where machines stand: every field with the site's value.
pub(crate) fn placement(vsphere: &VSphereSpec) -> [(&'static str, Option<&str>); 6] {
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
    draft.len_of(DEVICES).min(MOST_DEVICES)
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let vsphere = context.site().spec().vsphere.as_ref();
    let Some(vsphere) = offered(context, draft, vsphere) else {
        return;
    };
    for (field, value) in placement(vsphere) {
        must_be_placed(context, draft, &format!("{SPEC}/{field}"), (field, value));
    }
    check_devices(context, draft, vsphere);
    let purpose = purpose(context);
    let wanted = purpose.wanted(context, draft.object());
    sizing::check(context, draft, SPEC, &wanted);
    check_image(context, draft, &purpose);
}

fn check_devices(context: &Context<'_>, draft: &mut Draft<'_>, vsphere: &VSphereSpec) {
    draft.expect(DEVICES, "a list", Value::is_array);
    let most = format!("a machine has {MOST_DEVICES} network devices at the most");
    for index in 0..at_most(draft, DEVICES, MOST_DEVICES, most) {
        let device = format!("{DEVICES}/{index}");
        draft.expect(&device, "an object", Value::is_object);
        let network = ("network", Some(vsphere.network.as_str()));
        must_be_placed(context, draft, &format!("{device}/networkName"), network);
        for field in ["dhcp4", "dhcp6"] {
            let pointer = format!("{device}/{field}");
            draft.expect(&pointer, "true or false", Value::is_boolean);
            let is_asked = draft.get(&pointer) == Some(&Value::Bool(true));
            if is_asked && !vsphere.dhcp && !context.is_place_carried_on(field, Some("true")) {
                let message = format!("network {} has no DHCP", vsphere.network);
                draft.found(
                    Code::DhcpNotThere,
                    &pointer,
                    message,
                    Some("addresses are given to machines".to_owned()),
                );
            }
        }
        let shared = "all machines of the template would share it";
        let fields = ["ipAddrs", "macAddr"];
        refuse(draft, &device, Code::AddressInTemplate, shared, &fields);
    }
}

fn check_image(context: &Context<'_>, draft: &mut Draft<'_>, purpose: &Purpose<'_>) {
    draft.expect(IMAGE, "a string", Value::is_string);
    let Some(image) = draft.text(IMAGE) else {
        return;
    };
    let releases = context.site().releases();
    let images: Vec<_> = releases
        .filter_map(|release| release.vsphere_template.as_deref())
        .collect();
    let is_carried_on = || context.is_carried_on(|said| said.images.contains(image));
    if !images.contains(&image) && !is_carried_on() {
        found_not_offered(draft, Code::ImageNotOffered, IMAGE, "VM templates", &images);
    }
    warn_of_other_version(context, draft, purpose, IMAGE, |release| {
        release.vsphere_template.as_deref()
    });
}
