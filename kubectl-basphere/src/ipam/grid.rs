//! A pool cut into rows of addresses, without those of a large pool that nobody uses.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use basphere_core::ipam::{Ledger, Pool, SlotKind, Span};

/// The most addresses of a row.
const WIDEST: u128 = 64;
/// A pool of more rows is drawn only where it is in use.
const MOST_ROWS: u128 = 512;

/// Where the rows of a pool are.
#[derive(Debug)]
pub(super) struct Grid {
    network: Span,
    /// How many addresses a row has.
    pub(super) width: u128,
    /// How many rows the network has.
    pub(super) total: u128,
    /// The rows that are drawn, by number.
    pub(super) rows: Vec<u128>,
}

impl Grid {
    pub(super) fn new(pool: &Pool, ledger: &Ledger) -> Self {
        let network = Span::network(pool.spec().cidr.trunc());
        let longest = pool.spec().cidr.max_prefix_len();
        let block = pool.spec().block_size.and_then(|size| {
            let bits = longest.checked_sub(size)?;
            1_u128.checked_shl(u32::from(bits))
        });
        let width = block.unwrap_or(WIDEST).min(WIDEST);
        let total = network.size().div_ceil(width);
        let mut grid = Self {
            network,
            width,
            total,
            rows: Vec::new(),
        };
        grid.rows = if total <= MOST_ROWS {
            (0..total).collect()
        } else {
            grid.in_use(pool, ledger)
        };
        grid
    }

    /// The rows in which something is leased, or a tenant's block begins.
    fn in_use(&self, pool: &Pool, ledger: &Ledger) -> Vec<u128> {
        let mut rows = BTreeSet::new();
        let domain = &pool.spec().domain;
        for kind in [SlotKind::Address, SlotKind::Range, SlotKind::Block] {
            for lease in ledger.within(kind, domain, self.network) {
                rows.extend(self.row_of(lease.slot.span.first()));
                if kind == SlotKind::Range {
                    rows.extend(self.row_of(lease.slot.span.last()));
                }
            }
        }
        rows.into_iter().collect()
    }

    /// The number of the row that an address is in.
    fn row_of(&self, address: IpAddr) -> Option<u128> {
        let base = number(self.network.first());
        Some(number(address).checked_sub(base)? / self.width)
    }

    /// The addresses of a row.
    pub(super) fn addresses(&self, row: u128) -> Vec<IpAddr> {
        let base = number(self.network.first()).saturating_add(row.saturating_mul(self.width));
        let last = number(self.network.last());
        let end = base.saturating_add(self.width - 1).min(last);
        (base..=end)
            .map(|at| address(self.network.is_v6(), at))
            .collect()
    }

    /// The span of a row.
    pub(super) fn span(&self, row: u128) -> Option<Span> {
        let addresses = self.addresses(row);
        Span::between(*addresses.first()?, *addresses.last()?)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(is_v6: bool, number: u128) -> IpAddr {
    if is_v6 {
        return IpAddr::V6(Ipv6Addr::from_bits(number));
    }
    IpAddr::V4(Ipv4Addr::from_bits(
        u32::try_from(number).unwrap_or(u32::MAX),
    ))
}
