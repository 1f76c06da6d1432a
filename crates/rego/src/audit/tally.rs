//! What was found of many objects: counted in full, kept in part.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::constraint::Point;
use crate::policies::{Finding, Policies};

use super::entry::{ByObject, Entry, Outcome, Rule, Subject, cut};
use super::kept::Kept;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The findings of one report.
    pub report: usize,
    /// The findings of all reports together. Where there are more, every report keeps equally few, of which the worst.
    pub reports: usize,
    /// The findings of one constraint.
    pub rule: usize,
    /// The bytes of a message.
    pub message: usize,
}

impl Default for Bounds {
    /// Reports of some 200 KiB, of which a cluster stores 1.5 MiB at the most, and 20 MiB of memory.
    fn default() -> Self {
        Self {
            report: 250,
            reports: 20_000,
            rule: 20,
            message: 512,
        }
    }
}

/// How many there are of each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// [`Outcome::Fail`].
    pub fail: u64,
    /// [`Outcome::Error`].
    pub error: u64,
    /// [`Outcome::Warn`].
    pub warn: u64,
    /// [`Outcome::Skip`].
    pub skip: u64,
}

impl Counts {
    /// How many of one outcome.
    #[must_use]
    pub const fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Fail => self.fail,
            Outcome::Error => self.error,
            Outcome::Warn => self.warn,
            Outcome::Skip => self.skip,
        }
    }

    /// All that are not waived.
    #[must_use]
    pub const fn violations(&self) -> u64 {
        self.fail
            .saturating_add(self.error)
            .saturating_add(self.warn)
    }

    /// All.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.violations().saturating_add(self.skip)
    }

    fn add(&mut self, outcome: Outcome, count: u64) {
        let counted = match outcome {
            Outcome::Fail => &mut self.fail,
            Outcome::Error => &mut self.error,
            Outcome::Warn => &mut self.warn,
            Outcome::Skip => &mut self.skip,
        };
        *counted = counted.saturating_add(count);
    }

    fn merge(&mut self, other: Self) {
        for outcome in Outcome::ALL {
            self.add(outcome, other.of(outcome));
        }
    }
}

/// What one constraint has found.
#[derive(Debug, Clone)]
pub struct RuleTally {
    /// The constraint.
    pub rule: Arc<Rule>,
    /// Its findings.
    pub findings: Counts,
    /// The objects that it has findings of, each by its worst.
    pub objects: Counts,
    kept: Kept<ByObject>,
}

impl RuleTally {
    /// The first of its findings that are not waived, by object and message.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let entries = self.kept.sorted().into_iter();
        entries.map(|ByObject(entry)| entry).collect()
    }
}

/// What was found in one namespace, or of the objects of the cluster.
#[derive(Debug, Clone)]
pub struct ReportTally {
    /// All findings.
    pub findings: Counts,
    kept: Kept<Entry>,
}

impl ReportTally {
    /// The worst findings, the worst first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.kept.sorted()
    }
}

/// What was found of all objects that were judged.
#[derive(Debug, Clone)]
pub struct Tally {
    bounds: Bounds,
    objects: u64,
    rules: BTreeMap<(String, String), RuleTally>,
    reports: BTreeMap<String, ReportTally>,
    /// What each report may keep now: as much as lets all of them together stay within their bound.
    share: usize,
    /// What they keep together.
    kept: usize,
}

impl Tally {
    /// Nothing was judged yet by these policies.
    #[must_use]
    pub fn new(policies: &Policies, bounds: Bounds) -> Self {
        let constraints = policies.constraints();
        let asked = constraints.filter(|it| !it.actions_for(Point::Audit).is_empty());
        let rules = asked.map(|constraint| {
            let rule = RuleTally {
                rule: Arc::new(Rule::of(constraint)),
                findings: Counts::default(),
                objects: Counts::default(),
                kept: Kept::new(bounds.rule),
            };
            ((constraint.kind.clone(), constraint.name.clone()), rule)
        });
        Self {
            bounds,
            objects: 0,
            rules: rules.collect(),
            reports: BTreeMap::new(),
            share: bounds.report,
            kept: 0,
        }
    }

