//! A review against a cluster that does not let everything be read.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use crate::program::{CLUSTER, Ran, example, program, run_with};

/// An API server that knows the example Site and kim's namespace, serves Clusters as v1beta2 only,
/// and shows nobody a MachineDeployment.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let _ = answer(stream.unwrap());
    }
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let (code, body) = reply(&path);
    write!(
        &stream,
        "HTTP/1.1 {code} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

fn reply(path: &str) -> (u16, String) {
    let (path, _) = path.split_once('?').unwrap_or((path, ""));
    let (code, body) = match path {
        _ if path.contains("/sites/") => {
            let text = std::fs::read_to_string(example("site.yaml")).unwrap();
            (200, serde_saphyr::from_str(&text).unwrap())
        }
        _ if path.ends_with("/selfsubjectreviews") => (
            201,
            json!({"status": {"userInfo": {"username": "kim", "groups": ["system:authenticated"]}}}),
        ),
        "/api/v1/namespaces/user-kim" => (200, json!({"metadata": {"name": "user-kim"}})),
        _ if path.contains("/cluster.x-k8s.io/v1beta1/") => {
            return (404, "404 page not found\n".to_owned());
        }
        _ if path.contains("/machinedeployments/") => (
            403,
            status(
                403,
                "Forbidden",
                "machinedeployments is forbidden: kim may not",
            ),
        ),
        _ if path.contains("/clusters/") => (404, status(404, "NotFound", "not found")),
        _ => (200, json!({"metadata": {}, "items": []})),
    };
    (code, body.to_string())
}

fn review(manifest: &str, output: &str) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(&listener));
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a", "namespace": "user-kim"}}],
        "clusters": [{"name": "a", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "a", "user": {}}],
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let kubeconfig = kubeconfig.to_str().unwrap();
    run_with(
        Command::new(program()),
        &[
            "review",
            "--kubeconfig",
            kubeconfig,
            "-f",
            "-",
            "-o",
            output,
        ],
        manifest,
    )
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_judged() {
    let hidden = "apiVersion: cluster.x-k8s.io/v1beta2\nkind: MachineDeployment\nmetadata: {name: hidden}\nspec: {}\n";
    let served = CLUSTER.replace("v1beta1", "v1beta2");
    let manifest = format!("{CLUSTER}---\n{hidden}---\n{served}");
    let ran = review(&manifest, "json");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let not_served = "cannot read Cluster user-kim/demo: no matches for kind \"Cluster\" in version \"cluster.x-k8s.io/v1beta1\"";
    let forbidden = "cannot read MachineDeployment user-kim/hidden: machinedeployments is forbidden: kim may not";
    for line in [
        format!("error: -: document 1, line 1: {not_served}\n"),
        format!("error: -: document 2, line 6: {forbidden}\n"),
    ] {
        assert!(ran.err.contains(&line), "{line:?} is not in {}", ran.err);
    }
    let result: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(result["allowed"], false);
    let short = |item: &Value| json!([item["judged"], item["allowed"], item["error"]]);
    let items: Vec<_> = result["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(short)
        .collect();
    assert_eq!(
        items,
        [
            json!([false, false, not_served]),
            json!([false, false, forbidden]),
            json!([true, true, null]),
        ]
    );
}
