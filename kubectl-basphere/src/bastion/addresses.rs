//! `leases.tsv`: one address of a resource a line.

use std::collections::BTreeMap;
use std::net::IpAddr;

use basphere_core::ipam::{Lease, LeaseSpec, Pool, SlotKind, Span, State};

use super::lines::Row;
use super::resource::{self, Resource};
use super::{Entry, Remarks, contest, text};

/// The lines that are addresses of resources in the tenants' blocks.
pub(super) fn judge(
    rows: Vec<Row<'_, 5>>,
    blocks: &[Entry],
    pool: &Pool,
    prefix: &str,
    remarks: &mut Remarks,
) -> Vec<Entry> {
    let names = Names::of(&rows);
    let mut entries = Vec::new();
    for row in &rows {
        let entry = entry(row, blocks, pool, prefix);
        match entry.and_then(|entry| names.check(row).map(|()| entry)) {
            Ok(entry) => entries.push(entry),
            Err(reason) => remarks.fault(row.line, reason),
        }
    }
    names.warn(&entries, remarks);
    let entries = contest::without_repeated(entries, remarks);
    contest::without_contested(entries, remarks)
}

fn entry(row: &Row<'_, 5>, blocks: &[Entry], pool: &Pool, prefix: &str) -> Result<Entry, String> {
    let [address, user, name, kind, since] = row.columns;
    let address = text::address("ip", address)?;
    text::user(user, prefix)?;
    let resource = Resource::read(name, kind)?;
    let since = text::time(since)?;
    check_offered(address, pool)?;
    check_block(address, user, blocks)?;
    let slot = pool.slot(address);
    let spec = LeaseSpec {
        kind: SlotKind::Address,
        domain: slot.domain.clone(),
        address: slot.text(),
        pool: pool.name().to_owned(),
        tenant: user.to_owned(),
        purpose: resource.purpose(),
        holder: resource.holder(format!("{prefix}{user}")),
        owner: None,
        state: State::Bound,
        since,
    };
    Ok(Entry {
        line: row.line,
        text: row.text.to_owned(),
        lease: Lease::new(slot, spec),
    })
}

/// Says why the pool would not hand the address out.
fn check_offered(address: IpAddr, pool: &Pool) -> Result<(), String> {
    if pool.offers(address) {
        return Ok(());
    }
    let spec = pool.spec();
    let network = Span::network(spec.cidr.trunc());
    let is_reserved = |text: &String| text.parse().is_ok_and(|span: Span| span.has(address));
    let why = if !network.has(address) {
        format!("is not in {}", spec.cidr)
    } else if address == network.first() {
        "is the network's own address".to_owned()
    } else if address == network.last() && !network.is_v6() {
        "is the broadcast address".to_owned()
    } else if spec.gateway == Some(address) {
        "is the gateway".to_owned()
    } else if spec.reserved.iter().any(is_reserved) {
        "is reserved".to_owned()
    } else if pool.extent().iter().any(|span| span.has(address)) {
        "is in the first block, which is kept back".to_owned()
    } else {
        format!("is in none of the ranges of AddressPool {}", pool.name())
    };
    Err(format!("ip: {address} {why}"))
}

/// An address is in a block of its user.
fn check_block(address: IpAddr, user: &str, blocks: &[Entry]) -> Result<(), String> {
    let (own, others): (Vec<_>, Vec<_>) = blocks
        .iter()
        .map(|block| &block.lease)
        .partition(|block| block.spec.tenant == user);
    if own.iter().any(|block| block.slot.span.has(address)) {
        return Ok(());
    }
    let own: Vec<_> = own.iter().map(|block| block.slot.text()).collect();
    let where_ = match own.as_slice() {
        [] => format!("user {user} has no block that could be imported"),
        own => format!("outside of user {user}'s block {}", own.join(", ")),
    };
    let other = others.iter().find(|block| block.slot.span.has(address));
    let of = other.map(|block| format!(", and in the block of {}", block.spec.tenant));
    Err(format!("ip: {address}: {where_}{}", of.unwrap_or_default()))
}