    /// How many objects were judged.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// Every constraint that was asked, by kind and name, also those that have found nothing.
    pub fn rules(&self) -> impl Iterator<Item = &RuleTally> {
        self.rules.values()
    }

    /// The constraint of a kind and name, if it was asked.
    #[must_use]
    pub fn rule(&self, kind: &str, name: &str) -> Option<&RuleTally> {
        self.rules.get(&(kind.to_owned(), name.to_owned()))
    }

    /// Every namespace with findings, by name; that of the objects of the cluster is empty.
    pub fn reports(&self) -> impl Iterator<Item = (&str, &ReportTally)> {
        let reports = self.reports.iter();
        reports.map(|(namespace, report)| (namespace.as_str(), report))
    }

    /// What was found in a namespace, or of the objects of the cluster for an empty one.
    #[must_use]
    pub fn report(&self, namespace: &str) -> Option<&ReportTally> {
        self.reports.get(namespace)
    }

    /// Adds what was found of other objects, by the same policies and within the same bounds.
    pub fn merge(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        for (key, theirs) in other.rules {
            if let Some(ours) = self.rules.get_mut(&key) {
                ours.findings.merge(theirs.findings);
                ours.objects.merge(theirs.objects);
                for entry in theirs.kept.into_items() {
                    ours.kept.push(entry);
                }
            }
        }
        self.lower(self.share.min(other.share));
        for (namespace, theirs) in other.reports {
            let ours = self.reports.entry(namespace);
            let ours = ours.or_insert_with(|| ReportTally::new(self.share));
            ours.findings.merge(theirs.findings);
            for entry in theirs.kept.into_items() {
                self.kept += usize::from(ours.kept.push(entry));
            }
        }
        self.stay_within_bounds();
    }

    pub(super) fn note(
        &mut self,
        subject: &Arc<Subject>,
        finding: &Finding<'_>,
        outcome: Outcome,
        waiver: Option<String>,
    ) {
        let key = (finding.kind.to_owned(), finding.name.to_owned());
        let Some(of_rule) = self.rules.get_mut(&key) else {
            return;
        };
        let message = match &finding.violation.message {
            Value::String(text) => cut(text, self.bounds.message),
            other => cut(&other.to_string(), self.bounds.message),
        };
        let entry = Entry {
            rule: Arc::clone(&of_rule.rule),
            outcome,
            subject: Arc::clone(subject),
            message: message.into(),
            waiver: waiver.map(Into::into),
        };
        of_rule.findings.add(outcome, 1);
        if outcome != Outcome::Skip {
            of_rule.kept.push(ByObject(entry.clone()));
        }
        let report = self.reports.entry(subject.namespace.clone());
        let report = report.or_insert_with(|| ReportTally::new(self.share));
        report.findings.add(outcome, 1);
        self.kept += usize::from(report.kept.push(entry));
        self.stay_within_bounds();
    }

    /// An object was judged: the worst that each constraint says of it.
    pub(super) fn note_object(&mut self, worst: &BTreeMap<(&str, &str), Outcome>) {
        self.objects = self.objects.saturating_add(1);
        for ((kind, name), outcome) in worst {
            let key = ((*kind).to_owned(), (*name).to_owned());
            if let Some(of_rule) = self.rules.get_mut(&key) {
                of_rule.objects.add(*outcome, 1);
            }
        }
    }

    /// What is left does not depend on the order in which it was found: the greatest share that fits.
    fn stay_within_bounds(&mut self) {
        while self.kept > self.bounds.reports && self.share > 0 {
            self.lower(self.share - 1);
        }
    }

    fn lower(&mut self, share: usize) {
        self.share = share;
        let reports = self.reports.values_mut();
        let gone: usize = reports.map(|report| report.kept.lower(share)).sum();
        self.kept = self.kept.saturating_sub(gone);
    }
}

impl ReportTally {
    fn new(most: usize) -> Self {
        Self {
            findings: Counts::default(),
            kept: Kept::new(most),
        }
    }
}
