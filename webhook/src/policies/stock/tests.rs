use serde_json::json;

use super::*;

fn pods() -> Versioned {
    Versioned {
        group_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
    }
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": name}})
}

#[test]
fn what_nobody_asks_for_any_more_is_forgotten_and_not_taken_again() {
    let (stock, need) = (Stock::default(), Need::Kind("Pod".to_owned()));
    stock.keep([(need.clone(), vec![pods()])].into());
    stock.put(&pods(), pod("one"));
    stock.know(&pods());
    let before = stock.look();
    assert_eq!(before.missing(&need), None);
    assert_eq!(stock.counts(), [(pods(), 1)]);
    stock.keep(BTreeMap::new());
    stock.put(&pods(), pod("two"));
    stock.know(&pods());
    assert_eq!(stock.look().inventory, json!({}).into());
    assert!(stock.look().missing(&need).is_some());
    assert!(stock.counts().is_empty());
    let seen = json!({"namespace": {"a": {"v1": {"Pod": {"one": pod("one")}}}}});
    assert_eq!(
        before.inventory,
        seen.into(),
        "whoever looks goes on to see it"
    );
}

#[test]
fn a_kind_that_is_served_nowhere_has_no_objects() {
    let (stock, need) = (Stock::default(), Need::Kind("Nothing".to_owned()));
    let needs = BTreeSet::from([need.clone()]);
    assert!(!stock.is_settled(&needs));
    stock.keep([(need.clone(), Vec::new())].into());
    assert_eq!(stock.look().missing(&need), None);
    assert!(stock.is_settled(&needs));
}

#[test]
fn a_start_waits_for_lists_and_not_for_what_cannot_be_had() {
    let (stock, need) = (Stock::default(), Need::Version(pods()));
    let needs = BTreeSet::from([need.clone()]);
    stock.keep([(need.clone(), vec![pods()])].into());
    assert!(!stock.is_settled(&needs));
    stock.explain(&pods(), "nobody may".to_owned());
    assert!(stock.is_settled(&needs));
    assert_eq!(
        stock.look().missing(&need),
        Some("waits for v1 Pod: nobody may".to_owned())
    );
}
