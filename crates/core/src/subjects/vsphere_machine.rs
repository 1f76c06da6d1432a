//! VSphereMachine, VSphereVM and whatever else names a vCenter: the site's, and no other. CAPV logs in
//! to the server that an object names, with credentials of its own if it must.

use super::machine_template::placement;
use super::must_equal;
use crate::change::Draft;
use crate::context::Context;
use crate::{Kind, Site};

/// Refuses another vCenter or place than the site's. What is not said CAPV takes from the cluster.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    for (pointer, wanted) in places(context.kind(), context.site()) {
        if draft.has(&pointer) {
            must_equal(draft, &pointer, wanted);
        }
    }
}

fn places(kind: Kind, site: &Site) -> Vec<(String, Option<&str>)> {
    let Some(vsphere) = &site.spec().vsphere else {
        return Vec::new();
    };
    match kind {
        Kind::VSphereMachine | Kind::VSphereVM => placement(vsphere)
            .into_iter()
            .map(|(field, value)| (format!("/spec/{field}"), value))
            .collect(),
        Kind::VSphereClusterTemplate => {
            let at = |field: &str| format!("/spec/template/spec/{field}");
            vec![
                (at("server"), Some(vsphere.server.as_str())),
                (at("thumbprint"), vsphere.thumbprint.as_deref()),
                (
                    at("identityRef/kind"),
                    Some(Kind::VSphereClusterIdentity.as_str()),
                ),
                (at("identityRef/name"), Some(vsphere.identity.as_str())),
            ]
        }
        Kind::VSphereDeploymentZone => {
            vec![("/spec/server".to_owned(), Some(vsphere.server.as_str()))]
        }
        _ => Vec::new(),
    }
}
