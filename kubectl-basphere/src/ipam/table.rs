//! Pools and leases as kubectl's tables look.

use std::collections::BTreeMap;
use std::io::Write;

use basphere_core::ipam::{Ledger, Usage, usage};
use comfy_table::{Table, presets};

use crate::run::print_error;

use super::stock::Stock;

/// How full the pools are, by name. What is wrong with a pool is said to `talk`.
pub(super) fn usages(
    stock: &Stock,
    ledger: &Ledger,
    talk: &mut dyn Write,
) -> BTreeMap<String, Usage> {
    let mut usages = BTreeMap::new();
    for pool in &stock.pools {
        let name = pool.metadata.name.clone().unwrap_or_default();
        match stock.pool(&name) {
            Ok(pool) => {
                usages.insert(name, usage(&pool, ledger));
            }
            Err(error) => print_error(&error, talk),
        }
    }
    usages
}

/// Both tables; nothing when there is nothing.
pub(super) fn text(stock: &Stock, usages: &BTreeMap<String, Usage>, is_wide: bool) -> String {
    let tables = [pools(stock, usages, is_wide), leases(stock, is_wide)];
    let tables: Vec<_> = tables.into_iter().flatten().collect();
    tables.join("\n")
}

fn pools(stock: &Stock, usages: &BTreeMap<String, Usage>, is_wide: bool) -> Option<String> {
    let mut columns = vec![
        "POOL", "DOMAIN", "CIDR", "FREE", "LEASED", "COOLING", "RESERVED",
    ];
    if is_wide {
        columns.extend(["GATEWAY", "BLOCKS", "TENANTS", "REUSE AFTER"]);
    }
    let rows = stock.pools.iter().map(|pool| {
        let (name, spec) = (pool.metadata.name.as_deref(), &pool.spec.0);
        let name = name.unwrap_or_default().to_owned();
        let usage = usages.get(&name);
        let number = |of: fn(&Usage) -> u128| usage.map_or("-".to_owned(), |u| of(u).to_string());
        let mut row = vec![
            name.clone(),
            spec.domain.clone(),
            spec.cidr.to_string(),
            number(|usage| usage.free),
            number(|usage| usage.leased),
            number(|usage| usage.cooling),
            number(|usage| usage.reserved),
        ];
        if is_wide {
            row.extend([
                spec.gateway.map_or("-".to_owned(), |at| at.to_string()),
                spec.block_size
                    .map_or("-".to_owned(), |size| format!("/{size}")),
                number(|usage| usage.tenants.len() as u128),
                spec.reuse_after.to_string(),
            ]);
        }
        row
    });
    table(&columns, rows)
}

fn leases(stock: &Stock, is_wide: bool) -> Option<String> {
    let mut columns = vec!["ADDRESS", "STATE", "TENANT", "PURPOSE", "HOLDER", "SINCE"];
    if is_wide {
        columns.extend(["POOL", "OWNER", "NAME"]);
    }
    let rows = stock.leases.iter().map(|(_, lease)| {
        let spec = &lease.spec;
        let mut row = vec![
            spec.address.clone(),
            spec.state.as_str().to_owned(),
            spec.tenant.clone(),
            spec.purpose.as_str().to_owned(),
            spec.holder.to_string(),
            spec.since.to_string(),
        ];
        if is_wide {
            let owner = spec.owner.as_ref();
            row.extend([
                spec.pool.clone(),
                owner.map_or("-".to_owned(), |o| format!("{} {}", o.kind, o.name)),
                lease.name(),
            ]);
        }
        row
    });
    table(&columns, rows)
}

/// A table without lines, three blanks between its columns; nothing when it has no rows.
pub(crate) fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(columns);
    table.add_rows(rows);
    if table.row_count() == 0 {
        return None;
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines = table.to_string();
    let lines = lines.lines().map(|line| format!("{}\n", line.trim_end()));
    Some(lines.collect())
}
