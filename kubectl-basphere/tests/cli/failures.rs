//! What is no review at all: wrong usage, unreadable files, broken Sites.

use crate::program::{CLUSTER, example, review, review_text, run};

#[test]
fn wrong_usage_is_2() {
    let file = example("cluster.v1beta1.yaml");
    for arguments in [
        vec!["review"],
        vec!["reviev", "-f", &file],
        vec!["review", "-f", &file, "-o", "xml"],
        vec!["review", "-f", &file, "--as-group", "x"],
        vec!["review", "-f", &file, "--state", &file],
        vec!["quota", "--what-if"],
        vec!["quota", "-f", &file],
        vec!["quota", "--state", &file],
        vec![],
    ] {
        let ran = run(&arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(
            ran.err.contains("kubectl basphere") || ran.err.contains("try '--help'"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn what_cannot_be_read_is_1_and_says_where() {
    let ran = review(&["-f", "/nonexistent.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(
        ran.err.starts_with("error: /nonexistent.yaml: "),
        "{}",
        ran.err
    );

    let ran = review_text(&[], &format!("{CLUSTER}---\n{CLUSTER}kind: Cluster\n"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(
        ran.err
            .starts_with("error: stdin: document 2, line 10: the key \"kind\" stands here twice"),
        "{}",
        ran.err
    );

    let ran = review_text(&[], "---\n# nothing\n");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(1), "error: no objects were found\n")
    );

    let ran = review_text(&[], "apiVersion: cluster.x-k8s.io/v1beta1\nkind: Cluster\n");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            Some(1),
            "error: -: document 1, line 1: metadata.name is missing\n"
        )
    );

    let ran = run(&["review", "-f", &example("cluster.v1beta1.yaml")]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.starts_with("error: there is no kubeconfig"),
        "{}",
        ran.err
    );
}

#[test]
fn one_broken_file_or_object_does_not_end_the_review() {
    let file = example("cluster.v1beta1.yaml");
    let ran = review(&["-f", "/nonexistent.yaml", "-f", &file]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.starts_with("error: /nonexistent.yaml: "), "{ran:?}");
    assert!(ran.out.ends_with("\n7 objects: 7 allowed\n"), "{ran:?}");

    let nameless = "apiVersion: cluster.x-k8s.io/v1beta1\nkind: Cluster\n";
    let ran = review_text(&["-n", "user-kim"], &format!("{nameless}---\n{CLUSTER}"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(
        ran.err,
        "error: -: document 1, line 1: metadata.name is missing\n"
    );
    assert!(
        ran.out
            .starts_with("Cluster : not judged\nerror: metadata.name is missing\n\nCluster user-kim/demo: allowed\n"),
        "{ran:?}"
    );
    assert!(
        ran.out.ends_with("\n2 objects: 1 allowed, 1 not judged\n"),
        "{ran:?}"
    );
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = format!("{CLUSTER}l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let below = vec![format!("*l{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("l{level}: &l{level} [{below}]\n"));
    }
    let ran = review_text(&[], &bomb);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("aliases expand to more than"),
        "{}",
        ran.err
    );
}

#[test]
fn all_that_is_wrong_with_a_site_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.yaml");
    let path = path.to_str().unwrap();
    let good = std::fs::read_to_string(example("site.yaml")).unwrap();
    let file = example("cluster.v1beta1.yaml");

    let broken = good
        .replace("nodeSpec: medium", "nodeSpec: tiny")
        .replace("clusterType: dev", "clusterType: prod");
    std::fs::write(path, broken).unwrap();
    let ran = run(&["review", "--site", path, "-f", &file]);
    assert_eq!(ran.code, Some(1));
    for place in [
        "\n  spec.defaults.clusterType: ",
        "\n  spec.defaults.nodeSpec: ",
    ] {
        assert!(ran.err.contains(place), "{}", ran.err);
    }

    std::fs::write(path, good.replace("cpus: 4", "cpus: four")).unwrap();
    let ran = run(&["review", "--site", path, "-f", &file]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("spec.nodeSpecs.medium.cpus: invalid type"),
        "{}",
        ran.err
    );

    std::fs::write(
        path,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    )
    .unwrap();
    let ran = run(&["review", "--site", path, "-f", &file]);
    assert!(
        ran.err
            .contains("exactly one object of kind Site is needed"),
        "{}",
        ran.err
    );
}
