//! VSphereCluster: which vCenter, by which identity.

use serde_json::{Value, json};

use super::must_equal;
use crate::change::Draft;
use crate::context::Context;
use crate::json::field_path;
use crate::{Code, Finding, Kind};

/// The port of every API server that nobody names a port for.
const API_SERVER_PORT: u16 = 6443;

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let vsphere = &context.site().spec().vsphere;
    draft.fill("/spec/server", vsphere.server.as_str());
    if let Some(thumbprint) = &vsphere.thumbprint {
        draft.fill("/spec/thumbprint", thumbprint.as_str());
    }
    complete_identity(context, draft);
    complete_port(draft);
}

fn complete_port(draft: &mut Draft<'_>) {
    const ENDPOINT: &str = "/spec/controlPlaneEndpoint";
    let port = format!("{ENDPOINT}/port");
    let is_unset = |port: Option<&Value>| port.is_none_or(|port| port.is_null() || port == 0);
    if !draft.has(&format!("{ENDPOINT}/host")) || !is_unset(draft.get(&port)) {
        return;
    }
    let stored = draft.old().and_then(|old| old.pointer(&port));
    if !is_unset(stored) || draft.takes_defaults() {
        // v1beta1 writes 0 where it means unset.
        draft.remove(ENDPOINT, "port");
        draft.fill(&port, API_SERVER_PORT);
    }
}

/// CAPV deletes the Secret of a cluster's identity together with the cluster, also when another
/// cluster shares it; manifests all over the world name one. The site's identity takes its place.
fn complete_identity(context: &Context<'_>, draft: &mut Draft<'_>) {
    let identity = identity(context);
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
            let name = &context.site().spec().vsphere.identity;
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
        draft.fill(
            "/spec/identityRef/name",
            context.site().spec().vsphere.identity.as_str(),
        );
    } else {
        draft.put_back("/spec/identityRef");
    }
}

fn identity(context: &Context<'_>) -> Value {
    json!({"kind": Kind::VSphereClusterIdentity.as_str(), "name": context.site().spec().vsphere.identity})
}

pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let vsphere = &context.site().spec().vsphere;
    must_equal(draft, "/spec/server", Some(&vsphere.server));
    must_equal(draft, "/spec/thumbprint", vsphere.thumbprint.as_deref());
    must_equal(
        draft,
        "/spec/identityRef/kind",
        Some(Kind::VSphereClusterIdentity.as_str()),
    );
    must_equal(draft, "/spec/identityRef/name", Some(&vsphere.identity));
}
