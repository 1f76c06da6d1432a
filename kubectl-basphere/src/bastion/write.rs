//! Leases as the bastion writes them.

use basphere_api::crd::AddressLease;
use basphere_core::Timestamp;
use basphere_core::ipam::{Lease, SlotKind, State};

use super::{ALLOCATIONS, Format, LEASES, LINE, TEXT, resource};

/// Both files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) allocations: String,
    pub(crate) leases: String,
    /// What the format cannot say.
    pub(crate) notices: Vec<String>,
}

/// Writes the blocks and addresses of a pool: first what was imported, in its old order, then all else
/// by address. What cools is leased by nobody any more, and in neither file.
pub(crate) fn files(objects: &[(AddressLease, Lease)], pool: &str) -> Files {
    let mut files = Files::default();
    let (mut blocks, mut addresses) = (Vec::new(), Vec::new());
    let mut strange = 0;
    for (object, lease) in objects {
        let spec = &lease.spec;
        if spec.pool != pool || spec.state == State::Releasing {
            continue;
        }
        match spec.kind {
            SlotKind::Block => blocks.push(line(object, lease, block(lease))),
            SlotKind::Address => {
                let (name, kind, is_known) = resource::written(spec);
                strange += usize::from(!is_known);
                let text = format!("{}\t{}\t{name}\t{kind}", spec.address, spec.tenant);
                addresses.push(line(object, lease, text));
            }
            SlotKind::Range | SlotKind::Network => {}
        }
    }
    if strange > 0 {
        files.notices.push(format!(
            "{strange} of the addresses are of single machines or claims, which the bastion does not know; they are written as cluster-worker, under their own names"
        ));
    }
    files.allocations = file(ALLOCATIONS, blocks);
    files.leases = file(LEASES, addresses);
    files
}

fn block(lease: &Lease) -> String {
    format!("{}\t{}", lease.spec.tenant, lease.slot.span.first())
}

/// Where a line stands, and what it says. What was imported stands before all else.
type Placed = (Option<usize>, String);

/// The line that was imported when it still says what the lease is; else a new one. The controllers'
/// news of a lease, such as its holder's UID, do not change who has it since when.
fn line(object: &AddressLease, lease: &Lease, says: String) -> Placed {
    let annotation = |key: &str| {
        let annotations = object.metadata.annotations.as_ref()?;
        annotations.get(key).map(String::as_str)
    };
    let number = annotation(LINE).and_then(|line| line.parse().ok());
    let imported = annotation(TEXT).filter(|text| {
        let said = text.rsplit_once('\t').map(|(said, _)| said);
        said == Some(&says) && !text.contains('\n')
    });
    match (number, imported) {
        (Some(number), Some(text)) => (Some(number), text.to_owned()),
        _ => (None, format!("{says}\t{}", time(lease.spec.since))),
    }
}

/// A time to the second.
fn time(since: Timestamp) -> String {
    Timestamp::from_second(since.as_second())
        .unwrap_or(since)
        .to_string()
}

fn file(format: Format, mut lines: Vec<Placed>) -> String {
    // The sort is stable: what is new stays in the order of addresses.
    lines.sort_by_key(|(number, _)| number.unwrap_or(usize::MAX));
    let header = std::iter::once(format.header);
    let lines = header.chain(lines.iter().map(|(_, text)| text.as_str()));
    lines.flat_map(|line| [line, "\n"]).collect()
}
