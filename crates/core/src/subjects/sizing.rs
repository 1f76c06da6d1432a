//! From names of node specs, and from numbers, to the size of a machine.

use serde_json::Value;

use super::{enumeration, nearest};
use crate::change::Draft;
use crate::context::{Context, Linker};
use crate::inventory::{Facts, mark};
use crate::json::{field_path, token};
use crate::site::{NodeGroupSpec, NodeSpec, PartialSize};
use crate::{Code, Finding, Kind, keys};

/// The three fields that make a size, below the machine's spec.
const FIELDS: [&str; 3] = ["numCPUs", "memoryMiB", "diskGiB"];

/// A node spec by name.
pub(super) type Named<'a> = (&'a str, &'a NodeSpec);

/// What decides about a template's size besides the numbers in it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// The node spec that somebody named, and where; it may be none of the site's.
    named: Option<(String, String)>,
    /// What the cluster's type, or the site, gives to a machine of which nothing is said.
    default: Named<'a>,
    /// Nothing links to the template yet, so that the default may turn out wrong.
    is_assumed: bool,
}

/// Finds out what size a template is wanted to have.
pub(super) fn wanted<'a>(
    context: &Context<'a>,
    object: &Value,
    linker: Option<Linker<'a>>,
    cluster: Option<&'a Facts>,
) -> Wanted<'a> {
    let on_template = mark(object, keys::NODE_SPEC).map(|name| (name.to_owned(), place(object)));
    let on_linker = || {
        let linker = linker?;
        let name = linker.facts.node_spec.clone()?;
        Some((name, format!("metadata of {} {}", linker.kind, linker.name)))
    };
    let on_cluster = || {
        Some((
            cluster?.node_spec.clone()?,
            "metadata of the Cluster".to_owned(),
        ))
    };
    Wanted {
        named: on_template.or_else(on_linker).or_else(on_cluster),
        default: default_for(context, linker, cluster),
        is_assumed: linker.is_none(),
    }
}

fn place(object: &Value) -> String {
    let pointer = format!("/metadata/labels/{}", token(keys::NODE_SPEC));
    let is_label = object.pointer(&pointer).is_some();
    field_path(&format!(
        "/metadata/{}/{}",
        if is_label { "labels" } else { "annotations" },
        token(keys::NODE_SPEC)
    ))
}

fn default_for<'a>(
    context: &Context<'a>,
    linker: Option<Linker<'a>>,
    cluster: Option<&'a Facts>,
) -> Named<'a> {
    let site = context.site();
    let of_type = || {
        let cluster_type = site.cluster_type(cluster?.cluster_type.as_deref()?)?;
        let group: &NodeGroupSpec = match linker?.kind {
            Kind::KubeadmControlPlane => &cluster_type.control_plane,
            _ => &cluster_type.workers,
        };
        Some((group.spec.as_str(), site.node_spec(&group.spec)?))
    };
    of_type().unwrap_or_else(|| site.default_node_spec())
}

/// Puts the numbers in that are missing.
pub(super) fn complete(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    spec: &str,
    wanted: &Wanted<'_>,
) {
    for field in FIELDS {
        let pointer = format!("{spec}/{field}");
        // v1beta1 writes 0 where it means unset.
        if draft.get(&pointer).is_some_and(|value| value == 0) {
            draft.remove(spec, field);
        }
        draft.put_back(&pointer);
    }
    if !draft.takes_defaults() {
        return;
    }
    let given = given(draft.object(), spec);
    let Some((name, size)) = choose(context, &given, wanted) else {
        return;
    };
    if given.is_empty() && wanted.named.is_none() && wanted.is_assumed {
        let message = format!("nothing refers to this template yet, so it is sized {name}");
        draft.finding(
            Finding::new(Code::SpecAssumed, "metadata", Value::Null, message)
                .hint(format!("set {}", keys::NODE_SPEC)),
        );
    }
    for (field, value) in FIELDS
        .into_iter()
        .zip([size.cpus, size.memory_mib, size.disk_gib])
    {
        draft.fill(&format!("{spec}/{field}"), value);
    }
}

