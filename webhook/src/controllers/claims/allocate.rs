//! Which address a claim gets.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Result, bail};
use basphere_core::ipam::{
    Asker, Claim, Desk, Holder, Ledger, Pool, Purpose, Refusal, Selection, Sight,
};
use basphere_core::{Kind, Site, Timestamp};
use basphere_ipam::{Failed, Store};
use serde_json::Value;

use super::{Claims, text};

/// The tenant or the pool has no address left.
pub(super) const EXHAUSTED: &str = "PoolExhausted";
/// So often others may be faster, or something must be read first.
const ATTEMPTS: usize = 16;

/// Why a claim has no address, for its condition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfulfilled {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Unfulfilled {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

impl From<Refusal> for Unfulfilled {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal {
            Refusal::Exhausted { .. } => EXHAUSTED,
            _ => "AddressNotToBeHad",
        };
        Self::new(reason, format!("{refusal}; {}", refusal.hint()))
    }
}

/// What has been read for one claim.
#[derive(Default)]
struct Read {
    live: BTreeSet<Selection>,
    missed: RefCell<BTreeSet<Selection>>,
}

impl Sight for Read {
    fn is_live(&self, selection: &Selection) -> bool {
        let is_live = self.live.contains(selection);
        if !is_live {
            self.missed.borrow_mut().insert(selection.clone());
        }
        is_live
    }

    // A claim has no owner whose reservations it could use.
    fn is_gone(&self, _: &Holder) -> bool {
        false
    }
}

impl Claims {
    /// An address for a claim: that of its IPAddress when there is one, else what the desk says. It is
    /// leased when this returns.
    pub(super) async fn allocate(
        &self,
        claim: &Value,
        pool: &str,
        address: Option<&Value>,
    ) -> Result<Result<IpAddr, Unfulfilled>> {
        let uid = text(claim, "/metadata/uid");
        let named = match address {
            None => None,
            // That it goes is a change that brings the claim again.
            Some(address) if !is_owned(address, uid) => {
                let message = "an IPAddress of this name belongs to something else";
                return Ok(Err(Unfulfilled::new("AddressTaken", message)));
            }
            Some(address) => text(address, "/spec/address").and_then(|text| text.parse().ok()),
        };
        let namespace = text(claim, "/metadata/namespace").unwrap_or_default();
        let Some(tenant) = self.world.owner_of(namespace) else {
            let message = "the claim's namespace belongs to no tenant";
            return Ok(Err(Unfulfilled::new("NamespaceWithoutOwner", message)));
        };
        let asker = Asker {
            tenant: &tenant,
            holder: Holder {
                kind: Kind::IPAddressClaim.as_str().to_owned(),
                namespace: namespace.to_owned(),
                name: text(claim, "/metadata/name").unwrap_or_default().to_owned(),
                uid: uid.map(str::to_owned),
                ..Holder::default()
            },
            owner: None,
            wanted: None,
            purpose: Purpose::Claim,
        };
        let mut read = Read::default();
        for _ in 0..ATTEMPTS {
            let (pools, site) = (self.world.pools(), self.world.site());
            let (Some(site), pool) = (site, pools.get(pool)) else {
                bail!("no Site is in force");
            };
            let pool = match pool {
                Ok(pool) if pool.spec().range_size.is_some() => {
                    let message = "the pool hands out ranges, and no single addresses";
                    return Ok(Err(Unfulfilled::new("PoolNotFit", message)));
                }
                Ok(pool) => pool,
                Err(why) => return Ok(Err(Unfulfilled::new("PoolNotReady", why))),
            };
            let ledger = self.world.book().ledger();
            let (answer, claims) = ask(ledger, &read, &site, pool, named, &asker);
            let missed = read.missed.take();
            if !missed.is_empty() {
                for selection in missed {
                    let listed = self.store().list(&selection).await?;
                    self.world.book().replace(&selection, listed);
                    read.live.insert(selection);
                }
                continue;
            }
            let found = match answer {
                Ok(found) => found,
                Err(refusal) => return Ok(Err(refusal.into())),
            };
            match self.desk.carry_out(&claims).await {
                Ok(()) => return Ok(Ok(found)),
                Err(Failed::Overtaken) => read = Read::default(),
                Err(Failed::Store(error)) => return Err(error.into()),
            }
        }
        bail!("others were faster {ATTEMPTS} times")
    }
}

fn ask(
    ledger: Ledger,
    read: &Read,
    site: &Site,
    pool: &Pool,
    named: Option<IpAddr>,
    asker: &Asker<'_>,
) -> (Result<IpAddr, Refusal>, Vec<Claim>) {
    let grace = site.spec().addresses.reservation_grace;
    let mut desk = Desk::new(ledger, read, Timestamp::now(), grace);
    let answer = match named {
        Some(address) => desk.named(pool, address, asker).map(|()| address),
        None => desk.address(pool, asker),
    };
    (answer, desk.into_parts().1)
}

/// Whether an IPAddress was made for the claim of this UID.
fn is_owned(address: &Value, claim: Option<&str>) -> bool {
    let owners = address.pointer("/metadata/ownerReferences");
    let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
    owners.any(|owner| claim.is_some() && text(owner, "/uid") == claim)
}
