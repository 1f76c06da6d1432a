//! What tenants may ask for, and what they have asked for.
//!
//! Every object that asks for machines has an [`Entry`] in the [`Ledger`] of its tenant, and in those of
//! the groups above it: what is stored, and what requests under way may yet make of it. What is used
//! follows from the entries alone. Who asks for more is charged by [`judge`] over the newest ledger, and
//! the ledger is written by compare-and-swap before the request is let in, so that of two requests that
//! together are too much, one is refused.

mod account;
mod ask;
mod check;
mod entry;
mod former;
mod largest;
mod ledger;
mod limits;
mod measure;
mod read;
mod report;
mod tenants;
mod verdict;

pub use account::{Account, account_name};
pub use ask::{Ask, Group, Size, Template};
pub(crate) use check::check;
pub use check::{not_ready, refusals};
pub use entry::{Entry, Pending};
pub use former::{is_replaced, machines_of};
pub use ledger::{Ledger, Observed, Suspect};
pub use limits::{Limits, Override, SiteQuotas, TenantSpec};
pub use measure::{Amounts, Measure};
pub use read::{CHARGED, is_charged, observe, read_of_status};
pub use report::{Holder, Limited, Line, Report, Set, report};
pub(crate) use tenants::{complete as complete_tenant, judge as judge_tenant};
pub use verdict::{Charge, Excess, Fits, Look, Verdict, Wants, judge, look};
