//! What the API server has stored, and all that it ever stored, read from etcd itself.

use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_harness::ControlPlane;
use futures::{AsyncBufReadExt, TryStreamExt};
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

/// The last key that is written, which tells that nothing follows.
const END: &str = "/race/end";

/// One object as one revision has it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// etcd's revision, which is the object's resourceVersion as well.
    pub(crate) revision: i64,
    /// Group and resource, such as `basphere.dev/addressleases`.
    pub(crate) resource: String,
    /// Namespace and name, or the name alone.
    pub(crate) key: String,
    /// What was stored; `None` when it was removed.
    pub(crate) object: Option<Value>,
}

/// Writes changes down, each in a line of JSON.
pub(crate) fn write(history: &[Change], path: &Path) -> Result<()> {
    let lines = history.iter().map(|change| {
        let Change {
            revision,
            resource,
            key,
            object,
        } = change;
        let line =
            json!({"revision": revision, "resource": resource, "key": key, "object": object});
        format!("{line}\n")
    });
    std::fs::write(path, lines.collect::<String>()).with_context(|| path.display().to_string())
}

/// etcd, by its gateway for HTTP.
#[derive(Clone)]
pub(crate) struct Etcd {
    client: Client,
}

impl Etcd {
    pub(crate) async fn new(control_plane: &ControlPlane) -> Result<Self> {
        let etcd = control_plane.etcd();
        let config: Kubeconfig = serde_json::from_value(json!({
            "current-context": "etcd",
            "contexts": [{"name": "etcd", "context": {"cluster": "etcd", "user": "etcd"}}],
            "clusters": [{"name": "etcd", "cluster": {
                "server": etcd.server, "certificate-authority": etcd.ca,
            }}],
            "users": [{"name": "etcd", "user": {
                "client-certificate": etcd.certificate, "client-key": etcd.key,
            }}],
        }))?;
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(config, &options).await?;
        // A watch says nothing for as long as nothing is written.
        config.read_timeout = None;
        Ok(Self {
            client: Client::try_from(config)?,
        })
    }

    /// The newest revision at this moment.
    pub(crate) async fn revision(&self) -> Result<i64> {
        let body = json!({"key": STANDARD.encode(END), "serializable": false});
        let answer: Value = self.client.request(post("/v3/kv/range", &body)?).await?;
        number(answer.pointer("/header/revision"))
    }

    /// Everything that was ever stored under these resources, in the order of revisions.
    pub(crate) async fn history(&self, resources: &[&str]) -> Result<Vec<Change>> {
        let end = json!({"key": STANDARD.encode(END), "value": ""});
        let _: Value = self.client.request(post("/v3/kv/put", &end)?).await?;
        let all = STANDARD.encode("\0");
        let watch =
            json!({"create_request": {"key": all, "range_end": all, "start_revision": "1"}});
        let stream = self.client.request_stream(post("/v3/watch", &watch)?);
        let mut lines = stream.await?.lines();
        let mut history = Vec::new();
        while let Some(line) = lines.try_next().await? {
            let message: Value = serde_json::from_str(&line)?;
            let result = message.get("result");
            let result = result.with_context(|| format!("etcd answered {line}"))?;
            if result.get("canceled") == Some(&Value::Bool(true)) {
                bail!("etcd ended the watch: {line}");
            }
            let events = result.get("events").and_then(Value::as_array);
            for event in events.into_iter().flatten() {
                let key = String::from_utf8(bytes(event.pointer("/kv/key"))?)?;
                if key == END {
                    return Ok(history);
                }
                history.extend(change(&key, event, resources)?);
            }
        }
        bail!("etcd ended the watch after {} changes", history.len())
    }
}

fn change(key: &str, event: &Value, resources: &[&str]) -> Result<Option<Change>> {
    let Some(path) = key.strip_prefix("/registry/") else {
        return Ok(None);
    };
    let found = resources.iter().find_map(|resource| {
        let rest = path.strip_prefix(resource)?.strip_prefix('/')?;
        Some((resource, rest))
    });
    let Some((resource, name)) = found else {
        return Ok(None);
    };
    let is_removed = event.get("type").and_then(Value::as_str) == Some("DELETE");
    let object = (!is_removed)
        .then(|| stored(&bytes(event.pointer("/kv/value"))?))
        .transpose()?;
    Ok(Some(Change {
        revision: number(event.pointer("/kv/mod_revision"))?,
        resource: (*resource).to_owned(),
        key: name.to_owned(),
        object,
    }))
}

/// An object as it is stored. Who has written which field is as long as the rest, and judged by nobody.
fn stored(bytes: &[u8]) -> Result<Value> {
    let mut object: Value = serde_json::from_slice(bytes)?;
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    Ok(object)
}

fn post(path: &str, body: &Value) -> Result<Request<Vec<u8>>> {
    Ok(Request::post(path).body(body.to_string().into_bytes())?)
}

/// Numbers of 64 bits are written as text.
fn number(value: Option<&Value>) -> Result<i64> {
    let text = value.and_then(Value::as_str).context("no number")?;
    Ok(text.parse()?)
}

fn bytes(value: Option<&Value>) -> Result<Vec<u8>> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    Ok(STANDARD.decode(text)?)
}
