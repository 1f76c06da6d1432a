//! The address of a cluster's API server, on the infrastructure of any provider.

use serde_json::Value;

use crate::change::Draft;

/// The port of every API server that nobody names a port for.
const API_SERVER_PORT: u16 = 6443;

/// Puts the port in where only a host is named.
pub(super) fn complete_port(draft: &mut Draft<'_>) {
    const ENDPOINT: &str = "/spec/controlPlaneEndpoint";
    let port = format!("{ENDPOINT}/port");
    let is_unset = |port: Option<&Value>| port.is_none_or(|port| port.is_null() || port == 0);
    if !draft.has(&format!("{ENDPOINT}/host")) || !is_unset(draft.get(&port)) {
        return;
    }
    let stored = draft.old().and_then(|old| old.pointer(&port));
    if !is_unset(stored) || draft.takes_defaults() {
        // v1beta1 writes 0 where it means unset.
        draft.remove(ENDPOINT, "port");
        draft.fill(&port, API_SERVER_PORT);
    }
}
