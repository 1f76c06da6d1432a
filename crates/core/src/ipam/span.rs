//! Contiguous addresses of one family.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

/// Contiguous addresses of one family, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    is_v6: bool,
    first: u128,
    last: u128,
}

/// What is no address, no CIDR and no range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no address, CIDR or range such as 10.0.0.10-10.0.0.19")]
pub struct SpanError(pub String);

impl Span {
    /// One address.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        let at = number(address);
        Self {
            is_v6: address.is_ipv6(),
            first: at,
            last: at,
        }
    }

    /// All addresses of a network.
    #[must_use]
    pub fn network(network: IpNet) -> Self {
        Self {
            is_v6: network.network().is_ipv6(),
            first: number(network.network()),
            last: number(network.broadcast()),
        }
    }

    /// From one address to another; `None` when they are of two families or in the wrong order.
    #[must_use]
    pub fn between(first: IpAddr, last: IpAddr) -> Option<Self> {
        (first.is_ipv6() == last.is_ipv6() && first <= last).then(|| Self {
            is_v6: first.is_ipv6(),
            first: number(first),
            last: number(last),
        })
    }

    /// The same family, other ends.
    pub(super) fn with(self, first: u128, last: u128) -> Self {
        Self {
            first,
            last,
            ..self
        }
    }

    pub(super) fn numbers(self) -> (u128, u128) {
        (self.first, self.last)
    }

    pub(super) fn at(self, number: u128) -> IpAddr {
        address(self.is_v6, number)
    }

    /// The lowest address.
    #[must_use]
    pub fn first(self) -> IpAddr {
        self.at(self.first)
    }

    /// The highest address.
    #[must_use]
    pub fn last(self) -> IpAddr {
        self.at(self.last)
    }

    /// Whether it is of IPv6.
    #[must_use]
    pub fn is_v6(self) -> bool {
        self.is_v6
    }

    /// How many addresses it has, or the most that can be said.
    #[must_use]
    pub fn size(self) -> u128 {
        (self.last - self.first).saturating_add(1)
    }

    /// Whether it holds an address.
    #[must_use]
    pub fn has(self, address: IpAddr) -> bool {
        self.contains(Self::address(address))
    }

    /// Whether it holds all of another.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.is_v6 == other.is_v6 && self.first <= other.first && other.last <= self.last
    }

    /// Whether both have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.is_v6 == other.is_v6 && self.first <= other.last && other.first <= self.last
    }

    /// What both have in common.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        self.overlaps(other)
            .then(|| self.with(self.first.max(other.first), self.last.min(other.last)))
    }
}

pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(is_v6: bool, number: u128) -> IpAddr {
    if is_v6 {
        IpAddr::V6(Ipv6Addr::from_bits(number))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits(
            u32::try_from(number).unwrap_or(u32::MAX),
        ))
    }
}

impl FromStr for Span {
    type Err = SpanError;

    /// Reads `10.0.0.1`, `10.0.0.0/28` (whatever its host bits) and `10.0.0.10-10.0.0.19`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SpanError(text.to_owned());
        if let Ok(address) = text.parse() {
            return Ok(Self::address(address));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::network(network.trunc()));
        }
        let (first, last) = text.split_once('-').ok_or_else(error)?;
        let parse = |text: &str| text.trim().parse().map_err(|_| error());
        Self::between(parse(first)?, parse(last)?).ok_or_else(error)
    }
}

impl fmt::Display for Span {
    /// `10.0.0.1` or `10.0.0.10-10.0.0.19`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first())
        } else {
            write!(f, "{}-{}", self.first(), self.last())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Span {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_networks_and_ranges_are_read() {
        assert_eq!(span("10.0.0.1").to_string(), "10.0.0.1");
        assert_eq!(span("10.0.0.33/28").to_string(), "10.0.0.32-10.0.0.47");
        assert_eq!(span("10.0.0.1-10.0.0.3").size(), 3);
        assert_eq!(span("fd00::/64").size(), 1 << 64);
        assert_eq!(span("::/0").size(), u128::MAX, "the most that can be said");
        for bad in ["", "10.0.0", "10.0.0.3-10.0.0.1", "10.0.0.1-fd00::1", "a-b"] {
            assert_eq!(bad.parse::<Span>(), Err(SpanError(bad.to_owned())));
        }
    }

    #[test]
    fn families_never_meet() {
        assert!(!span("0.0.0.0/0").overlaps(span("::/0")));
        assert!(!span("::/0").has("10.0.0.1".parse().unwrap()));
        assert_eq!(span("10.0.0.0/24").intersection(span("fd00::1")), None);
    }
}
