//! Why there is no address, with the numbers.

use std::fmt;

use super::delay::Delay;
use super::lease::Holder;
use super::slot::SlotKind;

/// Why a slot cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The pool, or the tenant's part of it, is full.
    Exhausted {
        /// The pool.
        pool: String,
        /// Of what nothing is left.
        kind: SlotKind,
        /// So many blocks the tenant has.
        blocks: usize,
        /// So many it may have.
        most_blocks: Option<u32>,
        /// So many slots of the pool the tenant has.
        leased: usize,
        /// So many of its slots cannot be used again yet.
        cooling: usize,
        /// How long that takes.
        reuse_after: Delay,
    },
    /// Somebody else has it.
    Held {
        /// Who, when it is an object of the same tenant.
        by: Option<Holder>,
    },
    /// Its last holder has only just gone.
    Cooling {
        /// Whether that was the same tenant.
        is_own: bool,
    },
    /// It is reserved, or no address of the pool.
    NotOffered {
        /// The pool.
        pool: String,
    },
    /// It lies in no block of the tenant's.
    OutsideBlocks {
        /// The tenant's blocks.
        blocks: Vec<String>,
    },
    /// Another object of the cluster has got it, or another one, meanwhile.
    Rival,
    /// Machines that were refused elsewhere have reserved enough.
    ReservedInVain {
        /// Who asks for them.
        owner: String,
        /// So many reservations nobody carries.
        reserved: usize,
        /// So many machines are missing, where that is known.
        lacks: Option<usize>,
        /// After so long one of them may be used again.
        grace: Delay,
    },
}

impl Refusal {
    /// Whether the same request may pass a little later, without anybody doing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::ReservedInVain { .. } | Self::Rival)
    }

    /// What would pass, or whom to ask.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Exhausted {
                cooling,
                reuse_after,
                ..
            } if *cooling > 0 => format!(
                "addresses of what is gone are free again after {reuse_after}; ask an admin for more"
            ),
            Self::Exhausted { .. } => {
                "delete a cluster or machines that are not needed, or ask an admin for more"
                    .to_owned()
            }
            Self::Held { .. } | Self::NotOffered { .. } => {
                "leave it out, a free one is filled in".to_owned()
            }
            Self::Cooling { .. } => "leave it out, or wait".to_owned(),
            Self::Rival => "try again".to_owned(),
            Self::OutsideBlocks { blocks } if blocks.is_empty() => {
                "leave it out, a free one is filled in".to_owned()
            }
            Self::OutsideBlocks { .. } => "leave it out, or take a free one of these".to_owned(),
            Self::ReservedInVain { grace, .. } => {
                format!("see why the machines are refused; they may be tried again after {grace}")
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted {
                pool,
                kind,
                blocks,
                most_blocks,
                leased,
                cooling,
                ..
            } => {
                let what = match kind {
                    SlotKind::Range => "range",
                    _ => "address",
                };
                write!(
                    f,
                    "pool {pool} has no {what} left for this tenant: {leased} leased, {cooling} cooling"
                )?;
                match most_blocks {
                    Some(most) if *kind == SlotKind::Address => {
                        write!(f, ", {blocks} of at most {most} blocks")
                    }
                    _ if *blocks > 0 => write!(f, ", {blocks} blocks"),
                    _ => Ok(()),
                }
            }
            Self::Held { by: Some(holder) } => write!(f, "{holder} has this address"),
            Self::Rival => f.write_str("the cluster's address has changed at the same moment"),
            Self::Held { by: None } => f.write_str("another tenant has this address"),
            Self::Cooling { is_own: true } => {
                f.write_str("its last holder has only just gone, and neighbours still know it")
            }
            Self::Cooling { is_own: false } => f.write_str("this address is not free"),
            Self::NotOffered { pool } => {
                write!(f, "pool {pool} does not hand out this address")
            }
            Self::OutsideBlocks { blocks } if blocks.is_empty() => {
                f.write_str("this address is in another tenant's block")
            }
            Self::OutsideBlocks { blocks } => {
                write!(f, "the tenant's addresses are in {}", blocks.join(", "))
            }
            Self::ReservedInVain {
                owner,
                reserved,
                lacks: None,
                ..
            } => write!(
                f,
                "{owner} has {reserved} reservations for objects that were never stored"
            ),
            Self::ReservedInVain {
                owner,
                reserved,
                lacks: Some(lacks),
                ..
            } => write!(
                f,
                "{owner} lacks {lacks} machines, and {reserved} addresses were reserved for machines that were never stored"
            ),
        }
    }
}
