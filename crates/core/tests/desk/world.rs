//! A ledger, and who asks.

use std::cell::RefCell;
use std::net::IpAddr;

use basphere_core::Timestamp;
use basphere_core::ipam::{
    Asker, Claim, Delay, Desk, Holder, Lease, LeaseSpec, Ledger, Owner, Pool, Purpose, Refusal,
    Selection, Sight, Slot, SlotKind, State,
};
use serde_json::{Value, json};

/// How old a reservation must be before it may be used again.
pub(crate) const GRACE: i64 = 60;

pub(crate) fn pool(spec: Value) -> Pool {
    Pool::new("nodes", serde_json::from_value(spec).unwrap()).unwrap()
}

/// Blocks of six addresses, the first one kept back, two at the most for each tenant.
pub(crate) fn blocks() -> Pool {
    pool(json!({"cidr": "10.0.0.0/26", "blockSize": 29, "blocksPerTenant": 2}))
}

/// Everything is known for certain; what was asked for is noted.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    /// Names of holders that are stored.
    pub(crate) there: Vec<&'static str>,
    pub(crate) asked: RefCell<Vec<Selection>>,
}

impl Sight for World {
    fn is_live(&self, selection: &Selection) -> bool {
        self.asked.borrow_mut().push(selection.clone());
        true
    }

    fn is_gone(&self, holder: &Holder) -> bool {
        !self.there.contains(&holder.name.as_str())
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000 + second).unwrap()
}

pub(crate) fn slot(pool: &Pool, address: &str) -> Slot {
    pool.slot(address.parse().unwrap())
}

pub(crate) fn machine(name: &str) -> Asker<'static> {
    Asker {
        tenant: "kim",
        holder: Holder {
            kind: "VSphereMachine".to_owned(),
            namespace: "user-kim".to_owned(),
            name: name.to_owned(),
            ..Holder::default()
        },
        owner: Some(Owner {
            kind: "MachineSet".to_owned(),
            name: "workers".to_owned(),
            uid: "uid-workers".to_owned(),
        }),
        wanted: Some(2),
        purpose: Purpose::Node,
    }
}

pub(crate) fn endpoint() -> Asker<'static> {
    Asker {
        holder: Holder {
            kind: "Cluster".to_owned(),
            name: "demo".to_owned(),
            ..machine("").holder
        },
        owner: None,
        wanted: None,
        purpose: Purpose::Endpoint,
        ..machine("")
    }
}

pub(crate) fn of_lee(name: &str) -> Asker<'static> {
    let mut asker = machine(name);
    asker.tenant = "lee";
    asker.holder.namespace = "user-lee".to_owned();
    asker.owner = None;
    asker
}

impl World {
    /// A lease that is stored since the beginning.
    pub(crate) fn put(&mut self, slot: Slot, asker: &Asker<'_>, state: State) -> Lease {
        let uid = (state == State::Bound).then(|| format!("uid-{}", asker.holder.name));
        let spec = LeaseSpec {
            kind: slot.kind,
            domain: String::new(),
            address: String::new(),
            pool: "nodes".to_owned(),
            tenant: asker.tenant.to_owned(),
            purpose: asker.purpose,
            holder: Holder {
                uid,
                ..asker.holder.clone()
            },
            owner: asker.owner.clone(),
            state,
            since: at(0),
        };
        let mut lease = Lease::new(slot, spec);
        lease.resource_version = "7".to_owned();
        lease.uid = "uid".to_owned();
        self.ledger.put(lease.clone());
        lease
    }

    pub(crate) fn put_block(&mut self, pool: &Pool, address: &str, tenant: &'static str) {
        self.put_block_in(State::Bound, pool, address, tenant);
    }

    pub(crate) fn put_block_in(
        &mut self,
        state: State,
        pool: &Pool,
        address: &str,
        tenant: &'static str,
    ) -> Lease {
        let slot = pool.block_of(address.parse().unwrap()).unwrap();
        let asker = Asker {
            tenant,
            holder: Holder {
                kind: "Tenant".to_owned(),
                name: tenant.to_owned(),
                ..Holder::default()
            },
            owner: None,
            wanted: None,
            purpose: Purpose::Block,
        };
        self.put(slot, &asker, state)
    }

    /// What another review of this process is asking for; nobody knows yet whether it will be stored.
    pub(crate) fn note(&mut self, slot: Slot, asker: &Asker<'_>) {
        let mut lease = self.put(slot, asker, State::Reserved);
        lease.uid.clear();
        lease.note();
        self.ledger.put(lease);
    }

    /// All addresses of a pool that nobody has yet become other machines' of kim's.
    pub(crate) fn fill(
        &mut self,
        pool: &Pool,
        prefix: &str,
        addresses: std::ops::RangeInclusive<u8>,
    ) {
        for last in addresses {
            let slot = slot(pool, &format!("{prefix}{last}"));
            let mut asker = machine(&format!("old-{last}"));
            asker.owner = None;
            self.put(slot, &asker, State::Bound);
        }
    }

    pub(crate) fn desk(&self, second: i64) -> Desk<'_> {
        let grace = Delay::seconds(GRACE as u32);
        Desk::new(self.ledger.clone(), self, at(second), grace)
    }

    /// What is given, and what must be carried out before.
    pub(crate) fn any(
        &self,
        second: i64,
        pool: &Pool,
        asker: &Asker<'_>,
    ) -> (Result<String, Refusal>, Vec<String>) {
        let mut desk = self.desk(second);
        let answer = desk.address(pool, asker).map(|address| address.to_string());
        (answer, shown(desk.claims()))
    }

    pub(crate) fn named(
        &self,
        pool: &Pool,
        address: &str,
        asker: &Asker<'_>,
    ) -> (Result<(), Refusal>, Vec<String>) {
        let address: IpAddr = address.parse().unwrap();
        let mut desk = self.desk(1);
        let answer = desk.named(pool, address, asker);
        (answer, shown(desk.claims()))
    }
}

fn shown(claims: &[Claim]) -> Vec<String> {
    let shown = claims.iter().map(|claim| {
        let verb = match claim {
            Claim::Create(_) => "create",
            Claim::Replace(_) => "replace",
        };
        let spec = &claim.lease().spec;
        let (slot, state) = (&spec.address, spec.state.as_str());
        format!("{verb} {slot} {state} {}", spec.holder.name)
    });
    shown.collect()
}

pub(crate) fn range_pool() -> Pool {
    pool(json!({"cidr": "10.0.8.0/26", "rangeSize": 16}))
}

pub(crate) fn range_slot(text: &str) -> Slot {
    Slot::new(SlotKind::Range, "default", text.parse().unwrap())
}
