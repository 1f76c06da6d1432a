//! What `quota` shows offline, for people and for machines.

use super::{State, clusters, deployment, json, tenant};

const TEMPLATE: &str = "---\napiVersion: infrastructure.cluster.x-k8s.io/v1beta2\nkind: VSphereMachineTemplate\n\
metadata: {name: demo, namespace: user-kim}\nspec: {template: {spec: {numCPUs: 4, memoryMiB: 8192, diskGiB: 100}}}\n";

/// A group, kim in it, and what kim has.
fn world() -> State {
    let kim = "{parent: research, quotas: [{limits: {clusters: 2}, soft: {nodes: 2}, reason: a course, expires: '2999-01-01T00:00:00Z', setBy: root}]}";
    let objects = format!(
        "{}{}{}",
        clusters(&["demo"]),
        deployment("demo-workers", 3),
        clusters(&["web"])
    );
    State::of(&format!(
        "{}{}{}{TEMPLATE}",
        tenant(
            "research",
            "{quotas: [{limits: {nodes: 12}, reason: what the rack holds}]}"
        ),
        tenant("kim", kim),
        objects.replace("{name: ", "{namespace: user-kim, name: "),
    ))
}

#[test]
fn what_is_used_is_drawn_groups_first() {
    let ran = world().run(&["quota"], "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.out, @r"
Group research, shared with others
  nodes                  [##--------] 3/12   set: what the rack holds
Tenant kim
  clusters               [##########] 2/2    set by root until 2999-01-01T00:00:00Z: a course
  nodes of cluster demo  [###-------] 3/10
  nodes                  [##########] 3      soft limit 2, exceeded by 1
  node pools                          1      not limited
  vCPUs                               12     not limited
  memory in MiB                       24576  not limited
  disk in GiB                         300    not limited
  addresses                           5      not limited
");
    assert_eq!(
        ran.err,
        "warning: what tenant kim uses is being counted: until that is done, nothing may grow\n"
    );
    let ran = world().run(&["quota", "--color", "always"], "");
    assert!(
        ran.out.contains("\u{1b}[31m[##########]\u{1b}[0m 2/2"),
        "{}",
        ran.out
    );
}

#[test]
fn explain_says_who_holds_what_and_how_to_get_more() {
    let ran = world().run(&["quota", "explain"], "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!("explain", ran.out);
    // Without limits of its own, a patch replaces nothing.
    let state = State::of(&tenant("kim", "{}"));
    let ran = state.run(&["quota", "explain"], "");
    let patch = "\n  kubectl patch tenant kim --type=merge -p '{\"spec\":{\"quotas\":[{\"limits\":{\"clusters\":4},\"reason\":\"why\"}]}}'\n";
    assert!(ran.out.contains(patch), "{}", ran.out);
}

#[test]
fn a_tenant_quota_tells_before_tenants_do() {
    let shown = json(&world().run(&["quota", "-o", "json"], ""));
    assert_eq!(
        (&shown["kind"], &shown["source"], &shown["counted"]),
        (&"QuotaReport".into(), &"Tenant".into(), &false.into())
    );
    let mut report = shown.clone();
    report["counted"] = true.into();
    let quota = format!(
        "apiVersion: basphere.dev/v1alpha1\nkind: TenantQuota\nmetadata: {{name: default, namespace: user-kim}}\nspec: {{}}\nstatus: {report}\n"
    );
    let state = State::of(&quota);
    let ran = state.run(&["quota", "-o", "yaml"], "");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("source: TenantQuota\n"), "{}", ran.out);
    let again = json(&state.run(&["quota", "-o", "json"], ""));
    assert_eq!(
        (&again["lines"], &again["holders"]),
        (&shown["lines"], &shown["holders"])
    );
    // All that is known of the group is what the TenantQuota says: nine of twelve are free.
    let ran = state.run(
        &["quota", "--what-if", "-f", "-", "-o", "json"],
        &deployment("more", 10),
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let finding = &json(&ran)["findings"][0];
    assert_eq!(
        (&finding["account"], &finding["used"], &finding["fits"]),
        (&"research".into(), &3.into(), &9.into())
    );
}

#[test]
fn without_anything_the_objects_are_counted_against_the_sites_limits() {
    let state = State::of(&clusters(&["demo"]).replace("{name: ", "{namespace: user-kim, name: "));
    let ran = state.run(&["quota"], "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("[###-------] 1/3"), "{}", ran.out);
    assert_eq!(
        ran.err,
        "warning: neither a TenantQuota of user-kim nor a Tenant kim can be read: the objects of user-kim were counted, against the Site's default limits\n"
    );
    let ran = state.run_anywhere(&["quota", "-n", "kube-system"], "");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            Some(1),
            "error: namespace kube-system belongs to no tenant; name another by -n\n"
        )
    );
}

#[test]
fn what_if_says_for_each_object_and_in_sum_what_is_needed() {
    let file = format!(
        "{}{}{}",
        deployment("more", 2),
        clusters(&["third"]),
        deployment("demo-workers", 3)
    );
    let ran = world().run(&["quota", "--what-if", "-f", "-"], &file);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    insta::assert_snapshot!(ran.out, @r"
MachineDeployment user-kim/more: fits
TENANT     MEASURE                 NEEDED   USED    LIMIT   AFTER
research   nodes                   +2       3       12      5
kim        nodes of cluster demo   +2       3       10      5
kim        nodes                   +2       3       -       5
kim        node pools              +1       1       -       2
kim        vCPUs                   +8       12      -       20
kim        memory in MiB           +16384   24576   -       40960
kim        disk in GiB             +200     300     -       500
kim        addresses               +2       5       -       7
warning: spec.replicas: quota kim: nodes requested +2, used 3, soft limit 2, exceeded by 3 [BSP-Q014]

Cluster user-kim/third: does not fit
TENANT   MEASURE                NEEDED   USED   LIMIT   AFTER
kim      clusters               +1       2      2       3
kim      clusters of type dev   +1       0      -       1
kim      addresses              +1       7      -       8
denied: spec: Forbidden: quota kim: clusters requested +1, used 2, limit 2, exceeded by 1; none is left [BSP-Q001]; kubectl basphere quota explain

In sum
TENANT     MEASURE                 NEEDED   USED    LIMIT   AFTER
research   nodes                   +2       3       12      5
kim        clusters                +1       2       2       3
kim        clusters of type dev    +1       0       -       1
kim        nodes of cluster demo   +2       3       10      5
kim        nodes                   +2       3       -       5
kim        node pools              +1       1       -       2
kim        vCPUs                   +8       12      -       20
kim        memory in MiB           +16384   24576   -       40960
kim        disk in GiB             +200     300     -       500
kim        addresses               +3       5       -       8

3 objects: 1 would be refused
");
    let ran = world().run(&["quota", "--what-if", "-f", "-"], &deployment("more", 1));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.ends_with("\n1 object: all fits\n"), "{}", ran.out);
}

#[test]
fn what_if_for_machines_has_every_field_and_agrees_with_a_review() {
    let file = format!("{}{}", deployment("more", 10), clusters(&["third"]));
    let ran = world().run(&["quota", "--what-if", "-f", "-", "-o", "json"], &file);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let result = json(&ran);
    assert_eq!(
        (&result["kind"], &result["fits"]),
        (&"QuotaWhatIf".into(), &false.into())
    );
    let findings = result["findings"].as_array().unwrap();
    let short: Vec<_> = findings
        .iter()
        .map(|found| {
            let number = |field: &str| found[field].as_u64().unwrap();
            let text = |field: &str| found[field].as_str().unwrap();
            (
                (
                    text("account"),
                    text("code"),
                    text("measure"),
                    text("fitsUnit"),
                ),
                ["requested", "used", "limit", "exceededBy", "fits"].map(number),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (
                ("research", "BSP-Q003", "nodes", "machines"),
                [10, 3, 12, 1, 9]
            ),
            (
                ("kim", "BSP-Q002", "nodesPerCluster", "machines"),
                [10, 3, 10, 3, 7]
            ),
            (("kim", "BSP-Q001", "clusters", "more"), [1, 2, 2, 1, 0]),
        ]
    );
    assert_eq!(findings[1]["which"], "user-kim/demo");
    // In sum everything is needed, also what would be refused.
    let sum = result["sum"].as_array().unwrap();
    let nodes = sum
        .iter()
        .find(|need| need["measure"] == "nodes" && need["account"] == "kim")
        .unwrap();
    assert_eq!(
        (&nodes["requested"], &nodes["used"], &nodes["after"]),
        (&10.into(), &3.into(), &13.into())
    );
    let review = json(&world().run(&["review", "-f", "-", "-o", "json"], &file));
    let denials = review["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|item| item["denials"].as_array().unwrap());
    let messages: Vec<_> = denials.map(|denial| &denial["message"]).collect();
    assert_eq!(
        messages,
        findings
            .iter()
            .map(|found| &found["message"])
            .collect::<Vec<_>>()
    );
    let soft = &result["items"][0]["warnings"];
    assert!(
        soft[0]
            .as_str()
            .unwrap()
            .contains("nodes requested +10, used 3, soft limit 2, exceeded by 11 [BSP-Q014]"),
        "{soft}"
    );
}

#[test]
fn what_if_tells_sizes_that_are_too_large_and_what_else_is_refused() {
    let state = State::of(&tenant(
        "kim",
        "{quotas: [{limits: {largestNodeSpec: small}, reason: a course}]}",
    ));
    let ran = state.run(
        &["quota", "--what-if", "-f", "-", "-o", "json"],
        &TEMPLATE.replace("numCPUs: 4", "numCPUs: 5"),
    );
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let result = json(&ran);
    assert_eq!(
        (
            &result["findings"][0]["code"],
            &result["findings"][0]["measure"]
        ),
        (&"BSP-Q013".into(), &"largestNodeSpec".into())
    );
    assert_eq!(
        result["items"][0]["refused"],
        serde_json::json!(["BSP-S002"])
    );
}