/// A line's number and what it is about.
type Named = (usize, Resource, String);

/// The resources of every user by name, also those of lines that are left out for something else: the
/// bastion finds leases by name alone.
struct Names<'a>(BTreeMap<(&'a str, &'a str), Vec<Named>>);

impl<'a> Names<'a> {
    fn of(rows: &[Row<'a, 5>]) -> Self {
        let mut names: BTreeMap<_, Vec<Named>> = BTreeMap::new();
        for row in rows {
            let [address, user, name, kind, _] = row.columns;
            if let Ok(resource) = Resource::read(name, kind) {
                let named = (row.line, resource, address.to_owned());
                names.entry((user, name)).or_default().push(named);
            }
        }
        Self(names)
    }

    /// A name stands for one resource, which has one address.
    fn check(&self, row: &Row<'_, 5>) -> Result<(), String> {
        let [address, user, name, kind, _] = row.columns;
        let resource = Resource::read(name, kind)?;
        let mut namesakes = self.0.get(&(user, name)).into_iter().flatten();
        let is_vm = resource.cluster().is_none();
        if is_vm {
            let cluster = namesakes
                .clone()
                .find_map(|(line, other, _)| Some((line, other.cluster()?)));
            if let Some((line, cluster)) = cluster {
                return Err(format!(
                    "VM {name} shares the lease of cluster {cluster} on line {line}: the bastion finds leases by name"
                ));
            }
            if let Some((line, cluster)) = self.headless(user, name) {
                return Err(format!(
                    "VM {name} shares the lease of cluster {cluster}, which has a worker on line {line} and no control plane: the bastion finds leases by name"
                ));
            }
        }
        let other = namesakes.find(|(_, other, at)| *other == resource && at != address);
        match other {
            Some((line, _, at)) => Err(format!("{name} has {at} on line {line}")),
            None => Ok(()),
        }
    }

    /// The cluster without a control plane whose control plane a VM may be, and the line of a worker.
    fn headless(&self, user: &str, name: &'a str) -> Option<(usize, &'a str)> {
        let cluster = resource::control_plane_of(name)?;
        self.of_user(user).find_map(|(line, resource, _)| {
            let is_worker =
                matches!(resource, Resource::Worker { cluster: of, .. } if of == cluster);
            is_worker.then_some((*line, cluster))
        })
    }

    fn of_user(&self, user: &str) -> impl Iterator<Item = &Named> {
        let entries = self.0.iter().filter(move |((of, _), _)| *of == user);
        entries.flat_map(|(_, named)| named)
    }

    /// Says what is right and still worth a look.
    fn warn(&self, entries: &[Entry], remarks: &mut Remarks) {
        let mut told: Vec<(&str, &str)> = Vec::new();
        for entry in entries {
            let spec = &entry.lease.spec;
            let (user, name) = (spec.tenant.as_str(), spec.holder.name.as_str());
            let is_cluster = spec.holder.kind == "Cluster";
            let cluster = resource::control_plane_of(name);
            if let (false, Some(cluster)) = (is_cluster, cluster) {
                remarks.warning(
                    entry.line,
                    format!("VM {name} would share the lease of a cluster {cluster}; the file has no such cluster"),
                );
            }
            if is_cluster && !told.contains(&(user, name)) && !self.has_control_plane(user, name) {
                told.push((user, name));
                remarks.warning(
                    entry.line,
                    format!("cluster {name} has no line of its control plane: purging a user may drop leases of others"),
                );
            }
        }
    }

    fn has_control_plane(&self, user: &str, cluster: &str) -> bool {
        self.of_user(user).any(|(_, resource, _)| {
            matches!(resource, Resource::ControlPlane { cluster: of } if of == cluster)
        })
    }
}
