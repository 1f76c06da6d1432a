//! `allocations.tsv`: one block of a tenant a line.

use std::collections::BTreeMap;

use basphere_core::ipam::{Holder, Lease, LeaseSpec, Pool, Purpose, Slot, Span, State};

use super::lines::Row;
use super::{Entry, Remarks, contest, text};

/// The lines that are blocks of tenants.
pub(super) fn judge(
    rows: Vec<Row<'_, 3>>,
    pool: &Pool,
    prefix: &str,
    remarks: &mut Remarks,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for row in rows {
        match entry(&row, pool, prefix) {
            Ok(entry) => entries.push(entry),
            Err(reason) => remarks.fault(row.line, reason),
        }
    }
    let entries = contest::without_repeated(entries, remarks);
    let entries = contest::without_contested(entries, remarks);
    warn(&entries, pool, remarks);
    entries
}

fn entry(row: &Row<'_, 3>, pool: &Pool, prefix: &str) -> Result<Entry, String> {
    let [user, start, since] = row.columns;
    text::user(user, prefix)?;
    let slot = slot(start, pool)?;
    let since = text::time(since)?;
    let holder = Holder {
        kind: "Tenant".to_owned(),
        name: user.to_owned(),
        ..Holder::default()
    };
    let spec = LeaseSpec {
        kind: slot.kind,
        domain: slot.domain.clone(),
        address: slot.text(),
        pool: pool.name().to_owned(),
        tenant: user.to_owned(),
        purpose: Purpose::Block,
        holder,
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

fn slot(start: &str, pool: &Pool) -> Result<Slot, String> {
    let (name, cidr) = (pool.name(), pool.spec().cidr);
    let address = text::address("block_start", start)?;
    if !pool.has(address) {
        return Err(format!("block_start: {start} is not in {cidr}"));
    }
    let block = pool
        .block_of(address)
        .ok_or_else(|| format!("AddressPool {name} has no blocks"))?;
    if block.span.first() != address {
        return Err(format!(
            "block_start: {start} is no start of a block; it is in {}",
            block.text()
        ));
    }
    if pool.size_within(block.span) > 0 {
        return Ok(block);
    }
    let is_first = pool.spec().keep_first_block && block.span.has(cidr.network());
    let why = if is_first {
        "the first block, which is kept back"
    } else {
        "a block of which no address may be handed out"
    };
    Err(format!("block_start: {} is {why}", block.text()))
}

/// Says what is right and still worth a look.
fn warn(entries: &[Entry], pool: &Pool, remarks: &mut Remarks) {
    let network = pool.spec().cidr.trunc();
    let broadcast = Span::network(network).last();
    let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for entry in entries {
        let (slot, tenant) = (&entry.lease.slot, entry.lease.spec.tenant.as_str());
        if !slot.span.is_v6() && slot.span.has(broadcast) && !pool.offers(broadcast) {
            remarks.warning(
                entry.line,
                format!(
                    "block {} holds the broadcast address {broadcast}, which is never handed out: {} of its {} addresses may be",
                    slot.text(),
                    pool.size_within(slot.span),
                    slot.span.size()
                ),
            );
        }
        let (first, count) = seen.entry(tenant).or_insert((entry.line, 0));
        *count += 1;
        if *count > 1 {
            let limit = match pool.spec().blocks_per_tenant {
                Some(most) if u32::try_from(*count).is_ok_and(|count| count > most) => {
                    format!(
                        "more than the {most} that AddressPool {} lets a tenant have",
                        pool.name()
                    )
                }
                _ => "which is allowed".to_owned(),
            };
            remarks.warning(
                entry.line,
                format!("{tenant} has {count} blocks by now, the first on line {first}; {limit}"),
            );
        }
    }
}

/// A block whose user has no address: `user delete` leaves the block behind, and purging a user may
/// have dropped the leases of another.
pub(super) fn warn_of_unused(blocks: &[Entry], leases: &[Row<'_, 5>], remarks: &mut Remarks) {
    for block in blocks {
        let tenant = block.lease.spec.tenant.as_str();
        let is_of_tenant = |row: &Row<'_, 5>| {
            let [_, user, ..] = row.columns;
            user == tenant
        };
        if leases.iter().any(is_of_tenant) {
            continue;
        }
        remarks.warning(
            block.line,
            format!(
                "{tenant} has block {} and no lease: deleting a user leaves the block behind, and purging one may drop leases of others",
                block.lease.slot.text()
            ),
        );
    }
}
