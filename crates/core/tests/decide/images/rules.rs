//! What a Site may say of images.

use basphere_core::Site;
use basphere_core::site::ImageRules;

use super::{HARBOR, rules, spec_with};

fn errors(images: ImageRules) -> Vec<String> {
    let errors = Site::try_from(spec_with(images)).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

fn with(registries: &[&str], rewrite: &[(&str, &str)]) -> ImageRules {
    let own = |text: &&str| (*text).to_owned();
    ImageRules {
        registries: registries.iter().map(own).collect(),
        rewrite: rewrite
            .iter()
            .map(|(from, to)| (own(from), own(to)))
            .collect(),
        ..ImageRules::default()
    }
}

#[test]
fn registries_are_exact() {
    assert_eq!(errors(rules()), Vec::<String>::new());
    for (registry, why) in [
        (
            "https://harbor.corp.example",
            "no host name with an optional port",
        ),
        (
            "harbor.corp.example:8443/",
            "the project is no path in lower case",
        ),
        (
            "harbor.corp.example:8443/K8s",
            "the project is no path in lower case",
        ),
        (
            "user@harbor.corp.example",
            "no host name with an optional port",
        ),
        ("*.corp.example", "no host name with an optional port"),
        ("harbor", "a registry has a dot, a port, or is localhost"),
        ("", "no host name with an optional port"),
    ] {
        let errors = errors(with(&[HARBOR, registry], &[]));
        assert_eq!(errors.len(), 1, "{errors:?}");
        let begins = format!("spec.images.registries[1]: {registry:?}: {why}");
        assert!(errors[0].starts_with(&begins), "{errors:?}");
    }
    let none = errors(with(&[], &[]));
    assert!(
        none.contains(&"spec.images.registries: must name one registry at the least".to_owned())
    );
}

#[test]
fn what_is_rewritten_is_let_in_and_not_rewritten_again() {
    let fine = with(
        &[HARBOR],
        &[("docker.io", "harbor.corp.example:8443/docker.io")],
    );
    assert_eq!(errors(fine), Vec::<String>::new());
    for (from, to, error) in [
        (
            "docker.io",
            "quay.io/hub",
            "quay.io/hub is none of spec.images.registries",
        ),
        (
            "docker.io/library",
            "harbor.corp.example:8443/hub",
            "\"docker.io/library\" is no registry",
        ),
        (
            HARBOR,
            "harbor.corp.example:8443/hub",
            "harbor.corp.example:8443/hub is rewritten itself",
        ),
    ] {
        let errors = errors(with(&[HARBOR], &[(from, to)]));
        let expected = format!("spec.images.rewrite[{from}]: {error}");
        assert_eq!(errors, [expected]);
    }
}

/// The site's own kube-vip must pass its own rules.
#[test]
fn the_sites_own_image_is_one_of_its_own() {
    let errors = errors(with(&["harbor.corp.example:8443/k8s"], &[]));
    let image = "harbor.corp.example:8443/kube-vip/kube-vip:v1.0.1";
    assert_eq!(
        errors,
        [format!(
            "spec.kubeVip.image: {image:?} is in none of spec.images.registries"
        )]
    );
}

#[test]
fn sources_are_hosts() {
    let mut rules = rules();
    rules.sources = vec!["https://mirror.corp.example".to_owned()];
    let errors = errors(rules);
    let expected = "spec.images.sources[0]: \"https://mirror.corp.example\": no host name with an optional port";
    assert_eq!(errors, [expected]);
}
