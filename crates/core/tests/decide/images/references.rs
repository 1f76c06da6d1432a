//! Image references as Go's `distribution/reference` reads them: what it says of each text was written down by
//! `ParseNormalizedNamed` of v0.6.0.

use basphere_core::images::{Malformed, Reference, Rules, Verdict};
use basphere_core::site::ImageRules;
use basphere_core::{Site, SiteSpec};

use super::{rules, spec_with};

type Read = Option<[String; 4]>;

fn table() -> Vec<(String, Read)> {
    serde_json::from_str(include_str!("references.json")).expect("the table")
}

fn read(text: &str) -> Read {
    let reference = Reference::parse(text).ok()?;
    let owned = |part: Option<&str>| part.unwrap_or_default().to_owned();
    Some([
        reference.registry().to_owned(),
        reference.path().to_owned(),
        owned(reference.tag()),
        owned(reference.digest()),
    ])
}

#[test]
fn references_are_read_as_the_runtimes_read_them() {
    let table = table();
    assert!(table.len() >= 150, "{}", table.len());
    for (text, expected) in table {
        // Go drops a registry that is none and keeps it as a part of the path; nobody could pull that.
        let expected = expected.filter(|parts| !parts[0].is_empty());
        assert_eq!(read(&text), expected, "{text:?}");
    }
}

#[test]
fn what_was_read_is_read_again_as_the_same() {
    for (text, _) in table() {
        if let Ok(reference) = Reference::parse(&text) {
            let again = Reference::parse(&reference.to_string());
            assert_eq!(again.as_ref(), Ok(&reference), "{text:?}");
        }
    }
}

#[test]
fn it_is_said_why_something_is_no_reference() {
    let cases = [
        ("", Malformed::Empty),
        ("nginx ", Malformed::Space),
        ("nginx\n", Malformed::Space),
        ("https://harbor.corp.example:8443/a", Malformed::Scheme),
        ("user:pass@harbor.corp.example:8443/a", Malformed::UserInfo),
        ("harbor.corp.example:8443@evil.io/a", Malformed::UserInfo),
        ("harbor.local:8443.evil.io/a", Malformed::Registry),
        ("harbor.corp.example:8443/App", Malformed::Uppercase),
        ("harbor.corp.example:8443/../a", Malformed::Path),
        ("nginx:-1", Malformed::Tag),
        ("nginx@sha256:abc", Malformed::Digest),
    ];
    for (text, expected) in cases {
        assert_eq!(Reference::parse(text), Err(expected), "{text:?}");
    }
    let long = format!("harbor.corp.example:8443/{}", "a".repeat(256));
    assert_eq!(Reference::parse(&long), Err(Malformed::TooLong));
    assert_eq!(
        Reference::parse(&"a".repeat(64)),
        Err(Malformed::Identifier)
    );
}

fn site(images: ImageRules) -> Site {
    Site::try_from(SiteSpec {
        kube_vip: None,
        ..spec_with(images)
    })
    .expect("a site")
}

fn allows(rules: &Rules, image: &str) -> bool {
    rules.judge(image) == Verdict::Allowed
}

/// Of all references, only those at the site's host and port are let in.
#[test]
fn the_registry_is_compared_exactly() {
    let site = site(rules());
    let rules = site.images().expect("rules");
    for (text, expected) in table() {
        let is_ours = expected
            .is_some_and(|[registry, ..]| registry.to_lowercase() == "harbor.corp.example:8443");
        assert_eq!(allows(rules, &text), is_ours, "{text:?}");
    }
}

#[test]
fn a_project_ends_where_a_part_of_the_path_ends() {
    let site = site(ImageRules {
        registries: vec!["harbor.corp.example:8443/k8s".to_owned()],
        ..ImageRules::default()
    });
    let rules = site.images().expect("rules");
    let of = |path: &str| allows(rules, &format!("harbor.corp.example:8443/{path}"));
    assert!(of("k8s/pause:3.9"));
    assert!(of("k8s/a/b"));
    assert!(!of("k8s-evil/pause"));
    assert!(!of("evil/k8s/pause"));
    assert!(!of("k8"));
    let repository = |path: &str| {
        rules.judge_repository(&format!("harbor.corp.example:8443{path}")) == Verdict::Allowed
    };
    assert!(repository("/k8s"));
    assert!(repository("/k8s/coredns"));
    assert!(!repository(""));
    assert!(!repository("/k8"));
    assert!(!repository("/k8s:v1"));
    assert!(!repository("/k8s@evil"));
    assert!(!repository("/k8s/"));
}
