//! Rewriting to the site's projects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use basphere_core::{ApiVersion, Kind, Site};
use serde_json::{Value, json};

use super::{
    HARBOR, at, control_plane, of_kind, rewriting, said, short, spec_with, without_rules,
    world_with,
};
use crate::world::{World, capi};

fn world(version: ApiVersion) -> World {
    world_with(version, rewriting())
}

const POD: &str = "# image: docker.io/x\nspec:\n  containers:\n  - name: a\n    image: 'nginx:1' # here\n  - {image: quay.io/a/b}\n  - image: harbor.corp.example:8443/c\n";
const REWRITTEN: &str = "# image: docker.io/x\nspec:\n  containers:\n  - name: a\n    image: 'harbor.corp.example:8443/docker.io/library/nginx:1' # here\n  - {image: harbor.corp.example:8443/quay.io/a/b}\n  - image: harbor.corp.example:8443/c\n";

#[test]
fn a_reference_is_rewritten_by_its_registry() {
    let site = Site::try_from(spec_with(rewriting())).expect("a site");
    let rules = site.images().expect("rules");
    for (image, expected) in [
        ("nginx", "docker.io/library/nginx"),
        ("docker.io/calico/cni:v3", "docker.io/calico/cni:v3"),
        ("index.docker.io/calico/cni:v3", "docker.io/calico/cni:v3"),
        (
            "quay.io/cilium/cilium:v1.15.0",
            "quay.io/cilium/cilium:v1.15.0",
        ),
        ("QUAY.io/cilium/cilium", "quay.io/cilium/cilium"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("ghcr.io/a/b", "ghcr.io/a/b"),
    ] {
        assert_eq!(
            rules.rewrite(image),
            Some(format!("{HARBOR}/{expected}")),
            "{image}"
        );
    }
    let digest = format!("nginx@sha256:{}", "a".repeat(64));
    let rewritten = format!("{HARBOR}/docker.io/library/{digest}");
    assert_eq!(rules.rewrite(&digest), Some(rewritten));
    for image in [
        "gcr.io/a/b",
        "quay.io.evil.io/a",
        "quay.io:8443/a",
        "nginx:1:2",
        "harbor.corp.example:8443/a",
    ] {
        assert_eq!(rules.rewrite(image), None, "{image}");
    }
    let repository = rules.rewrite_repository("registry.k8s.io");
    assert_eq!(repository, Some(format!("{HARBOR}/registry.k8s.io")));
    let repository = rules.rewrite_repository("registry.k8s.io/coredns");
    assert_eq!(
        repository,
        Some(format!("{HARBOR}/registry.k8s.io/coredns"))
    );
}

fn config(version: ApiVersion) -> Value {
    control_plane(
        version,
        &json!({
            "clusterConfiguration": {
                "imageRepository": "registry.k8s.io",
                "etcd": {"local": {"imageRepository": "quay.io/coreos"}},
            },
            "files": [
                {"path": "/etc/kubernetes/manifests/a.yaml", "content": POD},
                {"path": "/etc/kubernetes/manifests/b.yaml", "content": STANDARD.encode(POD), "encoding": "base64"},
            ],
        }),
    )
}

fn stored(world: &World) -> &Value {
    &world.get(Kind::KubeadmControlPlane, "demo-control-plane")["spec"]["kubeadmConfigSpec"]
}

#[test]
fn a_new_control_plane_is_rewritten_and_stays_so() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = world(version);
        let object = config(version);
        let decision = world.apply(&object);
        assert!(decision.is_allowed(), "{:#?}", decision.denials);
        let of_cluster = &stored(&world)["clusterConfiguration"];
        assert_eq!(
            of_cluster["imageRepository"],
            format!("{HARBOR}/registry.k8s.io")
        );
        assert_eq!(
            of_cluster["dns"]["imageRepository"],
            format!("{HARBOR}/registry.k8s.io/coredns")
        );
        assert_eq!(
            of_cluster["etcd"]["local"]["imageRepository"],
            format!("{HARBOR}/quay.io/coreos")
        );
        let files = &stored(&world)["files"];
        assert_eq!(files[0]["content"], REWRITTEN);
        assert_eq!(files[1]["content"], STANDARD.encode(REWRITTEN));
        let [repository, etcd] = ["imageRepository", "etcd.local.imageRepository"]
            .map(|field| at(&format!("clusterConfiguration.{field}")));
        let [a, b] = [0, 1].map(|index| at(&format!("files[{index}].content")));
        let told = said(&decision);
        let expected = [
            ("BSP-M007", &*repository, "registry.k8s.io"),
            ("BSP-M007", &*etcd, "quay.io/coreos"),
            ("BSP-M007", &*a, "/etc/kubernetes/manifests/a.yaml"),
            ("BSP-M007", &*b, "/etc/kubernetes/manifests/b.yaml"),
        ];
        assert_eq!(short(&told), expected);

        // The same file again changes nothing and is not refused.
        let before = stored(&world).clone();
        let again = world.apply(&object);
        assert!(again.is_allowed(), "{:#?}", again.denials);
        assert_eq!(stored(&world), &before);
        assert_eq!(said(&again), []);
    }
}

