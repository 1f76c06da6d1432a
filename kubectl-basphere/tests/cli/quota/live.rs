//! Against a cluster that lets a tenant read some of it.

use serde_json::{Value, json};

use super::{clusters, deployment};
use crate::program::{Ran, example};
use crate::server::{run_against, status};

fn site() -> Value {
    let text = std::fs::read_to_string(example("site.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn found(value: &Value) -> (u16, String) {
    (200, value.to_string())
}

fn fault(code: u16, reason: &str) -> (u16, String) {
    (code, status(code, reason, reason).to_string())
}

/// Two clusters of kim's.
fn stored() -> Value {
    let one = |name: &str| json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": {"name": name, "namespace": "user-kim", "uid": name, "resourceVersion": "5"}, "spec": {}});
    json!({"metadata": {}, "items": [one("a"), one("b")]})
}

/// Kim, who may not read Tenants, and has no TenantQuota.
fn without_quota(path: &str) -> (u16, String) {
    match path {
        _ if path.contains("/sites/") => found(&site()),
        _ if path.ends_with("/selfsubjectreviews") => (
            201,
            json!({"status": {"userInfo": {"username": "kim", "groups": ["system:authenticated"]}}}).to_string(),
        ),
        "/api/v1/namespaces/user-kim" => found(&json!({"metadata": {"name": "user-kim"}})),
        _ if path.contains("/tenants/") => fault(403, "Forbidden"),
        _ if path.contains("/tenantquotas/") => fault(404, "NotFound"),
        _ if path.ends_with("/clusters") => found(&stored()),
        _ if path.contains("/user-kim/clusters/") || path.contains("/machinedeployments/") => fault(404, "NotFound"),
        _ => found(&json!({"metadata": {}, "items": []})),
    }
}

/// The same with a TenantQuota: of the group others have nine of ten machines, and kim has one cluster
/// that may not be seen here.
fn with_quota(path: &str) -> (u16, String) {
    if !path.ends_with("/namespaces/user-kim/tenantquotas/default") {
        return without_quota(path);
    }
    found(&json!({
        "apiVersion": "basphere.dev/v1alpha1", "kind": "TenantQuota",
        "metadata": {"name": "default", "namespace": "user-kim"}, "spec": {},
        "status": {
            "tenant": "kim", "counted": true, "surge": 0, "holders": [],
            "accounts": [
                {"account": "research", "shared": true, "limits": {"nodes": 10}},
                {"account": "kim", "shared": false, "limits": {"clusters": 4, "nodesPerCluster": 10}},
            ],
            "lines": [
                {"account": "research", "shared": true, "measure": "nodes", "used": 9, "reserved": 0, "limit": 10},
                {"account": "kim", "shared": false, "measure": "clusters", "used": 3, "reserved": 0, "limit": 4},
            ],
        },
    }))
}

#[test]
fn a_tenant_reads_its_tenant_quota() {
    let ran = run_against(with_quota, &["quota"], "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    insta::assert_snapshot!(ran.out, @r"
Group research, shared with others
  nodes     [#########-] 9/10
Tenant kim
  clusters  [#######---] 3/4
  a cluster has at most 10 nodes
");
}

#[test]
fn a_tenants_what_if_knows_what_others_use_of_the_group() {
    let what_if = |file: &str| run_against(with_quota, &["quota", "--what-if", "-f", "-"], file);
    let fits: Ran = what_if(&format!("{}{}", clusters(&["c"]), deployment("one", 1)));
    assert_eq!(fits.code, Some(0), "{fits:?}");
    assert!(!fits.err.contains("can be read"), "{}", fits.err);
    let ran = what_if(&format!(
        "{}{}",
        clusters(&["c", "d"]),
        deployment("two", 2)
    ));
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for denied in [
        "quota kim: clusters requested +1, used 4, limit 4, exceeded by 1; none is left [BSP-Q001]",
        "quota research: nodes requested +2, used 9, limit 10, exceeded by 1; at most 1 replica fits [BSP-Q003]",
    ] {
        assert!(ran.out.contains(denied), "{denied}\n{}", ran.out);
    }
    // What is known is the cluster's word.
    let ran = run_against(
        with_quota,
        &["review", "-f", "-", "-o", "json"],
        &clusters(&["c", "d"]),
    );
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    let denial = &result["items"][1]["denials"][0];
    assert_eq!(
        (&denial["code"], &denial["needsCluster"]),
        (&"BSP-Q001".into(), &json!(["AddressPool"]))
    );
}

#[test]
fn without_either_the_objects_count_and_that_is_said() {
    let notice = "warning: neither a TenantQuota of user-kim nor a Tenant kim can be read: the objects of user-kim were counted, against the Site's default limits\n";
    let ran = run_against(without_quota, &["quota"], "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), notice), "{ran:?}");
    assert!(ran.out.contains("[######----] 2/3"), "{}", ran.out);
    let ran = run_against(
        without_quota,
        &["quota", "--what-if", "-f", "-"],
        &clusters(&["c", "d"]),
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.out.contains("clusters requested +1, used 3, limit 3"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("warning: neither a Tenant kim nor a TenantQuota of user-kim can be read: the Site's default limits and the objects of user-kim count\n"), "{}", ran.err);
}
