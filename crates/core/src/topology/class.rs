//! Which ClusterClass a topology is of.

use serde_json::Value;

use super::variables::{REQUIRED, VARIABLES, value};
use crate::change::Draft;
use crate::context::Context;
use crate::json::text_at;
use crate::site::Trust;
use crate::{ApiVersion, Code};

/// Where the class's name stands, and its namespace.
fn places(version: ApiVersion) -> [&'static str; 2] {
    match version {
        ApiVersion::V1Beta2 | ApiVersion::V1 => [
            "/spec/topology/classRef/name",
            "/spec/topology/classRef/namespace",
        ],
        ApiVersion::V1Alpha1 | ApiVersion::V1Alpha7 | ApiVersion::V1Beta1 => {
            ["/spec/topology/class", "/spec/topology/classNamespace"]
        }
    }
}

/// Names the site's class where none is named, and its namespace where only the name stands.
pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let [name, namespace] = places(context.request.subject.version);
    let ours = context.site().spec().topology.as_ref();
    draft.put_back(name);
    if let Some(ours) = ours.filter(|_| context.is_create()) {
        draft.fill(name, ours.class.as_str());
    }
    let stored = draft.old().and_then(|old| text_at(old, name));
    if stored.is_some() && stored == draft.text(name) {
        draft.put_back(namespace);
    } else if let Some(ours) = ours.filter(|ours| draft.text(name) == Some(&ours.class)) {
        // Without it, the class would be looked for in the Cluster's own namespace.
        if !draft.has(namespace) && draft.takes_defaults() {
            draft.set(namespace, ours.namespace.as_str().into());
        }
    }
}

/// Whether a topology is of the site's class, or of the one that was the site's when it was made.
pub(crate) fn is_ours(context: &Context<'_>, cluster: &Value) -> bool {
    is_the_sites(context, cluster) || was_the_sites(context, cluster)
}

/// Whether a topology is of the class that it was stored with, and that was the site's then: it stands in
/// another namespace, and has all the variables that are filled in for the site's.
fn was_the_sites(context: &Context<'_>, cluster: &Value) -> bool {
    let Some(old) = &context.request.old_object else {
        return false;
    };
    let is_same = names(context, old) == names(context, cluster);
    let mut filled_in = REQUIRED.iter();
    is_same
        && is_foreign(context, old)
        && filled_in.all(|name| value(old, VARIABLES, name).is_some())
}

fn is_the_sites(context: &Context<'_>, cluster: &Value) -> bool {
    let Some(ours) = &context.site().spec().topology else {
        return false;
    };
    let [name, of] = places(context.request.subject.version);
    let written = text_at(cluster, of).filter(|namespace| !namespace.is_empty());
    let own = context.request.namespace.as_str();
    text_at(cluster, name) == Some(&ours.class) && written.unwrap_or(own) == ours.namespace
}

/// The name of the class, and its namespace where one is written.
pub(super) fn names<'a>(context: &Context<'_>, cluster: &'a Value) -> [Option<&'a str>; 2] {
    places(context.request.subject.version).map(|place| text_at(cluster, place))
}

/// The namespace that a topology's class is said to be in, whatever the Cluster's version.
pub(super) fn namespace(cluster: &Value) -> Option<&str> {
    let [newer, older] =
        [ApiVersion::V1Beta2, ApiVersion::V1Beta1].map(|version| places(version)[1]);
    let written = text_at(cluster, newer).or_else(|| text_at(cluster, older));
    written.filter(|namespace| !namespace.is_empty())
}

/// Whether the class is in another namespace than the Cluster, as only the site's may be for a tenant.
pub(super) fn is_foreign(context: &Context<'_>, cluster: &Value) -> bool {
    namespace(cluster).is_some_and(|of| of != context.request.namespace)
}

/// The one namespace that a Cluster's reference may lead to besides its own.
pub(crate) fn foreign_namespace<'a>(context: &Context<'a>, pointer: &str) -> Option<&'a str> {
    let [_, place] = places(context.request.subject.version);
    let ours = context.site().spec().topology.as_ref()?;
    (pointer == place).then_some(ours.namespace.as_str())
}

/// Tenants make clusters of the site's class; admins of any.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(ours) = &context.site().spec().topology else {
        return;
    };
    let [name, of] = places(context.request.subject.version);
    let Some(written) = draft
        .text(name)
        .filter(|_| context.trust() == Trust::Person)
    else {
        return;
    };
    let is_it = written == ours.class;
    let wanted = ours.namespace.as_str();
    let own = context.request.namespace.as_str();
    let namespace = draft.text(of).unwrap_or(own);
    let message = format!(
        "the site's ClusterClass is {} in namespace {wanted}",
        ours.class
    );
    let hint = Some("leave it out, it is filled in".to_owned());
    if !is_it {
        draft.found(Code::ClassNotTheSites, name, message, hint);
    } else if namespace != wanted && namespace == own {
        // That a reference leads elsewhere is told of by whoever looks at all references.
        draft.found(Code::ClassNotTheSites, of, message, hint);
    }
}
