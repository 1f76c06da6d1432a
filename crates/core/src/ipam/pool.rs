//! A pool of addresses: what it holds, and what of that may be handed out.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::delay::Delay;
use super::slot::{Slot, SlotKind};
use super::span::Span;

/// A pool as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!(has(self.blockSize) && has(self.rangeSize))",
        "message": "a pool has either blocks of tenants or ranges of clusters"
    },
    {
        "rule": "self.domain == oldSelf.domain",
        "fieldPath": ".domain",
        "message": "the domain is part of every lease's name and cannot be changed"
    }
]))]
pub struct PoolSpec {
    /// Addresses are unique within a domain: one layer-2 network, or one routing table. Pools of one
    /// domain must not overlap.
    #[serde(default = "default_domain")]
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 63))]
    pub domain: String,
    /// The network that the addresses are in, such as `10.254.0.0/21`.
    #[schemars(with = "String", length(min = 1, max = 64))]
    pub cidr: IpNet,
    /// What of the network the pool holds: CIDRs, ranges such as `10.254.0.32-10.254.0.95`, or single
    /// addresses. Without it, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub ranges: Vec<String>,
    /// Length of the prefix that machines get with their address; that of `cidr` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 128))]
    pub prefix: Option<u8>,
    /// The default gateway; never handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub gateway: Option<IpAddr>,
    /// Name servers of machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>", length(max = 16))]
    pub nameservers: Vec<IpAddr>,
    /// Domains in which machines look names up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub search_domains: Vec<String>,
    /// What is never handed out: CIDRs, ranges or single addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub reserved: Vec<String>,
    /// Length of the prefix of a tenant's block, such as 27 for blocks of 32 addresses: each tenant
    /// gets addresses out of blocks of its own. Without it the pool is flat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 127))]
    pub block_size: Option<u8>,
    /// The first block is never handed out.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub keep_first_block: bool,
    /// So many blocks a tenant has at the most; without it, as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65536))]
    pub blocks_per_tenant: Option<u32>,
    /// The pool hands out contiguous ranges of so many addresses, for the load balancers of a
    /// cluster, and no single ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65536))]
    pub range_size: Option<u32>,
    /// For so long an address is not handed out again after its holder is gone: neighbours remember it.
    #[serde(default = "default_reuse_after")]
    pub reuse_after: Delay,
}

fn default_domain() -> String {
    "default".to_owned()
}

const fn default_reuse_after() -> Delay {
    Delay::seconds(30 * 60)
}

const fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_yes(value: &bool) -> bool {
    *value
}

/// One thing that is wrong with a pool.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct PoolError {
    /// Where, in kubectl's notation.
    pub path: String,
    /// What, and what would be right.
    pub message: String,
}

impl PoolError {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// A checked pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    name: String,
    spec: PoolSpec,
    /// What it holds, ascending, merged, without what is kept back.
    offered: Vec<Span>,
}

