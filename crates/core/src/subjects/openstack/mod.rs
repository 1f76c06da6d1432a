//! OpenStack by CAPO: in which cloud, by which identity.
//!
//! CAPO's v1alpha7 names the cloud beside the identity, v1beta1 inside of it. A machine that names
//! neither takes both from its cluster.

pub(super) mod cluster;
pub(super) mod machine;

use serde_json::Value;

use super::{must_equal_as, not_offered, refuse};
use crate::change::Draft;
use crate::context::Context;
use crate::json::{field_path, text_at};
use crate::site::{OpenStackCloud, OpenStackSpec};
use crate::{ApiVersion, Code, Finding};

/// What an identity is: CAPO knows other kinds from later versions on.
const SECRET: &str = "Secret";

fn is_v1alpha7(context: &Context<'_>) -> bool {
    context.request.subject.version == ApiVersion::V1Alpha7
}

/// Where the cloud's name stands below a spec.
fn cloud_pointer(context: &Context<'_>, spec: &str) -> String {
    if is_v1alpha7(context) {
        format!("{spec}/cloudName")
    } else {
        format!("{spec}/identityRef/cloudName")
    }
}

/// The cloud that an object names, if the site offers it.
fn cloud<'a>(
    context: &Context<'_>,
    draft: &Draft<'_>,
    openstack: &'a OpenStackSpec,
    spec: &str,
) -> Option<&'a OpenStackCloud> {
    let name = draft.text(&cloud_pointer(context, spec))?;
    openstack.clouds.get(name)
}

/// Puts cloud and identity in.
fn complete_cloud<'a>(
    context: &Context<'a>,
    draft: &mut Draft<'_>,
    openstack: &'a OpenStackSpec,
    spec: &str,
    default: impl FnOnce(&mut Draft<'_>) -> &'a str,
) {
    let pointer = cloud_pointer(context, spec);
    if !draft.put_back(&pointer) && draft.takes_defaults() {
        let name = default(draft);
        draft.set(&pointer, Value::from(name));
    }
    if let Some(cloud) = cloud(context, draft, openstack, spec) {
        complete_identity(context, draft, spec, &cloud.identity);
    }
}

/// Manifests all over the world name a Secret of their own. CAPO would log in with it to wherever it
/// leads, so that the site's takes its place.
fn complete_identity(context: &Context<'_>, draft: &mut Draft<'_>, spec: &str, identity: &str) {
    let pointer = format!("{spec}/identityRef/name");
    let stored = draft.old().and_then(|old| text_at(old, &pointer));
    let written = draft.text(&pointer).map(str::to_owned);
    // What is stored already came before Basphere: a running cluster keeps it.
    if let Some(written) = written.filter(|name| name != identity && stored != Some(name)) {
        draft.set(&pointer, Value::from(identity));
        if stored != Some(identity) {
            let path = field_path(&pointer);
            let message = format!("the site's Secret {identity} takes the place of {written}");
            let finding = Finding::new(Code::IdentityReplaced, path, written.into(), message);
            draft.finding(finding);
        }
    }
    draft.fill(&pointer, identity);
    if is_v1alpha7(context) {
        draft.fill(&format!("{spec}/identityRef/kind"), SECRET);
    }
}

/// Refuses a cloud or an identity that is not the site's. True when a cloud is named.
fn check_cloud(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    openstack: &OpenStackSpec,
    spec: &str,
) -> bool {
    let pointer = cloud_pointer(context, spec);
    let identity = format!("{spec}/identityRef");
    draft.expect(&pointer, "a string", Value::is_string);
    draft.expect(&identity, "an object", Value::is_object);
    let Some(name) = draft.text(&pointer).map(str::to_owned) else {
        if draft.has(&identity) {
            let path = field_path(&pointer);
            let names = openstack.clouds.keys().map(String::as_str);
            let finding = not_offered(Code::CloudNotTheSites, path, "", "clouds", names);
            draft.finding(finding);
        }
        return false;
    };
    let Some(cloud) = openstack.clouds.get(&name) else {
        let names = openstack.clouds.keys().map(String::as_str);
        let path = field_path(&pointer);
        let finding = not_offered(Code::CloudNotTheSites, path, &name, "clouds", names);
        draft.finding(finding);
        return true;
    };
    let must_equal = |draft: &mut Draft<'_>, field: &str, wanted: Option<&str>| {
        let pointer = format!("{identity}/{field}");
        must_equal_as(draft, Code::CloudNotTheSites, &pointer, wanted);
    };
    must_equal(draft, "name", Some(&cloud.identity));
    if is_v1alpha7(context) {
        must_equal(draft, "kind", Some(SECRET));
    } else {
        must_equal(draft, "region", None);
        // CAPO has this field from 0.14 on, for identities that are no Secret.
        if draft.has(&format!("{identity}/type")) {
            must_equal(draft, "type", Some(SECRET));
        }
    }
    true
}

/// Refuses an object without a cloud: CAPO would log in as itself.
fn demand_cloud(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    openstack: &OpenStackSpec,
    spec: &str,
) {
    if !check_cloud(context, draft, openstack, spec) && !draft.has(&format!("{spec}/identityRef")) {
        let names = openstack.clouds.keys().map(String::as_str);
        let path = field_path(&cloud_pointer(context, spec));
        let finding = not_offered(Code::CloudNotTheSites, path, "", "clouds", names);
        draft.finding(finding);
    }
}
