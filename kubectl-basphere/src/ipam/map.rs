//! A pool as a grid: one character an address.

use std::io::{self, Write};
use std::net::IpAddr;

use anstyle::{AnsiColor, Color, Style};
use basphere_core::ipam::{Lease, Ledger, Pool, Purpose, SlotKind, State, usage};

use super::grid::Grid;

/// What an address is, as far as a character can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Free,
    Kept,
    Promised,
    Node,
    Endpoint,
    Import,
    Claim,
    LoadBalancer,
    Cooling,
    /// Not of this pool.
    Outside,
}

impl Cell {
    /// What the legend explains, in its order.
    const ALL: [Self; 9] = [
        Self::Free,
        Self::Kept,
        Self::Promised,
        Self::Node,
        Self::Endpoint,
        Self::Import,
        Self::Claim,
        Self::LoadBalancer,
        Self::Cooling,
    ];

    const fn glyph(self) -> char {
        match self {
            Self::Free => '.',
            Self::Kept => '-',
            Self::Promised => '?',
            Self::Node => 'N',
            Self::Endpoint => 'E',
            Self::Import => 'I',
            Self::Claim => 'C',
            Self::LoadBalancer => 'L',
            Self::Cooling => '~',
            Self::Outside => ' ',
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Kept => "never handed out",
            Self::Promised => "reserved for a request",
            Self::Node => "node",
            Self::Endpoint => "endpoint",
            Self::Import => "import",
            Self::Claim => "claim",
            Self::LoadBalancer => "load balancers",
            Self::Cooling => "cooling",
            Self::Outside => "of another pool",
        }
    }

    fn style(self) -> Style {
        let colored = |color: AnsiColor| Style::new().fg_color(Some(Color::Ansi(color)));
        match self {
            Self::Free | Self::Outside => Style::new(),
            Self::Kept => Style::new().dimmed(),
            Self::Promised => colored(AnsiColor::Magenta),
            Self::Node => colored(AnsiColor::Green),
            Self::Endpoint => colored(AnsiColor::Cyan).bold(),
            Self::Import => colored(AnsiColor::Blue),
            Self::Claim | Self::LoadBalancer => colored(AnsiColor::Cyan),
            Self::Cooling => colored(AnsiColor::Yellow),
        }
    }

    fn of(lease: &Lease) -> Self {
        match (lease.spec.state, lease.spec.purpose) {
            (State::Releasing, _) => Self::Cooling,
            (State::Reserved, _) => Self::Promised,
            (_, Purpose::Endpoint) => Self::Endpoint,
            (_, Purpose::Import) => Self::Import,
            (_, Purpose::Claim) => Self::Claim,
            (_, Purpose::LoadBalancer) => Self::LoadBalancer,
            (_, Purpose::Node | Purpose::Block | Purpose::Network) => Self::Node,
        }
    }
}

/// Draws the pool, the tenants of its blocks beside it, and a legend.
pub(super) fn draw(pool: &Pool, ledger: &Ledger, out: &mut dyn Write) -> io::Result<()> {
    let bold = Style::new().bold();
    let use_ = usage(pool, ledger);
    writeln!(
        out,
        "{bold}AddressPool {}{bold:#} {}: {} free, {} leased, {} cooling, {} reserved",
        pool.name(),
        pool.spec().cidr,
        use_.free,
        use_.leased,
        use_.cooling,
        use_.reserved
    )?;
    let grid = Grid::new(pool, ledger);
    let starts: Vec<_> = grid.rows.iter().map(|row| start(&grid, *row)).collect();
    let widest = starts.iter().map(String::len).max().unwrap_or_default();
    let mut next = 0;
    for (row, start) in grid.rows.iter().zip(&starts) {
        write_gap(row.saturating_sub(next), out)?;
        next = row.saturating_add(1);
        write!(out, "{start:<widest$}  ")?;
        write_cells(&cells(pool, ledger, &grid.addresses(*row)), out)?;
        let tenant = tenant(pool, ledger, &grid, *row);
        writeln!(
            out,
            "{}",
            tenant.map_or(String::new(), |t| format!("  {t}"))
        )?;
    }
    write_gap(grid.total.saturating_sub(next), out)?;
    write_legend(out)
}

fn start(grid: &Grid, row: u128) -> String {
    let span = grid.span(row);
    span.map_or(String::new(), |span| span.first().to_string())
}

/// Says how many rows are not drawn.
fn write_gap(rows: u128, out: &mut dyn Write) -> io::Result<()> {
    match rows {
        0 => Ok(()),
        1 => writeln!(out, "... 1 row that nobody uses"),
        _ => writeln!(out, "... {rows} rows that nobody uses"),
    }
}

fn cells(pool: &Pool, ledger: &Ledger, addresses: &[IpAddr]) -> Vec<Cell> {
    let extent = pool.extent();
    let domain = &pool.spec().domain;
    let ranges: Vec<_> = if pool.spec().range_size.is_some() {
        ledger.of_kind(SlotKind::Range, domain).collect()
    } else {
        Vec::new()
    };
    let cell = |address: &IpAddr| {
        let range = || ranges.iter().find(|range| range.slot.span.has(*address));
        match ledger.of_slot(&pool.slot(*address)) {
            Some(lease) => Cell::of(lease),
            None if let Some(range) = range() => Cell::of(range),
            None if pool.offers(*address) => Cell::Free,
            None if extent.iter().any(|span| span.has(*address)) => Cell::Kept,
            None => Cell::Outside,
        }
    };
    addresses.iter().map(cell).collect()
}

fn write_cells(cells: &[Cell], out: &mut dyn Write) -> io::Result<()> {
    for same in cells.chunk_by(|a, b| a == b) {
        let Some(cell) = same.first() else { continue };
        let style = cell.style();
        let text: String = same.iter().map(|cell| cell.glyph()).collect();
        write!(out, "{style}{text}{style:#}")?;
    }
    Ok(())
}

/// Whose block the row is, or begins.
fn tenant<'a>(pool: &Pool, ledger: &'a Ledger, grid: &Grid, row: u128) -> Option<&'a str> {
    let span = grid.span(row)?;
    let block = ledger.overlapping(SlotKind::Block, &pool.spec().domain, span)?;
    Some(block.spec.tenant.as_str())
}

fn write_legend(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    for (index, cell) in Cell::ALL.into_iter().enumerate() {
        let (style, glyph, meaning) = (cell.style(), cell.glyph(), cell.meaning());
        let gap = if index == 0 { "" } else { "   " };
        write!(out, "{gap}{style}{glyph}{style:#} {meaning}")?;
    }
    writeln!(out)
}
