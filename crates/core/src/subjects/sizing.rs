//! From names of node specs, and from numbers, to the size of a machine.

use serde_json::Value;

use super::{check_node_spec, enumeration, not_offered};
use crate::change::Draft;
use crate::context::{Context, Linker};
use crate::inventory::{Facts, mark};
use crate::json::field_path;
use crate::site::{NodeGroupSpec, NodeSpec, PartialSize};
use crate::{Code, Finding, Kind, keys};

/// The three fields that make a size, below the machine's spec.
const FIELDS: [&str; 3] = ["numCPUs", "memoryMiB", "diskGiB"];

/// A node spec of the site, with its name.
type Offer<'a> = (&'a str, &'a NodeSpec);

/// A node spec that somebody named; it may be none of the site's.
#[derive(Debug)]
struct Named {
    name: String,
    /// Who named it, unless the template itself did: "MachineDeployment demo-workers".
    by: Option<String>,
}

/// What decides about a template's size besides the numbers in it.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    named: Option<Named>,
    /// What the cluster's type, or the site, gives to a machine of which nothing is said.
    default: Offer<'a>,
    /// What is not there yet, so that the default may turn out wrong.
    unknown: Option<&'static str>,
}

/// Finds out what size a template is wanted to have.
pub(super) fn wanted<'a>(
    context: &Context<'a>,
    object: &Value,
    linker: Option<Linker<'a>>,
    cluster: Option<&'a Facts>,
) -> Wanted<'a> {
    let named = |name: &str, by: Option<String>| Named {
        name: name.to_owned(),
        by,
    };
    let on_template = mark(object, keys::NODE_SPEC).map(|name| named(name, None));
    // The topology controller asks beforehand what would come of another size, while what refers to the
    // template is still marked for the old one. It was judged in the Cluster's topology.
    let (linker, cluster) = if context.is_topology_owned() {
        (None, None)
    } else {
        (linker, cluster)
    };
    let on_linker = || {
        let linker = linker?;
        let by = format!("{} {}", linker.kind, linker.name);
        Some(named(linker.facts.node_spec.as_deref()?, Some(by)))
    };
    let on_cluster = || {
        Some(named(
            cluster?.node_spec.as_deref()?,
            Some("its Cluster".to_owned()),
        ))
    };
    Wanted {
        named: on_template.or_else(on_linker).or_else(on_cluster),
        default: default_for(context, linker, cluster),
        unknown: match (linker, cluster) {
            (None, _) => Some("nothing refers to this template yet"),
            (_, None) => Some("its Cluster is not there yet"),
            _ => None,
        },
    }
}

fn default_for<'a>(
    context: &Context<'a>,
    linker: Option<Linker<'a>>,
    cluster: Option<&'a Facts>,
) -> Offer<'a> {
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
    if given.is_empty() {
        warn_of_assumption(draft, wanted, name);
    }
    for (field, value) in FIELDS
        .into_iter()
        .zip([size.cpus, size.memory_mib, size.disk_gib])
    {
        draft.fill(&format!("{spec}/{field}"), value);
    }
}

/// The node spec of a machine of which no numbers are given. Nothing when one is named that the site
/// does not have; a warning when it is the default for want of a better.
pub(super) fn name_of<'a>(
    context: &Context<'a>,
    draft: &mut Draft<'_>,
    wanted: &Wanted<'a>,
) -> Option<&'a str> {
    let (name, _) = choose(context, &PartialSize::default(), wanted)?;
    warn_of_assumption(draft, wanted, name);
    Some(name)
}

fn warn_of_assumption(draft: &mut Draft<'_>, wanted: &Wanted<'_>, name: &str) {
    if let Some(unknown) = wanted.unknown
        && wanted.named.is_none()
    {
        let message = format!("{unknown}, so it is sized {name}");
        draft.finding(
            Finding::new(Code::SpecAssumed, "metadata", Value::Null, message)
                .hint(format!("set {}", keys::NODE_SPEC)),
        );
    }
}

/// The node spec that fills the gaps: the one that is named; else the default, if it agrees with the
/// numbers that are given; else the smallest that does.
fn choose<'a>(
    context: &Context<'a>,
    given: &PartialSize,
    wanted: &Wanted<'a>,
) -> Option<Offer<'a>> {
    let site = context.site();
    if let Some(named) = &wanted.named {
        return site
            .spec()
            .node_specs
            .get_key_value(&named.name)
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
    object.pointer(spec).map(size).unwrap_or_default()
}

