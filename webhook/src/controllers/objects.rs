//! The objects that carry addresses, as the watches of the leading process show them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use basphere_core::Kind;
use basphere_core::quota::{is_charged, read_of_status};
use serde_json::Value;

use super::carriers::is_moving;

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Id {
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// What is known of these objects.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Id, Arc<Value>>,
    /// What was on its way to another management cluster when it was deleted here.
    moved: HashSet<Id>,
}

impl Objects {
    /// Takes note of an object; whether anything has changed that matters here.
    pub(crate) fn put(&self, id: Id, mut object: Value) -> bool {
        trim(id.kind, &mut object);
        let mut state = self.lock();
        state.moved.remove(&id);
        let is_new = state
            .objects
            .get(&id)
            .is_none_or(|known| !same(known, &object));
        state.objects.insert(id, Arc::new(object));
        is_new
    }

    /// Takes note of an object's end. Its last state says whether it was moved away.
    pub(crate) fn remove(&self, id: Id, last: Option<&Value>) {
        let mut state = self.lock();
        let known = state.objects.remove(&id);
        if last.or(known.as_deref()).is_some_and(is_moving) {
            state.moved.insert(id);
        }
    }

    /// Whether it was moved away.
    pub(crate) fn has_moved(&self, id: &Id) -> bool {
        self.lock().moved.contains(id)
    }

    /// What was moved away has been taken note of elsewhere.
    pub(crate) fn forget_move(&self, id: &Id) {
        self.lock().moved.remove(id);
    }

    /// An object as it was seen last.
    pub(crate) fn get(&self, id: &Id) -> Option<Arc<Value>> {
        self.lock().objects.get(id).cloned()
    }

    /// All objects of a kind in a namespace.
    pub(crate) fn all(&self, kind: Kind, namespace: &str) -> Vec<Arc<Value>> {
        self.lock()
            .objects
            .range(Id::new(kind, namespace, "")..)
            .take_while(|(id, _)| id.kind == kind && id.namespace == namespace)
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// All objects of a kind.
    pub(crate) fn ids(&self, kind: Kind) -> Vec<Id> {
        let state = self.lock();
        let from = state.objects.range(Id::new(kind, "", "")..);
        from.take_while(|(id, _)| id.kind == kind)
            .map(|(id, _)| id.clone())
            .collect()
    }

    // No writer leaves it half changed, so what a panicking thread left behind is good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what is large and never read here. Of a status only that of a claim is, and what is charged of it.
fn trim(kind: Kind, object: &mut Value) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    if kind != Kind::IPAddressClaim
        && let Some(status) = fields.remove("status")
        && is_charged(kind)
        && let Some(read) = read_of_status(&status)
    {
        fields.insert("status".to_owned(), read);
    }
    if matches!(kind, Kind::KubeadmConfig | Kind::VSphereVM) {
        fields.remove("spec");
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Whether two states of an object differ in their versions only, as they do when somebody writes a
/// status.
fn same(one: &Value, other: &Value) -> bool {
    let fields = |object: &Value| object.as_object().map(serde_json::Map::len);
    fields(one) == fields(other)
        && one.as_object().into_iter().flatten().all(|(key, value)| {
            let others = other.get(key);
            match key.as_str() {
                "metadata" => without_version(Some(value)) == without_version(others),
                _ => Some(value) == others,
            }
        })
}

fn without_version(metadata: Option<&Value>) -> Vec<(&String, &Value)> {
    let fields = metadata.and_then(Value::as_object).into_iter().flatten();
    fields
        .filter(|(key, _)| key.as_str() != "resourceVersion")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn machine(version: &str, extra: Value) -> Value {
        let mut object = json!({
            "metadata": {"name": "m", "resourceVersion": version, "managedFields": [{}]},
            "spec": {"network": {}},
        });
        json_patch::merge(&mut object, &extra);
        object
    }

    #[test]
    fn a_written_status_is_no_change_and_a_written_spec_is() {
        let objects = Objects::default();
        let id = || Id::new(Kind::VSphereMachine, "user-kim", "m");
        assert!(objects.put(id(), machine("1", json!({}))));
        assert!(!objects.put(id(), machine("2", json!({"status": {"ready": true}}))));
        assert!(objects.put(id(), machine("3", json!({"spec": {"providerID": "x"}}))));
        let known = objects.get(&id()).unwrap();
        assert_eq!(known["metadata"]["resourceVersion"], "3");
        assert_eq!(known.get("status"), None);
    }

    #[test]
    fn machines_that_a_paused_deployment_keeps_are_a_change() {
        let objects = Objects::default();
        let id = || Id::new(Kind::MachineDeployment, "user-kim", "m");
        let paused = |status: &str, replicas: u64| {
            let conditions = json!([{"type": "Paused", "status": status, "reason": "Paused"}]);
            json!({"status": {"replicas": replicas, "readyReplicas": 1, "conditions": conditions}})
        };
        assert!(objects.put(id(), machine("1", json!({}))));
        assert!(!objects.put(id(), machine("2", paused("False", 3))));
        assert!(objects.put(id(), machine("3", paused("True", 3))));
        assert!(objects.put(id(), machine("4", paused("True", 2))));
        let known = objects.get(&id()).unwrap();
        assert_eq!(
            known["status"],
            json!({"replicas": 2, "conditions": [{"type": "Paused", "status": "True"}]})
        );
    }

    #[test]
    fn what_was_moved_is_known_by_its_last_state() {
        let objects = Objects::default();
        let id = || Id::new(Kind::VSphereMachine, "user-kim", "m");
        let moving = json!({"metadata": {"annotations": {super::super::carriers::MOVE: ""}}});
        objects.put(id(), machine("1", json!({})));
        objects.remove(id(), Some(&machine("2", moving)));
        assert!(objects.has_moved(&id()));
        objects.put(id(), machine("3", json!({})));
        assert!(!objects.has_moved(&id()), "it has come back");
        objects.remove(id(), None);
        assert!(!objects.has_moved(&id()), "it was deleted");
    }
}
