//! Where the numbers come from: the TenantQuota that a tenant may read, an admin's Tenants, or the
//! objects of the namespace.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use basphere_core::Timestamp;
use basphere_core::quota::Report;
use serde::Serialize;

use crate::cli::{Global, Quota};
use crate::connection::is_forbidden;
use crate::review::{Accounts, Origin, Room, Surroundings};

/// What a tenant uses and may use, and whence that is known.
pub(super) struct Told {
    namespace: String,
    source: &'static str,
    pub(super) report: Report,
    pub(super) notices: Vec<String>,
}

/// A report for machines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    api_version: &'static str,
    kind: &'static str,
    namespace: &'a str,
    source: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

impl Told {
    /// Reads the first of these that is there.
    pub(super) fn read(options: &Quota, global: &Global) -> Result<Self> {
        let around = Surroundings::find(options.site.as_deref(), &options.state, global)?;
        let namespace = around.namespace(global);
        let mut notices = Vec::new();
        match around.world.quota(&namespace) {
            Ok(Some(report)) => {
                if !report.counted {
                    notices.push(not_counted(&report.tenant));
                }
                return Ok(Self {
                    namespace,
                    source: "TenantQuota",
                    report,
                    notices,
                });
            }
            Ok(None) => {}
            Err(error) if is_forbidden(&error) => {}
            Err(error) => notices.push(format!(
                "cannot read the TenantQuota of {namespace} ({error:#})"
            )),
        }
        Self::count(&around, namespace, notices)
    }

    fn count(around: &Surroundings, namespace: String, mut notices: Vec<String>) -> Result<Self> {
        let site = Arc::new(around.site()?);
        let room = Room::read(&around.world, &site, &namespace, &mut notices);
        let tenant = room.owner(&site, &namespace);
        ensure!(
            !tenant.is_empty(),
            "namespace {namespace} belongs to no tenant; name another by -n"
        );
        let mut accounts = Accounts::new(site, Timestamp::now());
        accounts.enter(
            &around.world,
            (&tenant, &namespace),
            &room.observed,
            &mut notices,
        );
        let source = match accounts.origin(&tenant) {
            Some(Origin::Ledgers) => "Tenant",
            Some(Origin::Counted) => {
                notices.push(not_counted(&tenant));
                "Tenant"
            }
            _ => {
                notices.push(format!(
                    "neither a TenantQuota of {namespace} nor a Tenant {tenant} can be read: the objects of {namespace} were counted, against the Site's default limits"
                ));
                "Namespace"
            }
        };
        let report = accounts.report(&tenant);
        let report = report.with_context(|| format!("nothing is known of tenant {tenant}"))?;
        Ok(Self {
            namespace,
            source,
            report,
            notices,
        })
    }

    /// For machines.
    pub(super) fn shown(&self) -> Shown<'_> {
        Shown {
            api_version: "basphere.dev/v1alpha1",
            kind: "QuotaReport",
            namespace: &self.namespace,
            source: self.source,
            report: &self.report,
        }
    }
}

fn not_counted(tenant: &str) -> String {
    format!("what tenant {tenant} uses is being counted: until that is done, nothing may grow")
}
