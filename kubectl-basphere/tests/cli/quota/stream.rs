//! Objects of one review are charged one after another, over whatever is known.

use super::{State, clusters, deployment, json, refused, tenant};
use crate::program::{Ran, review_text};

const NOTHING: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: user-kim}\n";

fn in_namespace(namespace: &str, manifests: &str) -> String {
    manifests.replace("{name: ", &format!("{{namespace: {namespace}, name: "))
}

#[test]
fn the_fourth_cluster_of_a_file_is_refused() {
    let four = clusters(&["a", "b", "c", "d"]);
    let ran: Ran = review_text(&["-n", "user-kim", "-o", "json"], &four);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let items = json(&ran)["items"].clone();
    let allowed: Vec<_> = (0..4)
        .map(|index| items[index]["allowed"].clone())
        .collect();
    assert_eq!(allowed, [true, true, true, false]);
    let denial = &items[3]["denials"][0];
    assert_eq!(
        (&denial["code"], &denial["message"], &denial["hint"]),
        (
            &"BSP-Q001".into(),
            &"quota kim: clusters requested +1, used 3, limit 3, exceeded by 1".into(),
            &"none is left".into()
        )
    );
    // Whether kim has more, or other limits, only the cluster knows; of what was let in as well.
    assert_eq!(
        denial["needsCluster"],
        serde_json::json!(["Namespace", "AddressPool", "Tenant"])
    );
    assert!(
        items[0]["needsCluster"]
            .as_array()
            .unwrap()
            .contains(&"Tenant".into())
    );
    // What was refused is not there: a smaller request behind it fits.
    let state = State::of(NOTHING);
    let file = format!(
        "{}{}{}",
        deployment("big", 11),
        deployment("small", 10),
        deployment("more", 1)
    );
    assert_eq!(
        refused(&state.review(&file)),
        [("big", "BSP-Q002"), ("more", "BSP-Q002")]
    );
}

#[test]
fn names_that_are_generated_are_objects_of_their_own_and_one_name_is_one_object() {
    let state = State::of(NOTHING);
    let generated = clusters(&["a-"]).replace("name:", "generateName:");
    let verdicts = state.review(&generated.repeat(4));
    let refusals: Vec<_> = verdicts.iter().map(|(_, codes)| codes.len()).collect();
    assert_eq!(refusals, [0, 0, 0, 1], "{verdicts:?}");
    assert_eq!(refused(&state.review(&clusters(&["a"; 5]))), []);
}

#[test]
fn objects_of_the_state_count_in_all_namespaces_of_the_tenant() {
    let lab = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: lab, labels: {basphere.dev/owner: kim}}\n";
    let theirs = in_namespace("user-kim", &clusters(&["a"]));
    let more = in_namespace("lab", &clusters(&["b"]));
    let others = in_namespace("user-lee", &clusters(&["p", "q", "r"]));
    let state = State::of(&format!("{theirs}{lab}{more}{others}"));
    let verdicts = state.review(&clusters(&["c", "d"]));
    assert_eq!(refused(&verdicts), [("d", "BSP-Q001")]);
    // What is there already is no growth.
    assert_eq!(refused(&state.review(&clusters(&["a", "c"]))), []);
}

#[test]
fn a_ledger_counts_before_anything_else() {
    let ledger = "status:\n  ledger:\n    of: UID\n    namespaces: [user-kim]\n    entries:\n      \
                  u1: {kind: Cluster, namespace: user-kim, name: a, stored: {}, seen: '7'}\n      \
                  u2: {kind: Cluster, namespace: user-kim, name: b, pending: [{ask: {}, since: '2026-01-01T00:00:00Z'}]}\n";
    let kim = tenant("kim", "{}");
    let state = State::of(&format!("{kim}{}", ledger.replace("UID", "kim-1")));
    assert_eq!(
        refused(&state.review(&clusters(&["c", "d"]))),
        [("d", "BSP-Q001")]
    );
    // The ledger of another Tenant of that name, such as a restored one, counts for nothing.
    let state = State::of(&format!("{kim}{}", ledger.replace("UID", "kim-0")));
    assert_eq!(refused(&state.review(&clusters(&["c", "d"]))), []);
}

