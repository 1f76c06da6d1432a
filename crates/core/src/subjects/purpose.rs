//! What a machine template is for, whoever provides the machines: who refers to it, whose cluster it
//! belongs to, and which release the machines are to run.

use serde_json::Value;

use super::releases::{release, release_of_cluster};
use super::sizing;
use crate::change::Draft;
use crate::context::{Context, Linker};
use crate::inventory::Facts;
use crate::json::{field_path, text_at};
use crate::site::Release;
use crate::{Code, Finding};

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

impl<'a> Purpose<'a> {
    /// What size the template is wanted to have.
    pub(super) fn wanted(&self, context: &Context<'a>, object: &Value) -> sizing::Wanted<'a> {
        sizing::wanted(context, object, self.linker, self.cluster)
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

/// Warns when an image is a release's, but not that of the release that the machines are to run. Of
/// any other image nothing is known.
pub(super) fn warn_of_other_version<'a>(
    context: &Context<'a>,
    draft: &mut Draft<'_>,
    purpose: &Purpose<'a>,
    pointer: &str,
    image_of: fn(&Release) -> Option<&str>,
) {
    let (Some(written), Some(release)) = (draft.text(pointer), purpose.release) else {
        return;
    };
    let mut releases = context.site().releases();
    let is_a_releases = releases.any(|release| image_of(release) == Some(written));
    if let Some(wanted) = image_of(release).filter(|wanted| is_a_releases && *wanted != written) {
        let message = format!(
            "the machines are to run {}, which is in {wanted}",
            release.version
        );
        let path = field_path(pointer);
        let finding = Finding::new(Code::ImageVersionDiffers, path, written.into(), message);
        draft.finding(finding);
    }
}
