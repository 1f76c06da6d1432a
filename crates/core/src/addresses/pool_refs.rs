//! References to pools of addresses.

use super::refuse_pool;
use crate::change::Draft;
use crate::context::Context;
use crate::site::Trust;

const POOL: &str = "/spec/poolRef";

/// An IPAddressClaim of a tenant is for a pool of the site's machines; controllers carry on what was
/// checked where it was written.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    if context.trust() != Trust::Person {
        return;
    }
    let spec = context.site().spec();
    let clouds = spec
        .openstack
        .iter()
        .flat_map(|openstack| openstack.clouds.values());
    let networks = (spec.vsphere.iter().map(|it| &it.addresses))
        .chain(clouds.map(|it| &it.addresses))
        .chain(spec.metal3.iter().map(|it| &it.addresses));
    let mut offered: Vec<_> = networks.filter_map(|it| it.nodes.as_deref()).collect();
    offered.sort_unstable();
    offered.dedup();
    refuse_pool(draft, POOL, &offered);
}
