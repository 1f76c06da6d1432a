//! The files of the site's former tool on its bastion host, which import reads and export writes.
//!
//! A file that import takes without a complaint comes out of export byte for byte: so whatever would
//! be lost or would have to be guessed is a fault of its line, and the line is left out.

mod addresses;
mod blocks;
pub(crate) mod config;
mod contest;
mod lines;
pub(crate) mod quotas;
mod resource;
pub(crate) mod site;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod write;

use std::collections::BTreeMap;

use basphere_api::crd::AddressLease;
use basphere_core::ipam::{Lease, Pool};

/// Annotation of a lease: the number of the line that it was imported from.
pub(crate) const LINE: &str = "basphere.dev/imported-line";
/// Annotation of a lease: that line.
pub(crate) const TEXT: &str = "basphere.dev/imported-text";

/// The file of tenants' blocks.
pub(crate) const ALLOCATIONS: Format = Format {
    header: "# user\tblock_start\tallocated_at",
    columns: "user, block_start, allocated_at",
};

/// The file of addresses.
pub(crate) const LEASES: Format = Format {
    header: "# ip\tuser\tresource_name\tresource_type\tallocated_at",
    columns: "ip, user, resource_name, resource_type, allocated_at",
};

/// How a file looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Its first line.
    pub(crate) header: &'static str,
    /// Its columns, for people.
    pub(crate) columns: &'static str,
}

/// What is said of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Whether the line is left out for it.
    pub(crate) is_fault: bool,
    /// Why.
    pub(crate) reason: String,
}

/// All that is said of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remarks(Vec<Remark>);

impl Remarks {
    /// The line is left out.
    fn fault(&mut self, line: usize, reason: impl Into<String>) {
        self.push(line, true, reason.into());
    }

    /// The line is taken, and somebody should look at it.
    fn warning(&mut self, line: usize, reason: impl Into<String>) {
        self.push(line, false, reason.into());
    }

    fn push(&mut self, line: usize, is_fault: bool, reason: String) {
        self.0.push(Remark {
            line,
            is_fault,
            reason,
        });
    }

    /// By line.
    pub(crate) fn sorted(&self) -> Vec<&Remark> {
        let mut remarks: Vec<_> = self.0.iter().collect();
        remarks.sort_by_key(|remark| remark.line);
        remarks
    }

    /// How many lines are left out.
    pub(crate) fn faulty_lines(&self) -> usize {
        let mut lines: Vec<_> = self.0.iter().filter(|r| r.is_fault).collect();
        lines.sort_by_key(|remark| remark.line);
        lines.dedup_by_key(|remark| remark.line);
        lines.len()
    }
}

/// A line that is taken, as the lease that it is.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) lease: Lease,
}

impl Entry {
    /// The object, with what export needs to write the line again.
    pub(crate) fn object(&self) -> AddressLease {
        let mut object = AddressLease::of(&self.lease);
        object.metadata.annotations = Some(BTreeMap::from([
            (LINE.to_owned(), self.line.to_string()),
            (TEXT.to_owned(), self.text.clone()),
        ]));
        object
    }
}

/// What both files say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imported {
    pub(crate) blocks: Vec<Entry>,
    pub(crate) addresses: Vec<Entry>,
    pub(crate) of_allocations: Remarks,
    pub(crate) of_leases: Remarks,
}

impl Imported {
    /// The tenants, by name.
    pub(crate) fn tenants(&self) -> Vec<&str> {
        let entries = self.blocks.iter().chain(&self.addresses);
        let mut tenants: Vec<_> = entries.map(|e| e.lease.spec.tenant.as_str()).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }
}

/// Reads both files against the pool that they are about. A user's namespace is the prefix and the name.
pub(crate) fn read(allocations: &[u8], leases: &[u8], pool: &Pool, prefix: &str) -> Imported {
    let mut imported = Imported::default();
    let rows = lines::read(allocations, ALLOCATIONS, &mut imported.of_allocations);
    imported.blocks = blocks::judge(rows, pool, prefix, &mut imported.of_allocations);
    let rows = lines::read(leases, LEASES, &mut imported.of_leases);
    blocks::warn_of_unused(&imported.blocks, &rows, &mut imported.of_allocations);
    imported.addresses = addresses::judge(
        rows,
        &imported.blocks,
        pool,
        prefix,
        &mut imported.of_leases,
    );
    imported
}