/// The size that fields of a machine, or of a variable, say.
pub(crate) fn size(machine: &Value) -> PartialSize {
    let number = |field: &str| machine.get(field).and_then(Value::as_u64);
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
        let pointer = format!("{spec}/{field}");
        draft.expect(&pointer, "a whole number, 0 or more,", Value::is_u64);
    }
    check_extras(draft, spec);
    check_node_spec(context, draft);
    let site = context.site();
    let given = given(draft.object(), spec);
    match &wanted.named {
        Some(named) => match site.node_spec(&named.name) {
            Some(size) if given.fits(size) => {}
            Some(size) => draft.finding(contradiction(context, &given, named, size, spec)),
            None => {
                if let Some(finding) = unknown_by(context, named, spec) {
                    draft.finding(finding);
                }
            }
        },
        None if site.spec().node_specs.values().any(|size| given.fits(size)) => {}
        None if context.is_carried_on(|said| said.sizes.contains(&given)) => {}
        None => draft.finding(not_a_size(context, &given, spec)),
    }
}

/// Refuses a node spec that the site does not have, and what is not the one that is named. `stands_for`
/// tells how the provider writes a node spec, when it has one for it, and whether this is it.
pub(super) fn check_named(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    pointer: &str,
    wanted: &Wanted<'_>,
    stands_for: impl Fn(&str) -> Option<(bool, String)>,
) {
    check_node_spec(context, draft);
    let Some(named) = &wanted.named else {
        return;
    };
    if context.site().node_spec(&named.name).is_none() {
        if let Some(finding) = unknown_by(context, named, pointer) {
            draft.finding(finding);
        }
    } else if let Some((false, written)) = stands_for(&named.name) {
        let asked = asked_for(named);
        let message = format!("{asked} {}, which is {written}", named.name);
        let hint = Some(way_out(context, "leave this out").to_owned());
        draft.found(Code::SizeContradictsSpec, pointer, message, hint);
    }
}

/// What no node spec has, and what would make a machine larger than its spec.
fn check_extras(draft: &mut Draft<'_>, spec: &str) {
    for (field, message) in [
        ("additionalDisksGiB", "the site's node specs have one disk"),
        ("dataDisks", "the site's node specs have one disk"),
        ("pciDevices", "the site's node specs have no PCI devices"),
        (
            "customVMXKeys",
            "the site's node specs have no settings of their own",
        ),
    ] {
        let pointer = format!("{spec}/{field}");
        if draft.has(&pointer) {
            let hint = Some("leave them out".to_owned());
            draft.found(Code::SizeNotOffered, &pointer, message, hint);
        }
    }
}

/// A name that somebody else gave; the template's own is judged where it stands.
fn unknown_by(context: &Context<'_>, named: &Named, spec: &str) -> Option<Finding> {
    let by = named.by.as_ref()?;
    let names = context.site().spec().node_specs.keys().map(String::as_str);
    let mut finding = not_offered(
        Code::SpecUnknown,
        field_path(spec),
        &named.name,
        "node specs",
        names,
    );
    finding.message = format!("{} of {by}: {}", keys::NODE_SPEC, finding.message);
    Some(finding)
}

fn not_a_size(context: &Context<'_>, given: &PartialSize, spec: &str) -> Finding {
    let site = context.site();
    let specs = site.spec().node_specs.iter();
    let offered = enumeration(specs.map(|(name, size)| describe(name, size)));
    let (name, _) = site.nearest_node_spec(given);
    Finding::new(
        Code::SizeNotOffered,
        field_path(spec),
        as_value(given),
        format!("the site offers {offered}"),
    )
    .hint(format!(
        "nearest: {name} (leave the numbers out and set {}: {name})",
        keys::NODE_SPEC
    ))
}

fn contradiction(
    context: &Context<'_>,
    given: &PartialSize,
    named: &Named,
    size: &NodeSpec,
    spec: &str,
) -> Finding {
    let message = format!("{} {}", asked_for(named), describe(&named.name, size));
    let hint = match named.by {
        None => way_out(context, "leave the numbers out, or the name"),
        Some(_) => way_out(context, "leave the numbers out"),
    };
    Finding::new(
        Code::SizeContradictsSpec,
        field_path(spec),
        as_value(given),
        message,
    )
    .hint(hint)
}

/// "basphere.dev/node-spec of MachineDeployment demo-workers asks for".
fn asked_for(named: &Named) -> String {
    let by = named.by.as_ref();
    let of = by.map_or_else(String::new, |by| format!(" of {by}"));
    format!("{}{of} asks for", keys::NODE_SPEC)
}

/// What to do about a contradiction.
fn way_out(context: &Context<'_>, on_create: &'static str) -> &'static str {
    if context.is_create() {
        on_create
    } else {
        "a stored template cannot be resized: make a new one and refer to it"
    }
}

pub(crate) fn describe(name: &str, size: &NodeSpec) -> String {
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
