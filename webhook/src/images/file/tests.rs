use super::*;

pub(in crate::images) const SITE: &str = "
apiVersion: basphere.dev/v1alpha1
kind: Site
spec:
  images:
    registries: [harbor.corp.example:8443]
    rewrite:
      docker.io: harbor.corp.example:8443/docker-hub-proxy
";

#[track_caller]
fn refused(text: &str) -> String {
    format!("{:#}", parse(text).unwrap_err())
}

#[test]
fn of_a_site_the_images_are_taken() {
    let (_, rules) = parse(SITE).unwrap();
    let kept = "harbor.corp.example:8443/docker-hub-proxy/library/nginx".to_owned();
    assert_eq!(rules.rewrite("nginx"), Some(kept));
}

#[test]
fn what_is_wrong_is_said() {
    assert_eq!(refused("kind: Pod"), "there is no Site in it");
    assert_eq!(
        refused(&format!("{SITE}---{SITE}")),
        "there are several Sites in it"
    );
    let bare = SITE.split("  images:").next().unwrap();
    assert_eq!(
        refused(&bare.replace("spec:", "spec: {}")),
        "the Site has no spec.images"
    );
    let unknown = SITE.replace("rewrite:", "rewrites:");
    assert!(refused(&unknown).starts_with("spec.images: unknown field `rewrites`"));
    let foreign = SITE.replace(": harbor.corp.example:8443/", ": elsewhere.example/");
    assert_eq!(
        refused(&foreign),
        "spec.images.rewrite[docker.io]: elsewhere.example/docker-hub-proxy is none of spec.images.registries"
    );
    assert!(refused("a: [").starts_with("no YAML: "));
}

#[test]
fn a_bad_version_leaves_the_good_one_in_force() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("site.yaml");
    let (rules, metrics) = (Rulebook::default(), Metrics::default());
    let mut file = RulesFile::new(path.clone());
    file.refresh(&rules, &metrics);
    assert!(rules.current().is_none() && file.complaint.contains("cannot be read"));
    std::fs::write(&path, SITE).unwrap();
    file.refresh(&rules, &metrics);
    let good = rules.current().unwrap();
    assert_eq!(file.complaint, "");
    let valid = |value: u8| {
        metrics
            .render()
            .unwrap()
            .contains(&format!("basphere_image_rules_valid {value}\n"))
    };
    assert!(valid(1));

    std::fs::write(&path, "spec: [").unwrap();
    file.refresh(&rules, &metrics);
    assert_eq!(rules.current().as_ref(), Some(&good));
    assert!(
        file.complaint.contains("no YAML") && valid(0),
        "{}",
        file.complaint
    );

    std::fs::write(&path, SITE.replace("docker-hub-proxy", "hub")).unwrap();
    file.refresh(&rules, &metrics);
    assert!(
        rules
            .current()
            .unwrap()
            .rewrite("nginx")
            .unwrap()
            .contains("/hub/")
            && valid(1)
    );
}

#[test]
fn only_what_changes_is_put_in_force() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("site.yaml");
    std::fs::write(&path, SITE).unwrap();
    let (rules, metrics) = (Rulebook::default(), Metrics::default());
    let mut changes = rules.changes();
    let mut file = RulesFile::new(path);
    file.refresh(&rules, &metrics);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    file.refresh(&rules, &metrics);
    assert!(!changes.has_changed().unwrap());
}
