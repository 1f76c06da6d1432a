//! What refusals say of quotas, and whether a ledger bears them out.

use super::state::State;
use crate::refusals::{Refusal, Said};

/// What a refusal says begins with this.
const BEGIN: &str = "quota ";
const LARGEST: &str = "largest node spec requested";
/// What is being deleted is not changed any more.
const LEAVING: &str = "BSP-D001";

/// One limit that a refusal says would be exceeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    account: String,
    measure: String,
    said: Limit,
    revisions: (i64, i64),
    words: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    Amount {
        requested: u64,
        limit: u64,
    },
    NodeSpec(String),
    /// The name of an object that is being deleted; its kind is what is measured.
    Leaving(String),
}

impl Said for Claim {
    fn revisions(&self) -> (i64, i64) {
        self.revisions
    }

    fn words(&self) -> String {
        format!("{} of {}: {}", self.measure, self.account, self.words)
    }
}

impl Claim {
    /// Whether the ledger of that account had no place for it.
    pub(super) fn is_true(&self, state: &State) -> bool {
        let Some(account) = state.accounts.get(&self.account) else {
            return false;
        };
        match &self.said {
            Limit::Amount { requested, limit } => {
                account.limit(&self.measure) == Some(*limit)
                    && account.used(&self.measure) + requested > *limit
            }
            Limit::NodeSpec(name) => account.largest.as_ref() == Some(name),
            Limit::Leaving(name) => state.is_leaving(&self.account, &self.measure, name),
        }
    }
}

/// All that a refusal says; nothing when it does not say which limit.
pub(super) fn claims(refusal: &Refusal) -> Vec<Claim> {
    let asked = &refusal.asked;
    let leaving = (refusal.code == LEAVING).then(|| Claim {
        account: asked.tenant.clone(),
        measure: asked.kind.clone(),
        said: Limit::Leaving(asked.name.clone()),
        revisions: refusal.revisions,
        words: words(refusal),
    });
    let parts = refusal.message.split(BEGIN).skip(1);
    let parts = parts.filter_map(|part| claim(refusal, part));
    leaving.into_iter().chain(parts).collect()
}

fn words(refusal: &Refusal) -> String {
    let asked = &refusal.asked;
    format!("{} {}: {}", asked.kind, asked.name, refusal.message)
}

/// Such as `kim: nodes requested +3, used 8, limit 10, exceeded by 1; …`.
fn claim(refusal: &Refusal, part: &str) -> Option<Claim> {
    let (account, rest) = part.split_once(": ")?;
    let number = |behind: &str| {
        let rest = rest.split(behind).nth(1)?;
        let digits = rest.split(|character: char| !character.is_ascii_digit());
        digits.into_iter().next()?.parse::<u64>().ok()
    };
    let (measure, said) = if rest.starts_with(LARGEST) {
        let name = rest.split(", limit ").nth(1)?.split(' ').next()?;
        (LARGEST, Limit::NodeSpec(name.to_owned()))
    } else {
        let (measure, _) = rest.split_once(" requested +")?;
        let said = Limit::Amount {
            requested: number(" requested +")?,
            limit: number(", limit ")?,
        };
        (measure, said)
    };
    Some(Claim {
        account: account.to_owned(),
        measure: measure.to_owned(),
        said,
        revisions: refusal.revisions,
        words: words(refusal),
    })
}
