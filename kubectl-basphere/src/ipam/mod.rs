//! `kubectl basphere ipam`: pools and leases as tables, and a pool as a grid.

mod grid;
mod map;
mod stock;
mod table;
#[cfg(test)]
mod tests;

use std::io::Write;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cli::{Global, Ipam, IpamWhat, Listing};
use crate::exit::{Exit, unless_closed};
use crate::yaml::yaml;

pub(crate) use stock::{Stock, list};
pub(crate) use table::table;

/// Lists pools and leases, or draws a pool, to `out`.
pub(crate) fn run(
    options: &Ipam,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    let mut stock = Stock::read(&options.files, global, talk)?;
    let is_incomplete = stock.is_incomplete;
    match &options.what {
        Some(IpamWhat::Map { pool }) => {
            let name = the_pool(pool.as_deref(), &stock)?;
            let pool = stock.pool(name)?;
            unless_closed(map::draw(&pool, &stock.ledger(), out))?;
        }
        None => {
            if let Some(name) = &options.pool {
                // Whoever names a pool wants to hear that there is none.
                check_known(name, &stock)?;
            }
            print(options, &mut stock, out, talk)?;
        }
    }
    unless_closed(out.flush())?;
    Ok(if is_incomplete { Exit::Error } else { Exit::Ok })
}

/// The pool that is asked for, or the only one.
fn the_pool<'a>(asked: Option<&'a str>, stock: &'a Stock) -> Result<&'a str> {
    match (asked, names(stock).as_slice()) {
        (Some(name), _) => Ok(name),
        (None, [only]) => Ok(only),
        (None, []) => bail!("there is no AddressPool"),
        (None, names) => bail!("name one of the AddressPools {}", names.join(", ")),
    }
}

fn names(stock: &Stock) -> Vec<&str> {
    let pools = stock.pools.iter();
    pools.filter_map(|p| p.metadata.name.as_deref()).collect()
}

fn check_known(name: &str, stock: &Stock) -> Result<()> {
    let names = names(stock);
    if names.contains(&name) {
        Ok(())
    } else {
        bail!(
            "there is no AddressPool {name}; there are: {}",
            names.join(", ")
        )
    }
}

fn print(
    options: &Ipam,
    stock: &mut Stock,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<()> {
    // How full a pool is follows from all leases, also from those that are not shown.
    let ledger = stock.ledger();
    let usages = table::usages(stock, &ledger, talk);
    stock.pools.retain(|pool| {
        let asked = options.pool.as_ref();
        asked.is_none_or(|asked| pool.metadata.name.as_ref() == Some(asked))
    });
    stock.leases.retain(|(_, lease)| {
        let is = |asked: &Option<String>, is: &str| asked.as_ref().is_none_or(|asked| asked == is);
        is(&options.pool, &lease.spec.pool) && is(&options.tenant, &lease.spec.tenant)
    });
    match options.output {
        Listing::Table | Listing::Wide => {
            let is_wide = options.output == Listing::Wide;
            let text = table::text(stock, &usages, is_wide);
            if text.is_empty() {
                writeln!(talk, "No AddressPools or AddressLeases found.")?;
            }
            unless_closed(write!(out, "{text}"))?;
        }
        Listing::Json => {
            let text = serde_json::to_string_pretty(&objects(stock)?)?;
            unless_closed(writeln!(out, "{text}"))?;
        }
        Listing::Yaml => unless_closed(write!(out, "{}", yaml(&objects(stock)?)?))?,
    }
    Ok(())
}

/// The objects as kubectl prints them: without the record of who has set which field.
fn objects(stock: &Stock) -> Result<Value> {
    let mut items = Vec::new();
    for pool in &stock.pools {
        items.push(serde_json::to_value(pool)?);
    }
    for (lease, _) in &stock.leases {
        items.push(serde_json::to_value(lease)?);
    }
    for item in &mut items {
        let metadata = item.get_mut("metadata").and_then(Value::as_object_mut);
        metadata
            .context("an object has metadata")?
            .remove("managedFields");
    }
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}))
}
