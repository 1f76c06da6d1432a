//! VSphereCluster: which vCenter, by which identity.

use serde_json::{Value, json};

use super::{must_equal, offered};
use crate::change::Draft;
use crate::context::Context;
use crate::json::field_path;
use crate::{Code, Finding, Kind};

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(vsphere) = &context.site().spec().vsphere else {
        return;
    };
    draft.fill("/spec/server", vsphere.server.as_str());
    if let Some(thumbprint) = &vsphere.thumbprint {
        draft.fill("/spec/thumbprint", thumbprint.as_str());
    }
    complete_identity(draft, &vsphere.identity);
}

/// CAPV deletes the Secret of a cluster's identity together with the cluster, also when another
/// cluster shares it; manifests all over the world name one. The site's identity takes its place.
fn complete_identity(draft: &mut Draft<'_>, name: &str) {
    let identity = json!({"kind": Kind::VSphereClusterIdentity.as_str(), "name": name});
    let stored = draft.old().and_then(|old| old.pointer("/spec/identityRef"));
    let written = draft
        .get("/spec/identityRef")
        .cloned()
        .unwrap_or(Value::Null);
    // A Secret that is stored already came before Basphere: a running cluster keeps it.
    if draft.text("/spec/identityRef/kind") == Some("Secret") && stored != Some(&written) {
        let is_news = stored != Some(&identity);
        draft.set("/spec/identityRef", identity);
        if is_news {
            let message =
                format!("the site's VSphereClusterIdentity {name} takes the Secret's place");
            draft.finding(Finding::new(
                Code::IdentityReplaced,
                field_path("/spec/identityRef"),
                written,
                message,
            ));
        }
    } else if draft.takes_defaults() {
        draft.fill(
            "/spec/identityRef/kind",
            Kind::VSphereClusterIdentity.as_str(),
        );
        draft.fill("/spec/identityRef/name", name);
    } else {
        draft.put_back("/spec/identityRef");
    }
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let vsphere = context.site().spec().vsphere.as_ref();
    let Some(vsphere) = offered(context, draft, vsphere) else {
        return;
    };
    must_equal(draft, "/spec/server", Some(&vsphere.server));
    must_equal(draft, "/spec/thumbprint", vsphere.thumbprint.as_deref());
    must_equal(
        draft,
        "/spec/identityRef/kind",
        Some(Kind::VSphereClusterIdentity.as_str()),
    );
    must_equal(draft, "/spec/identityRef/name", Some(&vsphere.identity));
}
