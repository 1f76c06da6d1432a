use std::path::PathBuf;

use serde_json::json;

use super::*;

fn object(uid: &str, generation: i64, expires: &str) -> DynamicObject {
    let object = json!({
        "apiVersion": "basphere.dev/v1alpha1",
        "kind": "PolicyWaiver",
        "metadata": {"name": "a", "uid": uid, "generation": generation},
        "spec": {
            "reason": "so", "expires": expires, "grantedBy": "root",
            "constraints": [{"kind": "*", "name": "*"}], "match": {"namespaces": ["*"]},
        },
    });
    serde_json::from_value(object).unwrap()
}

const END: &str = "2026-12-31T00:00:00Z";

fn names(waivers: &Waivers) -> Vec<String> {
    let in_force = waivers.in_force();
    in_force.iter().map(|it| it.waiver.name.clone()).collect()
}

#[test]
fn what_cannot_be_read_waives_nothing_until_it_can() {
    let waivers = Waivers::default();
    waivers.put_stored(&object("u-1", 1, "never"));
    assert_eq!(names(&waivers), [""; 0]);
    let stored = waivers.stored();
    let problem = stored["a"].read.as_ref().unwrap_err();
    assert_eq!(
        problem,
        "spec.expires: must be a time such as 2026-12-31T00:00:00Z, and is \"never\""
    );
    waivers.put_stored(&object("u-1", 2, END));
    assert_eq!(names(&waivers), ["a"]);
    waivers.put_stored(&object("u-1", 3, "never"));
    assert_eq!(names(&waivers), [""; 0], "the version before does not stay");
}

#[test]
fn those_of_files_and_of_the_cluster_hold_side_by_side() {
    let waivers = Waivers::default();
    waivers.put_stored(&object("u-1", 1, END));
    let document = serde_json::to_value(object("", 1, END)).unwrap();
    let files = [(PathBuf::from("a.yaml"), document.to_string())].into();
    waivers.put_files(of_files(&files).unwrap());
    assert_eq!(names(&waivers), ["a", "a"]);
    waivers.remove_stored("a");
    assert_eq!(names(&waivers), ["a"]);
    waivers.put_files(Vec::new());
    assert_eq!(names(&waivers), [""; 0]);
}

#[test]
fn a_file_that_has_a_bad_waiver_or_one_twice_says_so() {
    let good = serde_json::to_value(object("", 1, END))
        .unwrap()
        .to_string();
    let bad = serde_json::to_value(object("", 1, "never"))
        .unwrap()
        .to_string();
    let told = |texts: &[&str]| {
        let files = texts.iter().enumerate();
        let files =
            files.map(|(index, text)| (PathBuf::from(format!("{index}.json")), (*text).to_owned()));
        let problems = of_files(&files.collect()).unwrap_err();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&[&good, &good]),
        ["1.json: PolicyWaiver a stands in two documents"]
    );
    assert_eq!(
        told(&[&bad]),
        [
            "0.json: PolicyWaiver a: spec.expires: must be a time such as 2026-12-31T00:00:00Z, and is \"never\""
        ]
    );
}

#[test]
fn uses_of_a_waiver_are_not_those_of_its_namesake() {
    let waivers = Waivers::default();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (one, two) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
    waivers.add("a", "u-1", 1, two);
    waivers.add("a", "u-1", 1, one);
    let uses = |uid: &str, count, last| Uses {
        uid: uid.to_owned(),
        count,
        last,
    };
    assert_eq!(waivers.uses.lock().unwrap()["a"], uses("u-1", 2, two));
    waivers.add("a", "u-2", 1, one);
    assert_eq!(waivers.take_uses()["a"], uses("u-2", 1, one));
    assert!(!waivers.has_uses());
}
