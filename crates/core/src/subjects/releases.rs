//! Which Kubernetes versions may be asked for.

use serde_json::Value;

use super::enumeration;
use crate::change::Draft;
use crate::context::Context;
use crate::inventory::Facts;
use crate::json::field_path;
use crate::site::Release;
use crate::{Code, Finding, KubernetesVersion};

/// Refuses a version that the site does not offer.
pub(super) fn check_version(context: &Context<'_>, draft: &mut Draft<'_>, pointer: &str) {
    draft.expect(pointer, "a string such as \"v1.28.0\"", Value::is_string);
    let Some(written) = draft.text(pointer).map(str::to_owned) else {
        return;
    };
    let site = context.site();
    let offered = enumeration(site.releases().map(|release| release.version.to_string()));
    let message = format!("the site offers {offered}");
    let finding = |hint: String| {
        Finding::new(
            Code::VersionNotOffered,
            field_path(pointer),
            Value::from(written.as_str()),
            message.clone(),
        )
        .hint(hint)
    };
    match written.parse::<KubernetesVersion>() {
        Ok(version) if site.release(&version).is_some() => {}
        Ok(version) if context.is_carried_on(|said| said.version.as_ref() == Some(&version)) => {}
        Ok(version) => draft.finding(finding(format!(
            "nearest: {}",
            site.nearest_release(&version).version
        ))),
        Err(_) => draft.finding(finding(format!(
            "for example: {}",
            site.default_release().version
        ))),
    }
}

/// The release that a version names, if the site offers it.
pub(super) fn release<'a>(context: &Context<'a>, version: Option<&str>) -> Option<&'a Release> {
    version?
        .parse()
        .ok()
        .and_then(|version| context.site().release(&version))
}

/// The release that the machines of a Cluster are to run, by its control plane.
pub(super) fn release_of_cluster<'a>(
    context: &Context<'a>,
    cluster: &Facts,
) -> Option<&'a Release> {
    release(
        context,
        context.control_plane_of(cluster)?.version.as_deref(),
    )
}
