//! The policies and objects of these tests.

use serde_json::{Value, json};

/// Hosts are unique, as in Gatekeeper's library: it says so in this message.
pub(crate) fn unique_hosts(message: &str) -> Value {
    let rego = format!(
        r#"package uniqueingresshost

identical(obj, review) {{
  obj.metadata.namespace == review.object.metadata.namespace
  obj.metadata.name == review.object.metadata.name
}}

violation[{{"msg": msg}}] {{
  host := input.review.object.spec.rules[_].host
  other := data.inventory.namespace[_][version].Ingress[_]
  regex.match("^networking.k8s.io/.+$", version)
  other.spec.rules[_].host == host
  not identical(other, input.review)
  msg := sprintf("{message} <%v>", [host])
}}
"#
    );
    template("UniqueIngressHost", &rego)
}

/// A policy that only says that it was asked.
pub(crate) fn says(kind: &str, words: &str) -> Value {
    let package = kind.to_lowercase();
    let rego = format!("package {package}\n\nviolation[{{\"msg\": \"{words}\"}}] {{ true }}\n");
    template(kind, &rego)
}

fn template(kind: &str, rego: &str) -> Value {
    json!({
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind.to_lowercase()},
        "spec": {
            "crd": {"spec": {
                "names": {"kind": kind},
                "validation": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"hosts": {"type": "array", "items": {"type": "string"}}},
                }},
            }},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
        },
    })
}

/// A constraint about a kind.
pub(crate) fn constraint(of: &str, name: &str, group: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": of,
        "metadata": {"name": name},
        "spec": {"match": {"kinds": [{"apiGroups": [group], "kinds": [kind]}]}},
    })
}

pub(crate) fn ingress(name: &str, host: &str) -> Value {
    let service = json!({"name": "web", "port": {"number": 80}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"rules": [{"host": host, "http": {"paths": [path]}}]},
    })
}

pub(crate) fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})
}
