//! What clusters are given, as it is stored.

use serde_json::Value;

use super::Context;
use crate::Lookup;

impl<'a> Context<'a> {
    /// A ConfigMap of the namespace, read live by whoever asks.
    pub(crate) fn config_map(&self, name: &str) -> Option<&'a Value> {
        let found = self.snapshot.config_maps.get(name);
        if found.is_none() {
            self.miss(Lookup::ConfigMap(name.to_owned()));
        }
        found.map(AsRef::as_ref)
    }
}