#[test]
fn groups_share_what_their_tenants_use() {
    let state = State::of(&format!(
        "{}{}{}",
        tenant(
            "research",
            "{quotas: [{limits: {clusters: 2}, reason: the rack}]}"
        ),
        tenant("kim", "{parent: research}"),
        tenant("lee", "{parent: research}"),
    ));
    // Without a namespace of the command line, that of each manifest counts.
    let file = format!(
        "{}{}",
        in_namespace("user-kim", &clusters(&["a"])),
        in_namespace("user-lee", &clusters(&["b", "c"]))
    );
    let ran = state.run_anywhere(&["review", "-f", "-", "-o", "json"], &file);
    let items = json(&ran)["items"].clone();
    let denials = |index: usize| items[index]["denials"].as_array().unwrap().len();
    assert_eq!((denials(0), denials(1)), (0, 0), "{items:#}");
    assert_eq!(
        items[2]["denials"][0]["message"],
        "quota research: clusters requested +1, used 2, limit 2, exceeded by 1"
    );
}

#[test]
fn what_shrinks_makes_room_for_what_follows() {
    let state = State::of(&in_namespace(
        "user-kim",
        &format!("{}{}", deployment("a", 10), clusters(&["demo"])),
    ));
    assert_eq!(
        refused(&state.review(&deployment("b", 1))),
        [("b", "BSP-Q002")]
    );
    let file = format!("{}{}", deployment("a", 4), deployment("b", 6));
    assert_eq!(refused(&state.review(&file)), []);
    let file = format!("{}{}", deployment("a", 4), deployment("b", 7));
    assert_eq!(refused(&state.review(&file)), [("b", "BSP-Q002")]);
}

#[test]
fn a_tenant_earlier_in_the_file_counts_for_what_follows() {
    let state = State::of(NOTHING);
    let admin = [
        "review",
        "-f",
        "-",
        "-o",
        "json",
        "--as",
        "root",
        "--as-group",
        "basphere:admins",
    ];
    let less = tenant(
        "kim",
        "{quotas: [{limits: {clusters: 1}, reason: a course}]}",
    );
    let ran = state.run(&admin, &format!("{less}{}", clusters(&["a", "b"])));
    let items = json(&ran)["items"].clone();
    let allowed: Vec<_> = (0..3)
        .map(|index| items[index]["allowed"].clone())
        .collect();
    assert_eq!(allowed, [true, true, false], "{items:#}");
    // A group that there is not.
    let ran = state.run(&admin, &tenant("kim", "{parent: nobody}"));
    let denial = &json(&ran)["items"][0]["denials"][0];
    assert_eq!(
        (&denial["code"], &denial["message"]),
        (&"BSP-Q018".into(), &"there is no Tenant nobody".into())
    );
    let both = format!(
        "{}{}",
        tenant("nobody", "{}"),
        tenant("kim", "{parent: nobody}")
    );
    assert_eq!(state.run(&admin, &both).code, Some(0));
}

#[test]
fn a_state_that_cannot_be_read_is_an_error() {
    let state = State::of("kind: [\n");
    let ran = state.run(&["review", "-f", "-"], &clusters(&["a"]));
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
    // Only a cluster converts.
    let state = State::of(&in_namespace(
        "user-kim",
        &clusters(&["a"]).replace("v1beta2", "v1beta1"),
    ));
    let ran = state.run(&["review", "-f", "-"], &clusters(&["a"]));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let error = "cannot read Cluster user-kim/a: the state has it as cluster.x-k8s.io/v1beta1";
    assert!(ran.err.contains(error), "{}", ran.err);
}
