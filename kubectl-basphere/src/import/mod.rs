//! `kubectl basphere import ipam`: from the bastion's files to manifests.

mod apply;
mod basis;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use basphere_api::crd::{AddressLease, AddressPool, AddressPoolResource, SITE_NAME};
use basphere_api::manifest::MAX_BYTES;
use basphere_api::{Site, SiteResource, Tenant, TenantResource};
use basphere_core::quota::TenantSpec;
use serde_json::{Value, json};

use crate::bastion::{self, Entry, Imported, Remarks};
use crate::cli::{Global, ImportIpam};
use crate::exit::{Exit, unless_closed};
use crate::input;
use crate::run::{print_error, print_warning};
use crate::yaml::yaml;

use basis::Basis;

/// Prints the manifests to `out`, or applies them, and says to `talk` what is wrong with the files.
pub(crate) fn run(
    options: &ImportIpam,
    global: &Global,
    out: &mut dyn Write,
    talk: &mut dyn Write,
) -> Result<Exit> {
    let is_stdin = |path: &Path| path == Path::new("-");
    ensure!(
        !(is_stdin(&options.allocations) && is_stdin(&options.leases)),
        "stdin can be read only once"
    );
    let allocations = whole(&options.allocations)?;
    let leases = whole(&options.leases)?;
    let basis = Basis::gather(options, global)?;
    for notice in &basis.notices {
        print_warning(notice, talk);
    }
    for fault in &basis.faults {
        print_error(&anyhow::Error::msg(fault.clone()), talk);
    }
    if let Some(error) = &basis.no_site {
        print_error(error, talk);
    }
    let imported = bastion::read(&allocations, &leases, &basis.pool, &basis.prefix);
    tell(&options.allocations, &imported.of_allocations, talk);
    tell(&options.leases, &imported.of_leases, talk);
    let manifests = Manifests::new(&basis, &imported)?;
    let is_applied = if options.apply {
        apply::apply(&manifests, global, out, talk)?
    } else {
        for object in manifests.all()? {
            unless_closed(write!(out, "---\n{}", yaml(&object)?))?;
        }
        true
    };
    unless_closed(out.flush())?;
    let is_whole = summarize(&imported, talk) && basis.no_site.is_none() && basis.faults.is_empty();
    Ok(if is_whole && is_applied {
        Exit::Ok
    } else {
        Exit::Error
    })
}

/// A file that is not so large that only its beginning was read.
fn whole(path: &Path) -> Result<Vec<u8>> {
    let bytes = input::bytes(path)?;
    ensure!(
        bytes.len() <= MAX_BYTES,
        "{}: the file is larger than {MAX_BYTES} bytes",
        path.display()
    );
    Ok(bytes)
}

/// Says what there is to say of a file, line by line.
fn tell(path: &Path, remarks: &Remarks, talk: &mut dyn Write) {
    let file = path.display();
    for remark in remarks.sorted() {
        let place = format!("{file}:{}: {}", remark.line, remark.reason);
        if remark.is_fault {
            print_error(&anyhow::Error::msg(place), talk);
        } else {
            print_warning(place, talk);
        }
    }
}

/// Says how much was taken, and whether that was all.
fn summarize(imported: &Imported, talk: &mut dyn Write) -> bool {
    let faulty = imported.of_allocations.faulty_lines() + imported.of_leases.faulty_lines();
    let (blocks, addresses) = (imported.blocks.len(), imported.addresses.len());
    let tenants = imported.tenants().len();
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(
        talk,
        "blocks: {blocks}, addresses: {addresses}, tenants: {tenants}, faulty lines: {faulty}"
    );
    if faulty > 0 {
        print_warning(
            "what was left out is not protected: others may get these addresses; mend the lines and import again before clusters are made",
            talk,
        );
    }
    faulty == 0
}

/// The objects, in the order in which they need each other.
struct Manifests {
    site: Option<Site>,
    tenants: Vec<Value>,
    pool: Option<AddressPool>,
    leases: Vec<AddressLease>,
}

impl Manifests {
    fn new(basis: &Basis, imported: &Imported) -> Result<Self> {
        let site = basis.site.clone();
        let pool = basis.is_pool_new.then(|| {
            let spec = AddressPoolResource(basis.pool.spec().clone());
            AddressPool::new(basis.pool.name(), spec)
        });
        let mut names: BTreeSet<_> = imported.tenants().into_iter().collect();
        names.extend(basis.tenants.keys().map(String::as_str));
        let tenants = names
            .into_iter()
            .map(|name| tenant(name, basis.tenants.get(name)));
        let tenants: Result<_> = tenants.collect();
        let entries = imported.blocks.iter().chain(&imported.addresses);
        Ok(Self {
            site: site.map(|spec| Site::new(SITE_NAME, SiteResource(spec))),
            tenants: tenants?,
            pool,
            leases: entries.map(Entry::object).collect(),
        })
    }

    /// All but the leases.
    fn others(&self) -> Result<Vec<Value>> {
        let site = self.site.as_ref().map(serde_json::to_value).transpose()?;
        let pool = self.pool.as_ref().map(serde_json::to_value).transpose()?;
        let tenants = self.tenants.iter().cloned();
        Ok(site.into_iter().chain(tenants).chain(pool).collect())
    }

    fn all(&self) -> Result<Vec<Value>> {
        let mut all = self.others()?;
        for lease in &self.leases {
            all.push(serde_json::to_value(lease)?);
        }
        Ok(all)
    }
}

/// A tenant of whom nothing but the name is known, and maybe limits: what others say of it stays as it is.
fn tenant(name: &str, known: Option<&TenantSpec>) -> Result<Value> {
    let mut tenant = serde_json::to_value(Tenant::new(name, TenantResource::default()))?;
    let spec = tenant.get_mut("spec").context("a Tenant has a spec")?;
    *spec = match known {
        Some(known) => serde_json::to_value(known)?,
        None => json!({}),
    };
    Ok(tenant)
}
