//! What must hold before reviews can be answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use basphere_certs::Inspected;
use jiff::Timestamp;

use crate::world::World;

/// Something that holds or does not; copies speak of the same thing.
#[derive(Clone, Debug, Default)]
pub struct Flag(Arc<AtomicBool>);

impl Flag {
    /// Says whether it holds.
    pub fn set(&self, value: bool) {
        self.0.store(value, Ordering::Release);
    }

    /// Whether it holds.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether reviews can be answered, and if not, what is missing.
#[derive(Debug)]
pub struct Readiness {
    world: Option<Arc<World>>,
    certificate: Arc<ArcSwap<Inspected>>,
    parts: Vec<(String, Flag)>,
    caches: Vec<(String, Flag)>,
    draining: Flag,
}

impl Readiness {
    /// Ready when a Site is in force, the certificate is valid and no cache is missing.
    #[must_use]
    pub fn new(world: Arc<World>, certificate: Arc<ArcSwap<Inspected>>) -> Self {
        Self {
            world: Some(world),
            ..Self::without_site(certificate)
        }
    }

    /// The same where no Site is needed.
    #[must_use]
    pub fn without_site(certificate: Arc<ArcSwap<Inspected>>) -> Self {
        Self {
            world: None,
            certificate,
            parts: Vec::new(),
            caches: Vec::new(),
            draining: Flag::default(),
        }
    }

    /// Adds a cache that must be in step; the flag says when it is.
    pub fn cache(&mut self, name: impl Into<String>) -> Flag {
        let flag = Flag::default();
        self.caches.push((name.into(), flag.clone()));
        flag
    }

    /// Adds something that must hold; the flag says when it does, and the words what is missing until then.
    pub fn part(&mut self, missing: impl Into<String>) -> Flag {
        let flag = Flag::default();
        self.parts.push((missing.into(), flag.clone()));
        flag
    }

    /// From now on not ready, because the process is about to end.
    pub fn drain(&self) {
        self.draining.set(true);
    }

    /// What is missing at that moment, in words; empty means ready.
    #[must_use]
    pub fn missing(&self, now: Timestamp) -> Vec<String> {
        let mut missing = Vec::new();
        if self.draining.get() {
            missing.push("shutting down".to_owned());
        }
        for (name, flag) in &self.caches {
            if !flag.get() {
                missing.push(format!("cache of {name} not in step"));
            }
        }
        let parts = self.parts.iter().filter(|(_, flag)| !flag.get());
        missing.extend(parts.map(|(words, _)| words.clone()));
        if self.world.as_ref().is_some_and(|world| !world.has_site()) {
            missing.push("no valid Site loaded yet".to_owned());
        }
        let certificate = self.certificate.load();
        if !certificate.is_valid_at(now) {
            let (from, to) = (certificate.not_before, certificate.not_after);
            missing.push(format!("certificate not valid now: from {from} to {to}"));
        }
        missing
    }
}
