//! What the bastion's files say of quotas.

use crate::ipam::{FILES, file, in_folder};

#[test]
fn limits_of_users_are_the_tenants_and_contradictions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(file(name)).unwrap();
        assert!(text.contains(from), "{from}");
        let path = folder.path().join(name);
        std::fs::write(&path, text.replace(from, to)).unwrap();
        path.display().to_string()
    };
    let kims =
        "    max_ips: 32\n  kim:\n    max_vms: 30\n    max_clusters: 5\n  jung:\n    max_ips: 64\n";
    let config = write("config.yaml", "    max_ips: 32\n", kims);
    let specs = write(
        "specs.yaml",
        "cluster_quotas:\n",
        "cluster_quotas:\n  kim: {max_clusters: 6}\n",
    );
    let import = |specs: &str| {
        let more = ["--config", &config, "--specs", specs];
        in_folder(".", &[&FILES[..], &more].concat())
    };
    let ran = import(&specs);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let differ = "error: config.yaml: quotas.kim.max_clusters is 5, and specs.yaml: cluster_quotas.kim.max_clusters is 6\n";
    assert!(ran.err.contains(differ), "{}", ran.err);
    // What is not contradicted is taken, also of a user without addresses.
    for (tenant, limits) in [
        (
            "kim",
            "      nodes: 30\n    reason: imported from config.yaml and specs.yaml\n",
        ),
        (
            "jung",
            "      addresses: 64\n    reason: imported from config.yaml\n",
        ),
    ] {
        let object = format!(
            "kind: Tenant\nmetadata:\n  name: {tenant}\nspec:\n  quotas:\n  - limits:\n{limits}"
        );
        assert!(ran.out.contains(&object), "{object}\n{}", ran.out);
    }
    assert!(ran.out.contains("kind: Site"), "{}", ran.out);

    let specs = write(
        "specs.yaml",
        "    max_clusters: 3\n",
        "    max_clusters: 4\n",
    );
    let ran = import(&specs);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let differ = "error: no Site can be made: config.yaml: quotas.default.max_clusters is 3, and specs.yaml: cluster_quotas.default.max_clusters is 4\n";
    assert!(ran.err.contains(differ), "{}", ran.err);
    assert!(!ran.out.contains("kind: Site"), "{}", ran.out);
}
