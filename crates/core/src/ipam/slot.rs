//! What can be leased, and the one name that each has.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::Span;

/// What is leased. Slots of one kind and domain never overlap unless they are the same, so that two
/// leases of one name are all that can collide.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum SlotKind {
    /// One address, of a node or an endpoint.
    #[default]
    Address,
    /// A tenant's block of a pool.
    Block,
    /// A contiguous range for a cluster's load balancers.
    Range,
    /// A network inside of one cluster, for pods or services.
    Network,
}

impl SlotKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Address, Self::Block, Self::Range, Self::Network];

    /// What a slot's name begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Address => "ip",
            Self::Block => "block",
            Self::Range => "range",
            Self::Network => "network",
        }
    }
}

/// One thing that can be leased.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// What it is.
    pub kind: SlotKind,
    /// Within which its addresses are unique.
    pub domain: String,
    /// The addresses.
    pub span: Span,
}

impl Slot {
    /// A single address.
    #[must_use]
    pub fn address(domain: &str, address: IpAddr) -> Self {
        Self::new(SlotKind::Address, domain, Span::address(address))
    }

    /// A slot of any kind.
    #[must_use]
    pub fn new(kind: SlotKind, domain: &str, span: Span) -> Self {
        Self {
            kind,
            domain: domain.to_owned(),
            span,
        }
    }

    /// The canonical name: `ip.default.10.254.0.33`, `block.default.10.254.0.32-27`,
    /// `range.metallb.10.254.8.0-10.254.8.9`; an IPv6 address has all its digits, with hyphens.
    #[must_use]
    pub fn name(&self) -> String {
        let text = match self.kind {
            SlotKind::Address => written(self.span.first()),
            SlotKind::Range => format!(
                "{}-{}",
                written(self.span.first()),
                written(self.span.last())
            ),
            SlotKind::Block | SlotKind::Network => match self.network() {
                Some(network) => format!("{}-{}", written(network.addr()), network.prefix_len()),
                None => format!(
                    "{}-{}",
                    written(self.span.first()),
                    written(self.span.last())
                ),
            },
        };
        format!("{}.{}.{text}", self.kind.prefix(), self.domain)
    }

    /// The addresses as a CIDR, when they are one.
    #[must_use]
    pub fn network(&self) -> Option<IpNet> {
        let size = self.span.size();
        let longest: u8 = if self.span.is_v6() { 128 } else { 32 };
        let bits = u8::try_from(size.trailing_zeros()).ok()?;
        let network = IpNet::new(self.span.first(), longest.checked_sub(bits)?).ok()?;
        (Span::network(network) == self.span).then_some(network)
    }

    /// How people write it: `10.254.0.33`, `10.254.0.32/27`, `10.254.8.0-10.254.8.9`.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.kind, self.network()) {
            (SlotKind::Block | SlotKind::Network, Some(network)) => network.to_string(),
            _ => self.span.to_string(),
        }
    }
}

/// An address as part of an object's name.
fn written(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let groups = v6.segments().map(|group| format!("{group:04x}"));
            groups.join("-")
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(kind: SlotKind, text: &str) -> Slot {
        Slot::new(kind, "lan", text.parse().unwrap())
    }

    #[test]
    fn every_slot_has_one_name() {
        for (kind, text, name, again) in [
            (
                SlotKind::Address,
                "10.254.0.33",
                "ip.lan.10.254.0.33",
                "10.254.0.33",
            ),
            (
                SlotKind::Address,
                "fd00::1",
                "ip.lan.fd00-0000-0000-0000-0000-0000-0000-0001",
                "fd00::1",
            ),
            (
                SlotKind::Block,
                "10.254.0.40/27",
                "block.lan.10.254.0.32-27",
                "10.254.0.32/27",
            ),
            (
                SlotKind::Range,
                "10.254.8.0-10.254.8.9",
                "range.lan.10.254.8.0-10.254.8.9",
                "10.254.8.0-10.254.8.9",
            ),
            (
                SlotKind::Network,
                "10.100.0.0/16",
                "network.lan.10.100.0.0-16",
                "10.100.0.0/16",
            ),
            (
                SlotKind::Network,
                "fd00:1::/48",
                "network.lan.fd00-0001-0000-0000-0000-0000-0000-0000-48",
                "fd00:1::/48",
            ),
        ] {
            assert_eq!(slot(kind, text).name(), name);
            assert_eq!(slot(kind, text).text(), again);
        }
        assert_eq!(
            slot(SlotKind::Address, "FD00:0::0:1").name(),
            slot(SlotKind::Address, "fd00::1").name(),
            "however it is written"
        );
    }
}