/// Nothing is said of a repository: kubeadm's own is, with CoreDNS where kubeadm looks for it.
#[test]
fn what_kubeadm_would_take_is_named() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = world(version);
        let object = of_kind(Kind::KubeadmControlPlane, version);
        let decision = world.apply(&object);
        assert!(decision.is_allowed(), "{:#?}", decision.denials);
        let of_cluster = &stored(&world)["clusterConfiguration"];
        assert_eq!(
            of_cluster["imageRepository"],
            format!("{HARBOR}/registry.k8s.io")
        );
        assert_eq!(
            of_cluster["dns"]["imageRepository"],
            format!("{HARBOR}/registry.k8s.io/coredns")
        );
        let [repository, dns] = ["imageRepository", "dns.imageRepository"]
            .map(|field| at(&format!("clusterConfiguration.{field}")));
        let expected = [
            ("BSP-M007", &*repository, "registry.k8s.io"),
            ("BSP-M007", &*dns, "registry.k8s.io"),
        ];
        assert_eq!(short(&said(&decision)), expected);

        // `kubectl replace` sends the file as it is.
        let before = stored(&world).clone();
        let replaced = world.admit(&object);
        assert!(replaced.is_allowed(), "{:#?}", replaced.denials);
        let spec = replaced.object.expect("an object")["spec"]["kubeadmConfigSpec"].clone();
        assert_eq!(spec["clusterConfiguration"], before["clusterConfiguration"]);
    }
}

#[test]
fn a_template_of_workers_is_rewritten() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = world(version);
        let mut object = of_kind(Kind::KubeadmConfigTemplate, version);
        object["spec"]["template"]["spec"]["files"] =
            json!([{"path": "/etc/kubernetes/manifests/a.yaml", "content": POD}]);
        world.apply_all(&[object.clone()]);
        let name = object["metadata"]["name"].as_str().expect("a name");
        let stored = world.get(Kind::KubeadmConfigTemplate, name);
        assert_eq!(
            stored["spec"]["template"]["spec"]["files"][0]["content"],
            REWRITTEN
        );
    }
}

/// A change of a control plane's configuration replaces its machines: what was stored without is left so.
#[test]
fn what_is_stored_is_not_rewritten() {
    for version in ApiVersion::CLUSTER_API {
        let mut old = without_rules();
        old.apply_all(&crate::world::example("cluster", version)[..2]);
        old.apply_all(&[config(version)]);
        let mut world = world(version);
        world.stored = old.stored;
        let before = stored(&world).clone();
        let mut object = config(version);
        object["spec"]["replicas"] = json!(3);
        let decision = world.apply(&object);
        assert!(decision.is_allowed(), "{:#?}", decision.denials);
        assert_eq!(stored(&world), &before);
    }
}

/// What is neither a static pod nor a repository is refused, with the name that it has here.
#[test]
fn the_rest_is_refused_with_the_name_to_write() {
    let version = ApiVersion::V1Beta1;
    let object = control_plane(
        version,
        &json!({"postKubeadmCommands": ["crictl pull quay.io/a/b:1"]}),
    );
    let said = said(&world(version).admit(&object));
    assert_eq!(
        short(&said),
        [("BSP-M001", &*at("postKubeadmCommands[0]"), "quay.io/a/b:1")]
    );
    assert!(
        said[0]
            .3
            .ends_with("; write harbor.corp.example:8443/quay.io/a/b:1 [BSP-M001]"),
        "{}",
        said[0].3
    );
}

/// Controllers compare what they get with what they want.
#[test]
fn nothing_of_a_controller_is_rewritten() {
    for version in ApiVersion::CLUSTER_API {
        let mut world = world(version);
        world.requester = capi();
        let mut object = config(version);
        object["metadata"]["labels"] = json!({"topology.cluster.x-k8s.io/owned": ""});
        let owned = json!({
            "apiVersion": format!("bootstrap.cluster.x-k8s.io/{version}"),
            "kind": "KubeadmConfig",
            "metadata": {"name": "x"},
            "spec": object["spec"]["kubeadmConfigSpec"],
        });
        for object in [object, owned] {
            let decision = world.admit(&object);
            let completed = decision.object.expect("an object");
            assert_eq!(completed["spec"], object["spec"], "{}", object["kind"]);
        }
        // Nor what it makes without a topology.
        let object = config(version);
        let completed = world.admit(&object).object.expect("an object");
        for field in ["/clusterConfiguration/imageRepository", "/files/0/content"] {
            let pointer = format!("/spec/kubeadmConfigSpec{field}");
            assert_eq!(
                completed.pointer(&pointer),
                object.pointer(&pointer),
                "{field}"
            );
        }
    }
}

/// What would change more than images is left as it is, and refused.
#[test]
fn a_static_pod_that_says_an_image_elsewhere_too_is_not_rewritten() {
    let version = ApiVersion::V1Beta1;
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: quay.io/a/b\n    args: [\"echo quay.io/a/b\"]\n";
    let file = json!({"path": "/etc/kubernetes/manifests/a.yaml", "content": pod});
    let decision = world(version).admit(&control_plane(version, &json!({"files": [file]})));
    let completed = decision.object.as_ref().expect("an object");
    let content = "/spec/kubeadmConfigSpec/files/0/content";
    assert_eq!(completed.pointer(content), Some(&pod.into()));
    assert_eq!(
        short(&said(&decision)),
        [("BSP-M001", &*at("files[0].content"), "quay.io/a/b")]
    );
}
