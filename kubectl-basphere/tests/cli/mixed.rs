//! Files in which some objects are written in v1beta1 and others in v1beta2.

use serde_json::Value;

use crate::program::{example, review_text};

fn documents(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(example(name)).unwrap();
    text.split("\n---\n").map(str::to_owned).collect()
}

fn items(manifest: &str) -> Vec<Value> {
    let ran = review_text(&["-n", "user-kim", "-o", "json"], manifest);
    assert_eq!(ran.err, "");
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    result["items"].as_array().unwrap().clone()
}

/// What a review says of one object, apart from where it stands.
fn verdict(item: &Value) -> [&Value; 5] {
    [
        &item["allowed"],
        &item["object"],
        &item["denials"],
        &item["warnings"],
        &item["needsCluster"],
    ]
}

#[test]
fn every_mixture_of_versions_is_judged_as_one_cluster() {
    let written = ["cluster.v1beta1.yaml", "cluster.v1beta2.yaml"].map(documents);
    let pure = written
        .clone()
        .map(|documents| items(&documents.join("\n---\n")));
    let objects = written[0].len();
    assert_eq!((objects, written[1].len()), (7, 7));
    // Each object in either version, and everything else in the other one, and alternately.
    let mut mixtures: Vec<usize> = (0..objects).map(|one| 1 << one).collect();
    mixtures.extend((0..objects).map(|one| (1 << objects) - 1 - (1 << one)));
    mixtures.extend([0b101_0101, 0b010_1010]);
    for mixture in mixtures {
        let version = |object: usize| (mixture >> object) & 1;
        let mixed: Vec<_> = (0..objects)
            .map(|object| written[version(object)][object].clone())
            .collect();
        for (object, item) in items(&mixed.join("\n---\n")).iter().enumerate() {
            assert_eq!(
                verdict(item),
                verdict(&pure[version(object)][object]),
                "object {object} of mixture {mixture:07b}"
            );
        }
    }
}

#[test]
fn what_one_version_says_is_held_against_the_other() {
    for (cluster, deployment) in [("v1beta1", "v1beta2"), ("v1beta2", "v1beta1")] {
        // The template comes last, and is sized by the annotation of its own and the type of the
        // Cluster, which it finds by a reference of the other version.
        let mut stream = documents(&format!("cluster.{cluster}.yaml"));
        stream.truncate(5);
        stream[4] = documents(&format!("cluster.{deployment}.yaml"))[4].clone();
        let template = documents(&format!("cluster.{cluster}.yaml"))[5]
            .replace("basphere.dev/node-spec: small", "note: none");
        stream.push(template);
        let items = items(&stream.join("\n---\n"));
        let last = items.last().unwrap();
        assert_eq!(last["warnings"], Value::Array(Vec::new()), "{last:#}");
        assert_eq!(
            last["object"]["spec"]["template"]["spec"]["numCPUs"], 4,
            "{last:#}"
        );
    }
}