impl Pool {
    /// Checks a pool.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(name: &str, spec: PoolSpec) -> Result<Self, Vec<PoolError>> {
        let mut errors = Vec::new();
        let network = Span::network(spec.cidr.trunc());
        let held = spans(&spec.ranges, "spec.ranges", &mut errors);
        let reserved = spans(&spec.reserved, "spec.reserved", &mut errors);
        check_within(network, &held, &mut errors);
        check_numbers(&spec, network, &mut errors);
        let held = if spec.ranges.is_empty() {
            vec![network]
        } else {
            held
        };
        let kept: Vec<_> = reserved.into_iter().chain(never(&spec, network)).collect();
        let offered = without(held, kept);
        if errors.is_empty() && offered.is_empty() {
            errors.push(PoolError::new("spec", "no address is left to hand out"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let name = name.to_owned();
        let pool = Self {
            name,
            spec,
            offered,
        };
        if pool.spec.range_size.is_some() && pool.next_range(0).is_none() {
            let message = "no range of this size is to be had";
            return Err(vec![PoolError::new("spec.rangeSize", message)]);
        }
        Ok(pool)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As it was written.
    #[must_use]
    pub fn spec(&self) -> &PoolSpec {
        &self.spec
    }

    /// What may be handed out, ascending; neither network nor broadcast address, gateway, or what is
    /// reserved, nor the first block where that is kept back.
    #[must_use]
    pub fn offered(&self) -> &[Span] {
        &self.offered
    }

    /// Whether an address may be handed out.
    #[must_use]
    pub fn offers(&self, address: IpAddr) -> bool {
        self.offered.iter().any(|span| span.has(address))
    }

    /// Whether this is an address of the network, handed out or not.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        Span::network(self.spec.cidr.trunc()).has(address)
    }

    /// All that it stands for: its ranges, or its whole network.
    #[must_use]
    pub fn extent(&self) -> Vec<Span> {
        if self.spec.ranges.is_empty() {
            return vec![Span::network(self.spec.cidr.trunc())];
        }
        let ranges = self.spec.ranges.iter();
        ranges.filter_map(|range| range.parse().ok()).collect()
    }

    /// How many addresses may be handed out.
    #[must_use]
    pub fn size(&self) -> u128 {
        sum(self.offered.iter().map(|span| span.size()))
    }

    /// How many addresses of a span may be handed out.
    #[must_use]
    pub fn size_within(&self, span: Span) -> u128 {
        let parts = self.offered.iter().filter_map(|own| own.intersection(span));
        sum(parts.map(Span::size))
    }

    /// The prefix length that machines get with their address.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.spec.prefix.unwrap_or(self.spec.cidr.prefix_len())
    }

    /// An address as machines write it: `10.254.0.33/21`.
    #[must_use]
    pub fn cidr_form(&self, address: IpAddr) -> String {
        format!("{address}/{}", self.prefix())
    }

    /// The slot of a single address.
    #[must_use]
    pub fn slot(&self, address: IpAddr) -> Slot {
        Slot::address(&self.spec.domain, address)
    }

    /// The tenant's block that an address is in; `None` in a flat pool, and for an address elsewhere.
    #[must_use]
    pub fn block_of(&self, address: IpAddr) -> Option<Slot> {
        let network = IpNet::new(address, self.spec.block_size?).ok()?;
        let span = Span::network(network.trunc());
        self.has(address)
            .then(|| Slot::new(SlotKind::Block, &self.spec.domain, span))
    }

    /// The lowest block from this address on that has an address to hand out.
    pub(super) fn next_block(&self, from: u128) -> Option<Slot> {
        let (start, _) = self.offered.iter().find_map(|span| {
            let (first, last) = span.numbers();
            (last >= from).then_some((first.max(from), last))
        })?;
        self.block_of(self.at(start))
    }

    /// The lowest range from this address on all of which may be handed out.
    pub(super) fn next_range(&self, from: u128) -> Option<Slot> {
        let size = u128::from(self.spec.range_size?);
        let (base, _) = Span::network(self.spec.cidr.trunc()).numbers();
        self.offered.iter().find_map(|span| {
            let (first, last) = span.numbers();
            // Ranges stand in a grid from the network's base, so that two are the same or disjoint.
            let start = base + (first.max(from) - base).checked_next_multiple_of(size)?;
            let end = start.checked_add(size - 1)?;
            (end <= last).then(|| {
                let span = span.with(start, end);
                Slot::new(SlotKind::Range, &self.spec.domain, span)
            })
        })
    }

    /// Whether this is one of its ranges.
    #[must_use]
    pub fn ranges_at(&self, span: Span) -> bool {
        let (first, _) = span.numbers();
        self.next_range(first).is_some_and(|slot| slot.span == span)
    }

    /// How many ranges it has in all.
    #[must_use]
    pub fn ranges(&self) -> u128 {
        let Some(size) = self.spec.range_size.map(u128::from) else {
            return 0;
        };
        let (base, _) = Span::network(self.spec.cidr.trunc()).numbers();
        let whole = |span: &Span| {
            let (first, last) = span.numbers();
            let start = (first - base).div_ceil(size);
            ((last - base).saturating_add(1) / size).saturating_sub(start)
        };
        sum(self.offered.iter().map(whole))
    }

    fn at(&self, number: u128) -> IpAddr {
        Span::network(self.spec.cidr).at(number)
    }
}

fn sum(numbers: impl Iterator<Item = u128>) -> u128 {
    numbers.fold(0, u128::saturating_add)
}

fn spans(texts: &[String], path: &str, errors: &mut Vec<PoolError>) -> Vec<Span> {
    let mut found = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(span) => found.push(span),
            Err(error) => errors.push(PoolError::new(
                format!("{path}[{index}]"),
                format!("{error}"),
            )),
        }
    }
    found
}

