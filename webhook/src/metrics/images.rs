//! What is counted of images that are rewritten.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Metrics of images.
#[derive(Debug, Default)]
pub struct ImageMetrics {
    rewritten: Counter,
    valid: Gauge,
}

impl ImageMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "images_rewritten",
            "Images of Pods that were rewritten to what the site keeps",
            self.rewritten.clone(),
        );
        registry.register(
            "image_rules_valid",
            "Whether the newest rules on images are in force",
            self.valid.clone(),
        );
    }

    /// Rules are in force.
    pub fn loaded(&self) {
        self.valid.set(1);
    }

    /// The newest rules are no good.
    pub fn rejected(&self) {
        self.valid.set(0);
    }

    /// So many images of a Pod were rewritten.
    pub fn rewritten(&self, images: usize) {
        self.rewritten
            .inc_by(u64::try_from(images).unwrap_or(u64::MAX));
    }
}
