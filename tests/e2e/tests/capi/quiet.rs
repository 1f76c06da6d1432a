//! After everything has settled nobody writes anything any more.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use basphere_e2e::manifest;
use basphere_harness::{ApiVersion, wait};

use crate::documents::host;
use crate::evidence::count;
use crate::suite::Suite;

/// Without a write for so long, the controllers have done what they had to do.
const SETTLED: Duration = Duration::from_secs(15);
/// Loops that are known turn several times a second.
pub(crate) const SHORT: Duration = Duration::from_secs(120);
/// Longer than the ten minutes after which the controllers look at everything anew.
const LONG: Duration = Duration::from_secs(660);
const PAUSE: Duration = Duration::from_secs(2);

/// A cluster that was written in the older version, so that conversions have every chance to start a loop.
#[test]
#[ignore = "eleven minutes; cargo xtask e2e --full runs it"]
fn for_eleven_minutes_nothing_is_rewritten() -> Result<()> {
    let suite = Suite::new()?;
    let document = manifest("document-000", ApiVersion::V1Beta1, &host(suite.rig, 1))?;
    suite.kim.apply(&document)?;
    let _workload = suite.rig.workload(&suite.kim.namespace, "doc")?;
    suite.machines_run(3)?;
    suite.ensure_quiet(LONG)
}

impl Suite {
    /// Waits until the controllers have done what they had to do, and watches for so long that nobody writes anything but
    /// status, and that all objects stay as they are.
    pub(crate) fn ensure_quiet(&self, window: Duration) -> Result<()> {
        self.settled(SETTLED)?;
        let mark = self.rig.mark()?;
        let mut seen = mark;
        let before = self.stored()?;
        let begun = Instant::now();
        let patience = window + Duration::from_secs(30);
        wait::every(PAUSE, "the silence is over", patience, || {
            let next = self.rig.mark()?;
            let written = self.written(seen)?;
            seen = next;
            ensure!(
                written.is_empty(),
                "written: {:#?}\n{written:#?}",
                count(&written)
            );
            Ok((begun.elapsed() >= window).then_some(()))
        })?;
        self.ensure_unchanged(&before)?;
        let statuses = self.rig.audit(mark)?;
        let statuses = statuses.iter().filter(|event| {
            event.namespace == self.kim.namespace && event.subresource == "status" && event.wrote()
        });
        self.say(&format!(
            "for {window:?}: 0 writes of spec or metadata; of status: {:?}",
            count(statuses)
        ));
        Ok(())
    }
}
