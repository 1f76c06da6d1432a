//! The tenants of the sandbox: namespaces, and RBAC that lets them use Cluster API's kinds there and nowhere else.

use serde_json::{Value, json};

use crate::crds::Crds;

/// The group of all tenants.
pub(crate) const TENANTS: &str = "basphere:tenants";
/// The group of those who run the site.
pub(crate) const ADMINS: &str = "basphere:admins";

/// Who the webhook is, as if it ran in the cluster: it does not ask itself about its own writes.
pub(crate) const WEBHOOK_ACCOUNT: &str = "system:serviceaccount:basphere-system:basphere-webhook";
/// The group of that account.
pub(crate) const WEBHOOK_GROUP: &str = "system:serviceaccounts:basphere-system";

/// The groups of kinds that a tenant may use in a namespace of its own.
const GROUPS: [&str; 6] = [
    "cluster.x-k8s.io",
    "infrastructure.cluster.x-k8s.io",
    "controlplane.cluster.x-k8s.io",
    "bootstrap.cluster.x-k8s.io",
    "addons.cluster.x-k8s.io",
    "ipam.cluster.x-k8s.io",
];

/// A tenant's namespace. The Site's example derives its owner from the prefix.
pub(crate) fn namespace(tenant: &str) -> String {
    format!("user-{tenant}")
}

/// Everything that lets `tenants` and the admins in, as one list.
pub(crate) fn manifest(tenants: &[&str], crds: &Crds) -> Value {
    let mut items = vec![
        tenant_role(crds),
        reader_role(),
        cluster_binding("basphere:tenants", TENANTS),
        cluster_binding("cluster-admin", ADMINS),
        cluster_binding("cluster-admin", WEBHOOK_GROUP),
        // Where the webhook's processes choose which of them leads.
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "basphere-system"}}),
    ];
    for tenant in tenants {
        items.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(tenant)}}));
        items.push(tenant_binding(tenant));
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// What a tenant may do in its namespace. Resources are named one by one: `*` would include `*/status`.
fn tenant_role(crds: &Crds) -> Value {
    let namespaced = crds.namespaced();
    let mut rules = vec![
        json!({"apiGroups": [""], "resources": ["secrets", "configmaps", "events"], "verbs": ["*"]}),
        json!({"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["*"]}),
        json!({"apiGroups": ["basphere.dev"], "resources": ["tenantquotas"], "verbs": ["get", "list", "watch"]}),
    ];
    for group in GROUPS {
        let mut resources = namespaced.get(group).cloned().unwrap_or_default();
        resources.push("*/scale".to_owned());
        rules.push(json!({"apiGroups": [group], "resources": resources, "verbs": ["*"]}));
    }
    cluster_role("basphere:tenant", &rules)
}

/// What all tenants may read in the whole cluster.
fn reader_role() -> Value {
    let rules = [
        json!({"apiGroups": ["basphere.dev"], "resources": ["sites", "addresspools"], "verbs": ["get", "list", "watch"]}),
        json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}),
    ];
    cluster_role("basphere:tenants", &rules)
}

fn cluster_role(name: &str, rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    })
}

fn cluster_binding(role: &str, group: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": group},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
    })
}

fn tenant_binding(tenant: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "basphere:tenant", "namespace": namespace(tenant)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "basphere:tenant"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": tenant}],
    })
}