fn check_within(network: Span, held: &[Span], errors: &mut Vec<PoolError>) {
    for (index, span) in held.iter().enumerate() {
        let path = format!("spec.ranges[{index}]");
        if !network.contains(*span) {
            errors.push(PoolError::new(
                &path,
                format!("{span} is not within spec.cidr"),
            ));
        }
        if let Some(other) = held.iter().take(index).find(|other| other.overlaps(*span)) {
            errors.push(PoolError::new(path, format!("{span} overlaps {other}")));
        }
    }
}

fn check_numbers(spec: &PoolSpec, network: Span, errors: &mut Vec<PoolError>) {
    let mut error = |path: &str, message: String| errors.push(PoolError::new(path, message));
    let longest = spec.cidr.max_prefix_len();
    if spec
        .prefix
        .is_some_and(|prefix| prefix > longest || prefix == 0)
    {
        error("spec.prefix", format!("must be between 1 and {longest}"));
    }
    if let Some(gateway) = spec.gateway
        && gateway.is_ipv6() != network.is_v6()
    {
        error(
            "spec.gateway",
            format!("{gateway} and spec.cidr are of two families"),
        );
    }
    if let Some(gateway) = spec.gateway
        && gateway.is_ipv6() == network.is_v6()
        && !network.has(gateway)
    {
        error("spec.gateway", format!("{gateway} is not within spec.cidr"));
    }
    if spec.cidr.trunc() != spec.cidr {
        let message = format!(
            "{} is an address of {}; write that",
            spec.cidr,
            spec.cidr.trunc()
        );
        error("spec.cidr", message);
    }
    let prefix = spec.cidr.prefix_len();
    if prefix == 0 {
        error("spec.cidr", "the whole Internet is no pool".to_owned());
    }
    match spec.block_size {
        // Somebody who counts addresses means another number.
        Some(size) if size <= prefix || size >= longest => error(
            "spec.blockSize",
            format!(
                "{size} is not between {} and {}; it is the length of a block's prefix, 27 for blocks of 32 addresses",
                prefix + 1,
                longest - 1
            ),
        ),
        None if spec.blocks_per_tenant.is_some() => error(
            "spec.blocksPerTenant",
            "means nothing without spec.blockSize".to_owned(),
        ),
        _ => {}
    }
    if spec.block_size.is_some() && spec.range_size.is_some() {
        error(
            "spec.rangeSize",
            "a pool has either blocks of tenants or ranges of clusters".to_owned(),
        );
    }
    if spec.range_size == Some(0) {
        error("spec.rangeSize", "must be 1 at least".to_owned());
    }
}

/// What is no machine's address in any case.
fn never(spec: &PoolSpec, network: Span) -> Vec<Span> {
    let mut kept: Vec<_> = spec.gateway.map(Span::address).into_iter().collect();
    let (first, last) = network.numbers();
    // In a network of one or two addresses there is neither a network nor a broadcast address; IPv6
    // has no broadcast address, but its first one is any router's.
    if last - first > 1 {
        kept.push(network.with(first, first));
        if !network.is_v6() {
            kept.push(network.with(last, last));
        }
    }
    if let Some(size) = spec.block_size
        && spec.keep_first_block
        && let Ok(block) = IpNet::new(network.first(), size)
    {
        kept.push(Span::network(block));
    }
    kept
}

/// The spans without what is taken out, ascending and merged.
fn without(mut spans: Vec<Span>, mut taken: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    taken.sort_unstable();
    let mut left: Vec<Span> = Vec::new();
    for span in spans {
        let (mut first, last) = span.numbers();
        let mut is_over = false;
        for out in taken.iter().filter(|out| out.overlaps(span)) {
            let (from, to) = out.numbers();
            if from > first {
                push_merged(&mut left, span.with(first, from - 1));
            }
            if to >= last {
                is_over = true;
                break;
            }
            first = first.max(to + 1);
        }
        if !is_over && first <= last {
            push_merged(&mut left, span.with(first, last));
        }
    }
    left
}

fn push_merged(spans: &mut Vec<Span>, span: Span) {
    let (first, last) = span.numbers();
    if let Some(before) = spans.last_mut()
        && before.is_v6() == span.is_v6()
        && before.numbers().1.checked_add(1) == Some(first)
    {
        *before = before.with(before.numbers().0, last);
    } else {
        spans.push(span);
    }
}

#[cfg(test)]
mod tests;
