//! Networks and addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use regorus::Value;

use super::{Own, find, theirs};

pub(super) const ALL: [Own; 5] = [
    ("net.cidr_intersects", 2, |it| {
        let [one, other] = it else {
            return None;
        };
        let (one, other) = (network(one)?, network(other)?);
        Some(Value::from(one.contains(&other) || other.contains(&one)))
    }),
    ("net.cidr_overlap", 2, |it| {
        find("net.cidr_contains")?.call(it).ok()?
    }),
    ("net.cidr_contains_matches", 2, contains_matches),
    ("net.cidr_merge", 1, merge),
    ("net.cidr_expand", 1, expand),
];

/// A network of more addresses than this is not written out.
const MOST_ADDRESSES: usize = 65_536;

fn network(value: &Value) -> Option<IpNet> {
    let network: IpNet = value.as_string().ok()?.parse().ok()?;
    Some(network.trunc())
}

fn expand(values: &[Value]) -> Option<Value> {
    let network = network(values.first()?)?;
    let bits = u32::from(network.max_prefix_len() - network.prefix_len());
    1_usize
        .checked_shl(bits)
        .filter(|count| *count <= MOST_ADDRESSES)?;
    let addresses = theirs("net.cidr_expand", values)?;
    let addresses = addresses.as_array().ok()?.iter().cloned();
    Some(Value::from(addresses.collect::<BTreeSet<Value>>()))
}

/// Every pair of which the one contains the other: by index, key or the item of a set, or the text itself.
fn contains_matches(values: &[Value]) -> Option<Value> {
    let [networks, others] = values else {
        return None;
    };
    let (networks, others) = (named(networks)?, named(others)?);
    let mut found = BTreeSet::new();
    for (network, name) in &networks {
        for (other, other_name) in &others {
            let contains = find("net.cidr_contains")?.call(&[network.clone(), other.clone()]);
            if contains.ok()?? == Value::from(true) {
                found.insert(Value::from(vec![name.clone(), other_name.clone()]));
            }
        }
    }
    Some(Value::from(found))
}

/// Each network or address, and what it is called.
fn named(value: &Value) -> Option<Vec<(Value, Value)>> {
    let text = |value: &Value| match value {
        Value::String(_) => Some(value.clone()),
        Value::Array(items) => items.first().cloned(),
        _ => None,
    };
    match value {
        Value::String(_) => Some(vec![(value.clone(), value.clone())]),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .map(|(index, item)| Some((text(item)?, Value::from(index as u64))))
                .collect()
        }
        Value::Set(items) => items
            .iter()
            .map(|item| Some((text(item)?, item.clone())))
            .collect(),
        Value::Object(fields) => {
            let fields = fields.iter_sorted();
            fields
                .map(|(key, item)| Some((text(item)?, key.clone())))
                .collect()
        }
        _ => None,
    }
}

fn merge(values: &[Value]) -> Option<Value> {
    let networks: Vec<IpNet> = match values {
        [Value::Array(items)] => items
            .iter()
            .map(network_or_address)
            .collect::<Option<_>>()?,
        [Value::Set(items)] => items
            .iter()
            .map(network_or_address)
            .collect::<Option<_>>()?,
        _ => return None,
    };
    let merged = IpNet::aggregate(&networks).into_iter().map(|merged| {
        let mut of = networks.iter().filter(|network| merged.contains(*network));
        // What is not merged with anything stays as it is.
        let alone = of.next().filter(|_| of.next().is_none());
        Value::from(alone.unwrap_or(&merged).to_string())
    });
    Some(Value::from(merged.collect::<BTreeSet<Value>>()))
}

/// An address of version 4 stands for the network that its class has.
fn network_or_address(value: &Value) -> Option<IpNet> {
    let text = value.as_string().ok()?;
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            let length = match address.octets() {
                [..128, ..] => 8,
                [..192, ..] => 16,
                _ => 24,
            };
            Some(IpNet::V4(Ipv4Net::new(address, length).ok()?))
        }
        Ok(IpAddr::V6(_)) => None,
        Err(_) => network(value),
    }
}
