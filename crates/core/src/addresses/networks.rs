//! Networks inside of clusters, where each is to have its own: a network is made of slots, and who
//! names a part of one takes it whole.

use ipnet::IpNet;

use super::{asker, holder, own_name, tenant};
use crate::Kind;
use crate::change::Draft;
use crate::context::Context;
use crate::ipam::{Purpose, Slot, SlotKind, Span};
use crate::site::UniqueNetworks;

/// The domain of all networks inside of clusters.
const DOMAIN: &str = "clusters";
/// So many slots one network may be made of.
const MOST_SLOTS: usize = 256;

/// Why a network cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Another cluster has it, or a part of it.
    ByAnother,
    /// It is larger than any cluster needs.
    TooLarge,
}

/// The slots that a network touches: those of the supernet that it is in, or of the finer grid.
fn slots(unique: &UniqueNetworks, network: &IpNet) -> Option<Vec<Slot>> {
    let same_family = [&unique.pods, &unique.services]
        .into_iter()
        .filter(|pool| pool.supernet.max_prefix_len() == network.max_prefix_len());
    let within = same_family
        .clone()
        .find(|pool| pool.supernet.contains(network));
    let prefix = match within {
        Some(pool) => pool.prefix,
        None => same_family
            .map(|pool| pool.prefix)
            .max()
            .unwrap_or(network.prefix_len()),
    };
    let slot = |network: IpNet| Slot::new(SlotKind::Network, DOMAIN, Span::network(network));
    if network.prefix_len() >= prefix {
        let whole = IpNet::new(network.addr(), prefix).ok()?.trunc();
        return Some(vec![slot(whole)]);
    }
    let parts = network.trunc().subnets(prefix).ok()?;
    let parts: Vec<_> = parts.take(MOST_SLOTS + 1).map(slot).collect();
    (parts.len() <= MOST_SLOTS).then_some(parts)
}

/// Whether another cluster has leased a network, or a part of it.
pub(crate) fn is_leased(context: &Context<'_>, draft: &Draft<'_>, network: &IpNet) -> bool {
    let span = Span::network(*network);
    let own = own_name(context, draft).unwrap_or_default();
    let own = holder(context, Kind::Cluster, own, "");
    let ledger = context.ledger();
    ledger
        .of_kind(SlotKind::Network, DOMAIN)
        .any(|lease| lease.slot.span.overlaps(span) && !lease.spec.holder.is(&own))
}

/// Makes a network the Cluster's own.
pub(crate) fn claim(
    context: &Context<'_>,
    draft: &mut Draft<'_>,
    unique: &UniqueNetworks,
    network: &IpNet,
) -> Result<(), Taken> {
    let Some(slots) = slots(unique, network) else {
        return Err(Taken::TooLarge);
    };
    // A generated name is not known yet; validation knows it.
    let Some(own) = own_name(context, draft).map(str::to_owned) else {
        return Ok(());
    };
    let tenant = tenant(context);
    let asker = asker(
        &tenant,
        holder(context, Kind::Cluster, &own, ""),
        Purpose::Network,
    );
    for slot in slots {
        context
            .at_desk(|desk| desk.slot(slot, &asker))
            .map_err(|_| Taken::ByAnother)?;
    }
    Ok(())
}