/// The node spec that fills the gaps: the one that is named; else the default, if it agrees with the
/// numbers that are given; else the smallest that does.
fn choose<'a>(
    context: &Context<'a>,
    given: &PartialSize,
    wanted: &Wanted<'a>,
) -> Option<Named<'a>> {
    let site = context.site();
    if let Some((name, _)) = &wanted.named {
        return site
            .spec()
            .node_specs
            .get_key_value(name)
            .map(|(name, spec)| (name.as_str(), spec));
    }
    if given.fits(wanted.default.1) {
        return Some(wanted.default);
    }
    let fitting = site
        .spec()
        .node_specs
        .iter()
        .filter(|(_, spec)| given.fits(spec));
    fitting
        .min_by_key(|(_, s)| (s.cpus, s.memory_mib, s.disk_gib))
        .map(|(name, spec)| (name.as_str(), spec))
}

fn given(object: &Value, spec: &str) -> PartialSize {
    let number = |field: &str| {
        object
            .pointer(&format!("{spec}/{field}"))
            .and_then(Value::as_u64)
    };
    let [cpus, memory_mib, disk_gib] = FIELDS.map(number);
    PartialSize {
        cpus,
        memory_mib,
        disk_gib,
    }
}

/// Refuses a size that is not offered, or that is not the one that was named.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>, spec: &str, wanted: &Wanted<'_>) {
    for field in FIELDS {
        draft.expect(&format!("{spec}/{field}"), "a whole number", |value| {
            value.is_u64()
        });
    }
    let site = context.site();
    let given = given(draft.object(), spec);
    if let Some((name, place)) = &wanted.named {
        match site.node_spec(name) {
            Some(size) if given.fits(size) => {}
            Some(size) => draft.finding(contradiction(&given, name, size, spec)),
            None => draft.finding(unknown_spec(context, name, place)),
        }
    } else if !site.spec().node_specs.values().any(|size| given.fits(size)) {
        let offered = enumeration(
            site.spec()
                .node_specs
                .iter()
                .map(|(name, size)| describe(name, size)),
        );
        let (name, _) = site.nearest_node_spec(&given);
        draft.finding(
            Finding::new(
                Code::SizeNotOffered,
                field_path(spec),
                as_value(&given),
                format!("the site offers {offered}"),
            )
            .hint(format!(
                "nearest: {name} (leave the numbers out and set {}: {name})",
                keys::NODE_SPEC
            )),
        );
    }
}

fn unknown_spec(context: &Context<'_>, name: &str, place: &str) -> Finding {
    let names = || context.site().spec().node_specs.keys().map(String::as_str);
    let message = format!("the site's node specs are {}", enumeration(names()));
    let mut finding = Finding::new(Code::SpecUnknown, place, Value::from(name), message);
    finding.hint = nearest(name, names()).map(|nearest| format!("nearest: {nearest}"));
    finding
}

fn contradiction(given: &PartialSize, name: &str, size: &NodeSpec, spec: &str) -> Finding {
    let message = format!("{} is {name}, {}", keys::NODE_SPEC, describe(name, size));
    Finding::new(
        Code::SizeContradictsSpec,
        field_path(spec),
        as_value(given),
        message,
    )
    .hint("leave the numbers out, or the name")
}

fn describe(name: &str, size: &NodeSpec) -> String {
    format!(
        "{name} ({} CPUs, {} MiB, {} GiB)",
        size.cpus, size.memory_mib, size.disk_gib
    )
}

fn as_value(size: &PartialSize) -> Value {
    let fields = FIELDS
        .into_iter()
        .zip([size.cpus, size.memory_mib, size.disk_gib]);
    fields
        .filter_map(|(field, value)| Some((field.to_owned(), Value::from(value?))))
        .collect()
}
