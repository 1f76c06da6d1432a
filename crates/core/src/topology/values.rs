//! What the site says, as values of the class's variables, so that one class serves every site.

use serde_json::{Map, Value, json};

use super::group::{Group, control_plane};
use super::groups;
use super::variables::{CRI_SOCKET, VSPHERE, every_list, places, put, put_back, value};
use super::{VARIABLES, carried_on, images};
use crate::change::Draft;
use crate::context::Context;
use crate::json::field_path;
use crate::site::{NodeSpec, VSphereSpec};
use crate::subjects::{describe_spec, must_equal, placement};
use crate::{Code, Finding, keys};

/// Where machines stand, field by field, with what the site says.
fn placed(vsphere: &VSphereSpec) -> Vec<(&'static str, Option<&str>)> {
    let more = [
        ("identity", Some(vsphere.identity.as_str())),
        ("network", Some(vsphere.network.as_str())),
    ];
    placement(vsphere).into_iter().chain(more).collect()
}

/// A field of its own, since it is no text: whether machines ask for an address.
const DHCP: &str = "dhcp4";

fn place(vsphere: &VSphereSpec) -> Value {
    let texts = placed(vsphere).into_iter();
    let texts = texts.filter_map(|(field, text)| Some((field.to_owned(), Value::from(text?))));
    let mut all: Map<String, Value> = texts.collect();
    all.insert(DHCP.to_owned(), vsphere.dhcp.into());
    all.into()
}

fn machine(spec: &NodeSpec) -> Value {
    json!({"numCPUs": spec.cpus, "memoryMiB": spec.memory_mib, "diskGiB": spec.disk_gib})
}

/// Puts the values in that are missing, and makes those anew that a change of the request outdates.
pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>, vsphere: &VSphereSpec) {
    let fixed = [
        (VSPHERE, place(vsphere)),
        (
            CRI_SOCKET,
            context.site().spec().kubernetes.cri_socket.as_str().into(),
        ),
    ];
    for (name, value) in fixed {
        if !put_back(draft, name) && context.is_create() && draft.takes_defaults() {
            put(draft, VARIABLES, name, value);
        }
    }
    images::complete(context, draft);
    complete_size(context, draft, &control_plane(), VARIABLES);
    for group in groups::deployments(draft.object()) {
        complete_size(context, draft, &group, &group.overrides());
    }
}

/// Puts the size of a group's machines in: the stored one while its node spec stays, else that of its
/// node spec. A size that is another's is replaced where one is stored: a change of the mark alone sends the
/// stored size along, and so does the same file when it is applied once more.
fn complete_size(context: &Context<'_>, draft: &mut Draft<'_>, group: &Group, list: &str) {
    let site = context.site();
    let stored = stored_size(context, draft, group);
    let wanted = match &stored {
        Some((size, true)) => size.clone(),
        _ if !draft.takes_defaults() => None,
        _ => group.spec(site, draft.object()).map(machine),
    };
    let Some(wanted) = wanted else {
        return;
    };
    let written = value(draft.object(), list, group.size_variable());
    let is_stored = matches!(&stored, Some((Some(size), false)) if Some(size) == written);
    let is_offered = |size: &Value| {
        site.spec()
            .node_specs
            .values()
            .any(|spec| machine(spec) == *size)
    };
    match written {
        Some(written) if *written == wanted => return,
        Some(_) if is_stored => {}
        Some(written) if stored.is_some() && is_offered(written) => {
            draft.finding(replaced(draft, group, list, &wanted));
        }
        Some(_) => return,
        None => {}
    }
    put(draft, list, group.size_variable(), wanted);
}

fn replaced(draft: &Draft<'_>, group: &Group, list: &str, wanted: &Value) -> Finding {
    let places = places(draft.object(), list, group.size_variable());
    let path = places.first().map(|place| field_path(place));
    let message = format!("the group's node spec has another size, {wanted} took its place");
    let hint = format!("leave the variable out, or change {}", keys::NODE_SPEC);
    let path = path.unwrap_or_default();
    Finding::new(Code::SizeReplaced, path, Value::Null, message).hint(hint)
}

