//! Variables of a class: lists of names and values, of a whole topology and of its groups.

use serde_json::{Value, json};

use super::groups;
use crate::change::Draft;
use crate::json::text_at;

/// The variables of a whole topology.
pub(crate) const VARIABLES: &str = "/spec/topology/variables";
/// The address of the API server, under the name that CAPV's own class has for it.
pub(crate) const ADDRESS: &str = "controlPlaneIpAddr";
/// The static pod that holds the address, also under CAPV's name.
pub(crate) const KUBE_VIP: &str = "kubeVipPodManifest";
/// Where machines stand.
pub(super) const VSPHERE: &str = "vsphere";
/// The VM templates of the versions that the cluster runs.
pub(super) const IMAGES: &str = "images";
/// The container runtime's socket.
pub(super) const CRI_SOCKET: &str = "criSocket";
/// The size of the control plane's machines.
pub(super) const CONTROL_PLANE_MACHINE: &str = "controlPlaneMachine";
/// The size of workers, which each group has for itself.
pub(super) const WORKER_MACHINE: &str = "workerMachine";

/// The variables without which the site's class makes nothing, and that are filled in where the site says them.
pub(super) const REQUIRED: [&str; 4] = [VSPHERE, CRI_SOCKET, IMAGES, CONTROL_PLANE_MACHINE];

/// The pointers of all values of that name in a list.
pub(crate) fn places(object: &Value, list: &str, name: &str) -> Vec<String> {
    let items = object.pointer(list).and_then(Value::as_array);
    let items = items.into_iter().flatten().enumerate();
    items
        .filter(|(_, item)| text_at(item, "/name") == Some(name))
        .map(|(index, _)| format!("{list}/{index}/value"))
        .collect()
}

/// The value of that name in a list, where it says something.
pub(crate) fn value<'a>(object: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    let places = places(object, list, name);
    let values = places.iter().filter_map(|place| object.pointer(place));
    values.into_iter().find(|value| !value.is_null())
}

/// The text of that name among the variables of a whole topology.
pub(crate) fn written<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    value(object, VARIABLES, name)?.as_str()
}

/// Puts a value in, whatever stands there.
pub(crate) fn put(draft: &mut Draft<'_>, list: &str, name: &str, value: Value) {
    match places(draft.object(), list, name).first() {
        Some(place) => draft.set(place, value),
        None => draft.push(list, json!({"name": name, "value": value})),
    }
}

/// Puts the stored value of a whole topology's variable where none is said. True when it is there.
pub(crate) fn put_back(draft: &mut Draft<'_>, name: &str) -> bool {
    if value(draft.object(), VARIABLES, name).is_some() {
        return true;
    }
    let stored = draft.old().and_then(|old| value(old, VARIABLES, name));
    let Some(stored) = stored.cloned() else {
        return false;
    };
    put(draft, VARIABLES, name, stored);
    true
}

/// All lists of variables of a topology: its own, and those by which groups differ from it.
pub(crate) fn every_list(object: &Value) -> Vec<String> {
    let of_groups = groups::all(object)
        .into_iter()
        .map(|group| group.overrides());
    std::iter::once(VARIABLES.to_owned())
        .chain(of_groups)
        .collect()
}
