//! OpenStackMachineTemplate: cloud, flavor and image of the machines made from it.

use serde_json::Value;

use super::super::purpose::{Purpose, purpose, release_for, warn_of_other_version};
use super::super::{at_most, found_not_offered, offered, sizing};
use super::{check_cloud, cloud, complete_cloud, is_v1alpha7, refuse};
use crate::change::Draft;
use crate::context::Context;
use crate::json::field_path;
use crate::site::{OpenStackCloud, OpenStackSpec};
use crate::{Code, Finding};

const SPEC: &str = "/spec/template/spec";
/// So many ports of one machine are looked at.
const MOST_PORTS: usize = 10;

/// The fields of an image below a machine's spec: its name, and how else it may be chosen.
fn image_fields(context: &Context<'_>) -> (&'static str, &'static [&'static str]) {
    if is_v1alpha7(context) {
        ("image", &["imageUUID"])
    } else {
        (
            "image/filter/name",
            &["image/id", "image/imageRef", "image/filter/tags"],
        )
    }
}

pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(openstack) = &context.site().spec().openstack else {
        return;
    };
    if !context.is_create() {
        // The spec cannot be changed once it is stored.
        draft.only_put_back();
    }
    let purpose = purpose(context);
    complete_cloud(context, draft, openstack, SPEC, |draft| {
        default_cloud(context, draft, openstack, &purpose)
    });
    complete_flavor(context, draft, openstack, &purpose);
    complete_image(context, draft, &purpose);
}

/// The cloud of the cluster, else the site's default; a warning when another might be meant.
fn default_cloud<'a>(
    context: &Context<'a>,
    draft: &mut Draft<'_>,
    openstack: &'a OpenStackSpec,
    purpose: &Purpose<'a>,
) -> &'a str {
    if let Some(name) = purpose.cluster.and_then(|facts| context.cloud_of(facts)) {
        return name;
    }
    let name = &openstack.default_cloud;
    if openstack.clouds.len() > 1 {
        let message = format!("its OpenStackCluster is not known yet, so the cloud is {name}");
        let path = field_path(&super::cloud_pointer(context, SPEC));
        let finding = Finding::new(Code::CloudAssumed, path, Value::Null, message);
        draft.finding(finding.hint("better name it"));
    }
    name
}

fn complete_flavor(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    openstack: &OpenStackSpec,
    purpose: &Purpose<'_>,
) {
    let flavor = format!("{SPEC}/flavor");
    if draft.put_back(&format!("{SPEC}/flavorID"))
        || draft.put_back(&flavor)
        || !draft.takes_defaults()
    {
        return;
    }
    let Some(cloud) = cloud(context, draft, openstack, SPEC) else {
        return;
    };
    let wanted = purpose.wanted(context, draft.object());
    let name = sizing::name_of(context, draft, &wanted);
    if let Some(found) = name.and_then(|name| cloud.flavors.get(name)) {
        draft.set(&flavor, Value::from(found.as_str()));
    }
}

fn complete_image(context: &Context<'_>, draft: &mut Draft<'_>, purpose: &Purpose<'_>) {
    let (name, others) = image_fields(context);
    let is_chosen = others
        .iter()
        .any(|other| draft.put_back(&format!("{SPEC}/{other}")));
    let pointer = format!("{SPEC}/{name}");
    if is_chosen || draft.put_back(&pointer) || !draft.takes_defaults() {
        return;
    }
    if let Some(image) = &release_for(context, draft, purpose, &pointer).openstack_image {
        draft.set(&pointer, Value::from(image.as_str()));
    }
}

pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let openstack = context.site().spec().openstack.as_ref();
    let Some(openstack) = offered(context, draft, openstack) else {
        return;
    };
    check_cloud(context, draft, openstack, SPEC);
    let clouds = clouds(context, draft, openstack, SPEC);
    let purpose = purpose(context);
    check_machine(context, draft, &clouds, SPEC);
    check_size(context, draft, &clouds, &purpose);
    let (image, _) = image_fields(context);
    let image = format!("{SPEC}/{image}");
    warn_of_other_version(context, draft, &purpose, &image, |release| {
        release.openstack_image.as_deref()
    });
}

/// The clouds that a machine may stand in: the one that is named, or any.
fn clouds<'a>(
    context: &Context<'_>,
    draft: &Draft<'_>,
    openstack: &'a OpenStackSpec,
    spec: &str,
) -> Vec<&'a OpenStackCloud> {
    match cloud(context, draft, openstack, spec) {
        Some(cloud) => vec![cloud],
        None => openstack.clouds.values().collect(),
    }
}

fn check_machine(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    clouds: &[&OpenStackCloud],
    spec: &str,
) {
    check_flavor(draft, clouds, spec);
    check_image(context, draft, clouds, spec);
    check_root_volume(context, draft, clouds, spec);
    let disks = "the site's node specs have one disk";
    let fields = ["additionalBlockDevices"];
    refuse(draft, spec, Code::SizeNotOffered, disks, &fields);
    let addresses = "addresses are given to machines";
    let fields = ["floatingIP"];
    refuse(draft, spec, Code::AddressInTemplate, addresses, &fields);
    let beyond = "it reaches beyond the machine itself";
    let fields = [
        "floatingIPPoolRef",
        "instanceID",
        "providerID",
        "schedulerHintAdditionalProperties",
        "serverGroup",
        "serverGroupID",
    ];
    refuse(draft, spec, Code::FieldNotOffered, beyond, &fields);
    check_ports(draft, spec);
}

