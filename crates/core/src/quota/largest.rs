//! Machines that are larger than the largest that a tenant may have.

use serde_json::Value;

use super::check::ASK_FOR_MORE;
use super::read::{ask, size};
use super::verdict::{Charge, Wants};
use super::{Account, Size};
use crate::context::Context;
use crate::{Code, Finding, Kind, keys};

/// Refuses machines that are larger than this node spec, which the account says is the largest. What was
/// stored like that stays, and does not grow.
pub(super) fn check(
    context: &Context<'_>,
    account: &Account,
    (name, largest): (&str, Size),
    charge: &Charge,
    object: &Value,
) -> Vec<Finding> {
    let larger = sizes(context, account, charge, object)
        .into_iter()
        .filter(|size| !size.fits(largest));
    let path = match charge.kind {
        Kind::Cluster => "spec.topology",
        _ => &charge.path,
    };
    larger
        .map(|size| {
            let message = format!(
                "quota {}: largest node spec requested {}, limit {name} ({})",
                account.name,
                in_words(size),
                in_words(largest)
            );
            Finding::new(Code::NodeSpecTooLarge, path, Value::Null, message)
                .hint(format!("set {}: {name}", keys::NODE_SPEC))
                .command(ASK_FOR_MORE)
        })
        .collect()
}

/// The sizes of the machines that more is asked for of.
fn sizes(context: &Context<'_>, account: &Account, charge: &Charge, object: &Value) -> Vec<Size> {
    let site = context.site();
    let kind = charge.kind;
    let old = context.request.old_object.as_ref();
    match (kind, &charge.wants) {
        (Kind::Cluster, _) => {
            let before = old
                .map(|old| ask(site, kind, old).groups)
                .unwrap_or_default();
            let groups = ask(site, kind, object).groups;
            let grown = groups.into_iter().filter(|group| {
                let is_same = |known: &super::Group| {
                    known.name == group.name
                        && known.size == group.size
                        && known.count() >= group.count()
                };
                !before.iter().any(is_same)
            });
            let mut sizes: Vec<Size> = grown.filter_map(|group| group.size).collect();
            sizes.dedup();
            sizes
        }
        (_, Wants::All(ask)) if ask.template.is_some() => {
            let ledger = account.ledger.as_ref();
            ledger
                .and_then(|ledger| ledger.size_of(&charge.namespace, ask))
                .into_iter()
                .collect()
        }
        (_, Wants::All(_)) => size(site, kind, object).into_iter().collect(),
        (_, Wants::Replicas(_)) => {
            let ledger = account.ledger.as_ref();
            let entry = ledger.and_then(|ledger| Some((ledger, ledger.entries.get(&charge.uid)?)));
            entry
                .and_then(|(ledger, entry)| ledger.size_of(&charge.namespace, entry.newest()?))
                .into_iter()
                .collect()
        }
    }
}

fn in_words(size: Size) -> String {
    let mut text = format!(
        "{} CPUs, {} MiB, {} GiB",
        size.cpus, size.memory_mib, size.disk_gib
    );
    if size.gpus > 0 {
        text.push_str(&format!(", {} GPUs", size.gpus));
    }
    text
}
