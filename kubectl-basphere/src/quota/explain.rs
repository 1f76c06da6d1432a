//! What the numbers mean, who holds what, and how to get more.

use std::io::{self, Write};

use basphere_core::quota::{Line, Measure, Report};
use basphere_core::{Code, keys};
use serde_json::json;

use super::bars::{DIM, HEADING};
use crate::ipam::table;

/// Writes all that is not in the bars.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    write_holders(report, out)?;
    write_measures(out)?;
    write_charged(out)?;
    write_more(report, out)
}

fn write_holders(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{HEADING}Who holds it{HEADING:#}")?;
    let fields: Vec<_> = measures()
        .into_iter()
        .map(|measure| measure.field())
        .filter(|field| {
            report
                .holders
                .iter()
                .any(|of| of.amounts.contains_key(*field))
        })
        .collect();
    let mut columns = vec!["KIND".to_owned(), "NAME".to_owned()];
    columns.extend(fields.iter().map(|field| field.to_uppercase()));
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    let rows = report.holders.iter().map(|holder| {
        let pending = if holder.pending { " (reserved)" } else { "" };
        let mut row = vec![
            holder.kind.clone(),
            format!("{}/{}{pending}", holder.namespace, holder.name),
        ];
        row.extend(fields.iter().map(|field| {
            let amount = holder.amounts.get(*field);
            amount.map_or("-".to_owned(), ToString::to_string)
        }));
        row
    });
    match table(&columns, rows) {
        Some(table) => write!(out, "{table}")?,
        None => writeln!(out, "Nobody holds anything that you may see.")?,
    }
    let noun = if report.surge == 1 {
        "machine"
    } else {
        "machines"
    };
    writeln!(
        out,
        "{DIM}Beside that, rollouts may add {} {noun} for a while: surge is not charged.{DIM:#}",
        report.surge
    )
}

/// All measures, as they are limited.
fn measures() -> [Measure; 12] {
    [
        Measure::Clusters,
        Measure::ClustersOf("TYPE".to_owned()),
        Measure::NodesOf("/NAME".to_owned()),
        Measure::Nodes,
        Measure::ControlPlaneNodes,
        Measure::NodePools,
        Measure::Vcpus,
        Measure::MemoryMib,
        Measure::DiskGib,
        Measure::Gpus,
        Measure::Addresses,
        Measure::LoadBalancerRanges,
    ]
}

fn write_measures(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{HEADING}What is limited{HEADING:#}")?;
    let row = |field: &str, code: Code, meaning: String| {
        vec![field.to_owned(), code.as_str().to_owned(), meaning]
    };
    let mut rows: Vec<_> = measures()
        .iter()
        .map(|measure| row(measure.field(), measure.code(), measure.to_string()))
        .collect();
    rows.push(row(
        "largestNodeSpec",
        Code::NodeSpecTooLarge,
        "size of one machine".to_owned(),
    ));
    let table = table(&["LIMIT", "REFUSED AS", "WHAT"], rows.into_iter());
    write!(out, "{}", table.unwrap_or_default())?;
    writeln!(
        out,
        "{DIM}What exceeds a soft limit is let in with a warning ({}). While nothing is counted yet, nothing may grow ({}).{DIM:#}",
        Code::SoftLimitExceeded.as_str(),
        Code::LedgerNotReady.as_str()
    )
}

fn write_charged(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{HEADING}What is charged{HEADING:#}")?;
    writeln!(
        out,
        "Control planes, MachineDeployments, MachinePools, and MachineSets and Machines that stand alone: as many\n\
         machines as spec.replicas says, or {} if that is more,\n\
         each of the size of its machine template. What controllers make of them is not charged again.\n\
         A Cluster is charged one address for its API server, and its topology's machines. Deleting and shrinking\n\
         always pass.",
        keys::AUTOSCALER_MOST
    )
}

fn write_more(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let tenant = &report.tenant;
    writeln!(out, "\n{HEADING}How to get more{HEADING:#}")?;
    writeln!(
        out,
        "Ask an admin of the site. For admins: add to spec.quotas of Tenant {tenant}"
    )?;
    let own = report.lines.iter().filter(|line| {
        let is_simple = line.which.is_none() && line.limit.is_some();
        is_simple && !line.shared
    });
    let is_full = |line: &&&Line| line.limit.is_some_and(|limit| line.used >= limit);
    let own: Vec<_> = own.collect();
    let example = own.iter().find(is_full).or(own.first());
    let (field, limit) = example.map_or(("clusters", 3), |line| {
        let limit = line.limit.unwrap_or_default();
        (line.measure.as_str(), limit.max(line.used))
    });
    let limit = limit.saturating_add(1);
    writeln!(
        out,
        "  quotas:\n  - limits: {{{field}: {limit}}}\n    reason: why, for whoever reads the limit\n    expires: \"2027-01-01T00:00:00Z\"  # may be left out"
    )?;
    let is_set = |line: &Line| !line.shared && line.set.is_some();
    if report.lines.iter().any(is_set) {
        // A patch would replace what stands there.
        return writeln!(out, "by\n  kubectl edit tenant {tenant}");
    }
    let patch = json!({"spec": {"quotas": [{"limits": {field: limit}, "reason": "why"}]}});
    writeln!(
        out,
        "by\n  kubectl edit tenant {tenant}\nor, as long as it has no limits of its own, by\n  kubectl patch tenant {tenant} --type=merge -p '{patch}'"
    )
}
