//! Charges: how what tenants ask for is made to stay within their limits.
//!
//! The ledger in the status of a Tenant is the lock. Who asks for more has it written there, by
//! compare-and-swap, before the request is let in; so does every group above the tenant, the root first.

mod cashier;
mod chain;
mod keep;
mod line;
mod open;
mod records;

pub use cashier::{Booking, Cashier, Order, Outcome};
pub use chain::{Settle, charge_all};
pub use keep::{Cluster, Kept, NotKept, keep};
pub use line::{Clerk, Line, Orders};
pub use records::{Record, Records, Tenants};
