//! Static addresses: pools, leases, and which address comes next.
//!
//! Everything that is handed out is a *slot* whose canonical name is the name of an [`Lease`] object,
//! so that creating the object is the lock. [`Ledger`] is what is known of all leases, and choosing a
//! slot is a pure function of it; that the slot is still free is for the API server to say.

mod delay;
mod desk;
mod lease;
mod ledger;
mod life;
mod pool;
mod pools;
mod refusal;
mod slot;
mod span;
mod usage;

pub use delay::Delay;
pub use desk::{Asker, Desk, Sight, stands, to_confirm};
pub use lease::{Claim, Holder, Lease, LeaseError, LeaseSpec, Owner, Purpose, State};
pub use ledger::{Ledger, Listed, Selection};
pub use life::{Delays, Holding, Step, due, next};
pub use pool::{Pool, PoolError, PoolSpec};
pub use pools::Pools;
pub use refusal::Refusal;
pub use slot::{Slot, SlotKind};
pub use span::{Span, SpanError};
pub use usage::{Capacity, TenantUsage, Usage, capacity, usage};