/// The size that is stored of a group, and whether the group is of the same node spec as then. Nothing
/// when it is a new group.
fn stored_size(
    context: &Context<'_>,
    draft: &Draft<'_>,
    group: &Group,
) -> Option<(Option<Value>, bool)> {
    let old = draft.old()?;
    let stored = groups::stored(group, Some(old))?;
    let site = context.site();
    let list = if group.is_control_plane() {
        VARIABLES.to_owned()
    } else {
        stored.overrides()
    };
    let is_same = stored.spec_name(site, old) == group.spec_name(site, draft.object());
    Some((value(old, &list, group.size_variable()).cloned(), is_same))
}

/// Refuses values that are neither the site's nor stored already.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>, vsphere: &VSphereSpec) {
    for list in every_list(draft.object()) {
        check_list(context, draft, vsphere, &list);
    }
    check_size(context, draft, &control_plane());
    for group in groups::deployments(draft.object()) {
        check_size(context, draft, &group);
    }
}

fn check_list(context: &Context<'_>, draft: &mut Draft<'_>, vsphere: &VSphereSpec, list: &str) {
    for pointer in places(draft.object(), list, VSPHERE) {
        if is_stored(context, draft, VSPHERE, &pointer) {
            continue;
        }
        for (field, wanted) in placed(vsphere) {
            must_equal(draft, &format!("{pointer}/{field}"), wanted);
        }
        let dhcp = format!("{pointer}/{DHCP}");
        if draft.get(&dhcp) != Some(&vsphere.dhcp.into()) {
            not_the_sites(draft, &dhcp, &vsphere.dhcp.to_string());
        }
    }
    let socket = context.site().spec().kubernetes.cri_socket.as_str();
    for pointer in places(draft.object(), list, CRI_SOCKET) {
        if draft.text(&pointer) != Some(socket) && !is_stored(context, draft, CRI_SOCKET, &pointer)
        {
            not_the_sites(draft, &pointer, &format!("{socket:?}"));
        }
    }
}

fn not_the_sites(draft: &mut Draft<'_>, pointer: &str, wanted: &str) {
    let hint = Some("leave the variable out, it is filled in".to_owned());
    let message = format!("the site's is {wanted}");
    draft.found(Code::VariableNotTheSites, pointer, message, hint);
}

/// Whether what stands at a pointer is the value that the whole topology had of that name: a Site that
/// was changed is held against nobody.
fn is_stored(context: &Context<'_>, draft: &Draft<'_>, name: &str, pointer: &str) -> bool {
    let stored = carried_on(context, draft).and_then(|old| value(old, VARIABLES, name));
    stored.is_some() && stored == draft.get(pointer)
}

/// Refuses machines of another size than those that the tenant is charged for.
fn check_size(context: &Context<'_>, draft: &mut Draft<'_>, group: &Group) {
    let site = context.site();
    let name = group.size_variable();
    let list = group.list_for(draft.object(), name);
    let Some(spec) = group.spec(site, draft.object()) else {
        return;
    };
    for pointer in places(draft.object(), &list, name) {
        let written = draft.get(&pointer).cloned().unwrap_or(Value::Null);
        let kept = stored_size(context, draft, group);
        let is_kept = matches!(kept, Some((Some(size), true)) if size == written);
        if written == machine(spec) || is_kept {
            continue;
        }
        let spec_name = group.spec_name(site, draft.object());
        let message = format!(
            "{} of the group asks for {}",
            keys::NODE_SPEC,
            describe_spec(spec_name, spec)
        );
        let finding = Finding::new(
            Code::SizeContradictsSpec,
            field_path(&pointer),
            written,
            message,
        );
        let hint = format!(
            "leave the variable out, and set {} in {}.metadata.labels",
            keys::NODE_SPEC,
            field_path(&group.pointer)
        );
        draft.finding(finding.hint(hint));
    }
}
