//! VSphereMachine, VSphereVM and whatever else names a vCenter: the site's, and no other. CAPV logs in
//! to the server that an object names, with credentials of its own if it must.

use super::machine_template::placement;
use super::{must_be_placed, must_equal};
use crate::change::Draft;
use crate::context::Context;
use crate::{Kind, Site};

/// What CAPV makes machines of.
const MACHINES: [Kind; 2] = [Kind::VSphereMachine, Kind::VSphereVM];

/// Refuses another vCenter or place than the site's. What is not said CAPV takes from the cluster.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let kind = context.kind();
    let vsphere = context.site().spec().vsphere.as_ref();
    if let Some(vsphere) = vsphere.filter(|_| MACHINES.contains(&kind)) {
        for (field, wanted) in placement(vsphere) {
            let pointer = format!("/spec/{field}");
            if draft.has(&pointer) {
                must_be_placed(context, draft, &pointer, (field, wanted));
            }
        }
    }
    for (pointer, wanted) in places(kind, context.site()) {
        if draft.has(&pointer) {
            must_equal(draft, &pointer, wanted);
        }
    }
}

/// Whatever is not a machine, and names a vCenter.
fn places(kind: Kind, site: &Site) -> Vec<(String, Option<&str>)> {
    let Some(vsphere) = &site.spec().vsphere else {
        return Vec::new();
    };
    match kind {
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
