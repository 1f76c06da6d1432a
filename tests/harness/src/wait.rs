//! Waiting for what has no event to wait for.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const PAUSE: Duration = Duration::from_millis(100);

/// Asks again and again until there is an answer.
///
/// # Errors
/// When asking fails, or there is no answer after `patience`.
pub fn until<T>(
    what: &str,
    patience: Duration,
    ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    every(PAUSE, what, patience, ask)
}

/// Asks again and again, with a pause that suits what asking costs, until there is an answer.
///
/// # Errors
/// When asking fails, or there is no answer after `patience`.
pub fn every<T>(
    pause: Duration,
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().with_context(|| format!("waiting until {what}"))? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s until {what}", patience.as_secs());
        }
        sleep(pause);
    }
}