fn check_flavor(draft: &mut Draft<'_>, clouds: &[&OpenStackCloud], spec: &str) {
    let pointer = format!("{spec}/flavor");
    draft.expect(&pointer, "a string", Value::is_string);
    let by_name = "flavors are chosen by name";
    refuse(draft, spec, Code::FlavorNotOffered, by_name, &["flavorID"]);
    let flavors = || clouds.iter().flat_map(|cloud| cloud.all_flavors());
    let written = draft.text(&pointer).unwrap_or_default().to_owned();
    let is_wrong_type = draft.get(&pointer).is_some_and(|value| !value.is_string());
    let is_by_id = draft.has(&format!("{spec}/flavorID"));
    if flavors().any(|flavor| flavor == written) || is_wrong_type || is_by_id {
        return;
    }
    let mut offered: Vec<_> = flavors().collect();
    offered.sort_unstable();
    offered.dedup();
    let code = Code::FlavorNotOffered;
    found_not_offered(draft, code, &pointer, "flavors here", &offered);
}

fn check_size(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    clouds: &[&OpenStackCloud],
    purpose: &Purpose<'_>,
) {
    let pointer = format!("{SPEC}/flavor");
    let wanted = purpose.wanted(context, draft.object());
    let written = draft.text(&pointer).map(str::to_owned);
    sizing::check_named(context, draft, &pointer, &wanted, |name| {
        let written = written.as_deref()?;
        let mut flavors = clouds.iter().filter_map(|cloud| cloud.flavors.get(name));
        let first = flavors.clone().next();
        let fits = flavors.any(|flavor| flavor == written);
        Some((
            fits,
            first.map_or("not offered here", String::as_str).to_owned(),
        ))
    });
}

fn check_image(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    clouds: &[&OpenStackCloud],
    spec: &str,
) {
    let (name, others) = image_fields(context);
    let code = Code::ProviderImageNotOffered;
    refuse(draft, spec, code, "images are chosen by name", others);
    let pointer = format!("{spec}/{name}");
    draft.expect(&pointer, "a string", Value::is_string);
    let Some(written) = draft.text(&pointer).map(str::to_owned) else {
        return;
    };
    let releases = context.site().releases();
    let more = clouds.iter().flat_map(|cloud| &cloud.more_images);
    let offered: Vec<_> = releases
        .filter_map(|release| release.openstack_image.as_deref())
        .chain(more.map(String::as_str))
        .collect();
    if !offered.contains(&written.as_str()) {
        found_not_offered(draft, code, &pointer, "images here", &offered);
    }
}

/// A disk in the volume service may be as large as the node spec's, which the flavor stands for.
fn check_root_volume(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    clouds: &[&OpenStackCloud],
    spec: &str,
) {
    let size = if is_v1alpha7(context) {
        "diskSize"
    } else {
        "sizeGiB"
    };
    let pointer = format!("{spec}/rootVolume/{size}");
    draft.expect(&pointer, "a whole number, 0 or more,", Value::is_u64);
    let Some(size) = draft.get(&pointer).and_then(Value::as_u64) else {
        return;
    };
    let flavor = draft.text(&format!("{spec}/flavor"));
    let of_flavor = clouds
        .iter()
        .flat_map(|cloud| &cloud.flavors)
        .filter(|(_, name)| Some(name.as_str()) == flavor)
        .filter_map(|(name, _)| context.site().node_spec(name));
    let largest = of_flavor.map(|spec| spec.disk_gib).max().unwrap_or(0);
    if size > largest {
        let message = format!("the flavor is offered with a disk of {largest} GiB at the most");
        let hint = Some("leave the volume out, or make it smaller".to_owned());
        draft.found(Code::SizeNotOffered, &pointer, message, hint);
    }
}

fn check_ports(draft: &mut Draft<'_>, spec: &str) {
    let ports = format!("{spec}/ports");
    draft.expect(&ports, "a list", Value::is_array);
    let most = format!("a machine has {MOST_PORTS} ports at the most");
    for index in 0..at_most(draft, &ports, MOST_PORTS, most) {
        let port = format!("{ports}/{index}");
        draft.expect(&port, "an object", Value::is_object);
        let shared = "all machines of the template would share it";
        let fields = ["allowedAddressPairs", "fixedIPs", "macAddress"];
        refuse(draft, &port, Code::AddressInTemplate, shared, &fields);
        let beyond = "it reaches beyond the machine itself";
        let fields = ["hostId", "hostID", "network", "profile", "valueSpecs"];
        refuse(draft, &port, Code::FieldNotOffered, beyond, &fields);
        if draft.get(&format!("{port}/disablePortSecurity")) == Some(&Value::Bool(true)) {
            let message = "the machine could then send under any address";
            let fields = ["disablePortSecurity"];
            refuse(draft, &port, Code::FieldNotOffered, message, &fields);
        }
    }
}
