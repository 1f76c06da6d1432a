//! Charges a request to a tenant and to all groups above it.

use std::sync::Arc;

use basphere_core::Timestamp;
use basphere_core::quota::{Account, Charge};
use basphere_core::site::Site;

use super::cashier::{Order, Outcome};

/// Where orders are settled, those of one account one after the other.
pub trait Settle: Send + Sync {
    /// Has an order written into the ledger of an account.
    fn settle(&self, account: &str, order: Order) -> impl Future<Output = Outcome> + Send;
}

/// Charges a request to every account that limits anything, the root first.
///
/// # Errors
/// What became of the first charge that was not written, and the account's name. Those above it have been
/// charged, and forget it in a while.
pub async fn charge_all<S: Settle + ?Sized>(
    till: &S,
    site: &Site,
    accounts: &[Arc<Account>],
    charge: &Charge,
    now: Timestamp,
) -> Result<(), (String, Outcome)> {
    for (index, account) in accounts.iter().enumerate() {
        let is_group = index + 1 < accounts.len();
        if !account.is_limited(site, is_group, now) {
            continue;
        }
        let order = Order::Charge {
            charge: Box::new(charge.clone()),
            is_group,
        };
        match till.settle(&account.name, order).await {
            Outcome::Done => {}
            other => return Err((account.name.clone(), other)),
        }
    }
    Ok(())
}
