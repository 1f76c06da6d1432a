//! What `kubectl apply` would send for an object that is stored already.

use serde_json::{Value, json};

/// Where kubectl keeps what was applied last.
const LAST_APPLIED: &str =
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// The stored object with the file's fields, and without those that the file dropped since it was
/// applied last. Lists are replaced whole, as the API server does with custom resources.
pub(super) fn applied(stored: &Value, written: &Value) -> Value {
    let mut object = stored.clone();
    let last = stored.pointer(LAST_APPLIED).and_then(Value::as_str);
    if let Some(last) = last.and_then(|last| serde_json::from_str::<Value>(last).ok()) {
        // kubectl sends an annotation of its own, so that the map is never dropped as a whole.
        let mut kept = json!({"metadata": {"annotations": {}}});
        json_patch::merge(&mut kept, written);
        remove_dropped(&mut object, &last, &kept);
    }
    json_patch::merge(&mut object, written);
    object
}

fn remove_dropped(object: &mut Value, last: &Value, written: &Value) {
    let (Value::Object(object), Value::Object(last), Value::Object(written)) =
        (object, last, written)
    else {
        return;
    };
    for (key, last) in last {
        match (object.get_mut(key), written.get(key)) {
            (Some(object), Some(written)) => remove_dropped(object, last, written),
            (_, None) => drop(object.shift_remove(key)),
            (None, Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::applied;
    use serde_json::json;

    #[test]
    fn the_files_fields_win_and_what_it_dropped_goes() {
        let last = json!({"metadata": {"name": "a", "annotations": {"note": "old"}}, "spec": {"x": 1, "y": 2, "list": [1]}}).to_string();
        let stored = json!({
            "metadata": {
                "name": "a",
                "uid": "u",
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": last,
                    "note": "old",
                    "basphere.dev/requester": "kim"
                }
            },
            "spec": {"x": 1, "y": 2, "list": [1], "injected": true}
        });
        let object = applied(
            &stored,
            &json!({"metadata": {"name": "a"}, "spec": {"x": 3, "list": [2, 3]}}),
        );
        assert_eq!(
            object["spec"],
            json!({"x": 3, "list": [2, 3], "injected": true})
        );
        assert_eq!(object["metadata"]["uid"], "u");
        let annotations = object["metadata"]["annotations"].as_object().unwrap();
        assert_eq!(annotations.get("note"), None);
        assert_eq!(annotations["basphere.dev/requester"], "kim");
    }

    #[test]
    fn without_a_last_application_nothing_is_dropped() {
        let stored = json!({"spec": {"x": 1, "y": 2}});
        assert_eq!(
            applied(&stored, &json!({"spec": {"x": 2}})),
            json!({"spec": {"x": 2, "y": 2}})
        );
    }
}
