//! `kubectl basphere review`, offline, as it is typed.

use serde_json::Value;

use crate::program::{CLUSTER, Ran, example, program, review, review_text};

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn codes(findings: &Value) -> Vec<&str> {
    findings
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

#[test]
fn the_example_is_allowed_in_both_versions_and_what_is_added_is_shown() {
    for version in ["v1beta1", "v1beta2"] {
        let ran = review(&["-f", &example(&format!("cluster.{version}.yaml"))]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for added in [
            "+    basphere.dev/owner: kim\n",
            "+  server: vcenter.corp.example\n",
            "+      numCPUs: 2\n",
        ] {
            assert!(ran.out.contains(added), "{added:?} is not in {}", ran.out);
        }
        assert!(ran.out.ends_with("\n7 objects: 7 allowed\n"), "{}", ran.out);
        assert_eq!(ran.err, "");
    }
}

#[test]
fn a_completed_file_is_complete() {
    let first = json(&review(&[
        "-f",
        &example("cluster.v1beta1.yaml"),
        "-o",
        "json",
    ]));
    let objects: Vec<_> = first["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["object"].to_string())
        .collect();
    let again = json(&review_text(&["-o", "json"], &objects.join("\n")));
    assert_eq!(again["allowed"], true);
    for (first, again) in first["items"]
        .as_array()
        .unwrap()
        .iter()
        .zip(again["items"].as_array().unwrap())
    {
        assert_eq!(first["object"], again["object"]);
    }
}

#[test]
fn a_denial_is_read_like_the_servers() {
    let ran = review(&["-f", &example("refused.v1beta1.yaml")]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let denied: Vec<_> = ran
        .out
        .lines()
        .filter(|line| line.starts_with("denied: "))
        .collect();
    for (path, code) in [
        ("metadata.labels[basphere.dev/owner]", "BSP-O002"),
        ("spec.template.spec.server", "BSP-V001"),
        ("spec.template.spec.network.devices[0].dhcp4", "BSP-V003"),
        ("spec.template.spec", "BSP-S002"),
        ("spec.template.spec.template", "BSP-V002"),
    ] {
        let is_this = |line: &&str| {
            line.starts_with(&format!("denied: {path}: ")) && line.ends_with(&format!("[{code}]"))
        };
        assert_eq!(
            denied.iter().filter(|line| is_this(line)).count(),
            1,
            "{path} {code}: {denied:#?}"
        );
    }
    assert!(
        ran.out
            .contains("\nsure only with the cluster: MachineDeployment, MachinePool, MachineSet, KubeadmControlPlane objects of namespace user-kim, and whose namespace user-kim is (BSP-O002, BSP-S002)\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.ends_with("\n1 object: 1 denied\n"), "{}", ran.out);
}

#[test]
fn json_and_yaml_have_every_field() {
    let file = example("refused.v1beta2.yaml");
    let ran = review(&["-f", &file, "-o", "json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let result = json(&ran);
    assert_eq!(
        (&result["apiVersion"], &result["kind"]),
        (&"basphere.dev/v1alpha1".into(), &"ReviewResult".into())
    );
    assert_eq!(result["allowed"], false);
    let item = result["items"][0].as_object().unwrap();
    let fields: Vec<_> = item.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "file",
            "document",
            "line",
            "apiVersion",
            "kind",
            "namespace",
            "name",
            "operation",
            "judged",
            "allowed",
            "error",
            "denials",
            "warnings",
            "needsCluster",
            "object"
        ]
    );
    assert_eq!(
        (&item["namespace"], &item["name"]),
        (&"user-kim".into(), &"refused".into())
    );
    let found = codes(&item["denials"]);
    assert!(
        ["BSP-O002", "BSP-V001", "BSP-S002"]
            .iter()
            .all(|code| found.contains(code)),
        "{found:?}"
    );
    let denial = item["denials"][0].as_object().unwrap();
    assert_eq!(
        denial.keys().collect::<Vec<_>>(),
        ["code", "path", "value", "message", "hint", "needsCluster"]
    );

    let yaml = review(&["-f", &file, "-o", "yaml"]);
    assert_eq!(yaml.code, Some(3));
    let read = basphere_api::manifest::read(yaml.out.as_bytes()).unwrap();
    assert_eq!(read[0].object, result["items"][0]);
}

#[test]
fn what_is_no_subject_passes_unseen() {
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n";
    let ran = review_text(&[], secret);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "Secret s: not judged\n\n1 object: 1 not judged\n")
    );
    let ran = review_text(&["-o", "json"], secret);
    assert!(!ran.out.contains("hunter2"), "{}", ran.out);
    assert_eq!(json(&ran)["items"][0]["judged"], false);
}

#[test]
fn the_namespace_is_the_manifests_then_the_flags_then_default() {
    let in_kims = CLUSTER.replace("name: demo", "name: demo, namespace: user-kim");
    let item = |ran: &Ran| json(ran)["items"][0].clone();
    let ran = review_text(&["-o", "json"], &in_kims);
    assert_eq!(
        item(&ran)["object"]["metadata"]["labels"]["basphere.dev/owner"],
        "kim"
    );
    let ran = review_text(&["-o", "json", "-n", "user-lee"], CLUSTER);
    assert_eq!(
        item(&ran)["object"]["metadata"]["labels"]["basphere.dev/owner"],
        "lee"
    );
    let ran = review_text(&["-o", "json"], CLUSTER);
    assert_eq!(
        (ran.code, item(&ran)["namespace"].as_str()),
        (Some(3), Some("default"))
    );
    assert_eq!(codes(&item(&ran)["denials"]), ["BSP-O001"]);
    // The namespace may have an owner label, which only the cluster knows.
    assert_eq!(
        item(&ran)["denials"][0]["needsCluster"],
        serde_json::json!(["Namespace", "AddressPool"])
    );
    let text = review_text(&[], CLUSTER).out;
    assert!(
        text.contains("\nsure only with the cluster: AddressPool objects of namespace default, and whose namespace default is (BSP-O001)\n"),
        "{text}"
    );
    let ran = review_text(&["-n", "user-lee"], &in_kims);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.contains("Cluster user-kim/demo: not judged"),
        "{}",
        ran.out
    );
    assert!(
        ran.err
            .contains("-: document 1, line 1: the manifest's namespace is \"user-kim\""),
        "{}",
        ran.err
    );
}

#[test]
fn a_namespace_of_the_file_tells_its_owner() {
    let stream = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: lab, labels: {{basphere.dev/owner: kim}}}}\n---\n{CLUSTER}"
    );
    let ran = review_text(&["-n", "lab", "-o", "json"], &stream);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let item = &json(&ran)["items"][1];
    assert_eq!(item["object"]["metadata"]["labels"]["owner"], "kim");
    // Which range its load balancers get, and what kim has, only the cluster knows.
    assert_eq!(
        item["needsCluster"],
        serde_json::json!(["AddressPool", "Tenant"])
    );
}

