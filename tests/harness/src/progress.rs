//! Says on standard error what is going on: a spinner with elapsed time on a terminal, a plain line elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Progress {
    /// Every step, for a person who waits for it.
    Steps,
    /// Only what may take minutes, such as building Kubernetes: tests stay quiet otherwise.
    #[default]
    SlowSteps,
}

impl Progress {
    /// Begins a step of seconds.
    pub(crate) fn step(self, what: &str) -> Step {
        match self {
            Self::Steps => Step::begin(what),
            Self::SlowSteps => Step { bar: None },
        }
    }

    /// Begins a step that may take minutes, which is always shown.
    pub(crate) fn slow_step(self, what: &str) -> Step {
        Step::begin(what)
    }
}

/// A step that goes on until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Step {
    bar: Option<ProgressBar>,
}

impl Step {
    fn begin(what: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            // Not `eprintln`, which the test runner would capture. Nobody is served by failing for want of a reader.
            let _ = writeln!(std::io::stderr(), "basphere: {what}");
            return Self { bar: None };
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar: Some(bar) }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