#[test]
fn the_requester_is_the_owner_unless_as_says_otherwise() {
    let owned_by_lee = CLUSTER.replace(
        "name: demo",
        "name: demo, labels: {basphere.dev/owner: lee}",
    );
    let ran = review_text(&["-n", "user-kim", "-o", "json"], &owned_by_lee);
    assert_eq!(codes(&json(&ran)["items"][0]["denials"]), ["BSP-O002"]);
    let admin = [
        "-n",
        "user-kim",
        "-o",
        "json",
        "--as",
        "root",
        "--as-group",
        "basphere:admins",
    ];
    let ran = review_text(&admin, &owned_by_lee);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let annotations = &json(&ran)["items"][0]["object"]["metadata"]["annotations"];
    assert_eq!(annotations["basphere.dev/requester"], "root");
}

#[test]
fn a_directory_is_read_by_name_and_not_below() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("b.yaml", &CLUSTER.replace("demo", "second"));
    write(
        "a.json",
        r#"{"apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Cluster", "metadata": {"name": "first"}, "spec": {}}"#,
    );
    write("notes.txt", "not a manifest");
    std::fs::create_dir(folder.path().join("below")).unwrap();
    write("below/c.yaml", "broken: [");
    let ran = review(&["-f", folder.path().to_str().unwrap(), "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let result = json(&ran);
    let names: Vec<_> = result["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn colour_is_only_where_it_is_wanted() {
    let file = example("cluster.v1beta1.yaml");
    assert!(!review(&["-f", &file]).out.contains('\x1b'));
    let ran = review(&["-f", &file, "--color", "always"]);
    assert!(
        ran.out.contains("\x1b[32m+    owner: kim\x1b[0m\n"),
        "{}",
        ran.out
    );
}

#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::{Command, Stdio};
    let (site, file) = (example("site.yaml"), example("cluster.v1beta1.yaml"));
    let mut child = Command::new(program())
        .args(["review", "--site", &site, "-n", "user-kim", "-f", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn the_text_of_a_review() {
    let stream = "apiVersion: cluster.x-k8s.io/v1beta1\nkind: MachineHealthCheck\nmetadata:\n  name: a\n\
                  spec:\n  clusterName: demo\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n";
    insta::assert_snapshot!(review_text(&["-n", "user-kim"], stream).out, @"
    MachineHealthCheck user-kim/a: allowed
    --- as written
    +++ as completed
    @@ -3,5 +3,8 @@
     metadata:
       name: a
       namespace: user-kim
    +  labels:
    +    basphere.dev/owner: kim
    +    owner: kim
     spec:
       clusterName: demo
    sure only with the cluster: Cluster objects of namespace user-kim, and whose namespace user-kim is

    ConfigMap b: not judged

    2 objects: 1 allowed, 1 not judged
    ");
}
