//! Rewriting the images of Pods to what the site keeps, as they are made in a cluster.
//!
//! Pods alone and not what makes them: who keeps a Deployment as a file would find another one in the cluster, and
//! put its own back for ever. An image that is stored stays as it is, since another name for it starts its
//! container anew.

use json_patch::jsonptr::PointerBuf;
use json_patch::{Patch, PatchOperation, ReplaceOperation};
use serde_json::Value;

use super::rewrite;
use super::rules::Rules;
use crate::Finding;
use crate::json::text_at;

/// Where a Pod names images: the list, and the field of each of its items.
pub const POD_IMAGES: [(&str, &str); 4] = [
    ("initContainers", "/image"),
    ("containers", "/image"),
    ("ephemeralContainers", "/image"),
    ("volumes", "/image/reference"),
];

/// Marks what a kubelet shows of its static pods: it runs them as its files say, whatever is stored.
pub const MIRROR_POD: &str = "kubernetes.io/config.mirror";

/// One image of a Pod, and the site's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Where it stands, as a JSON pointer.
    pub pointer: PointerBuf,
    /// As it was written.
    pub written: String,
    /// As the site keeps it.
    pub instead: String,
}

impl Rewritten {
    /// As its author is told of it.
    #[must_use]
    pub fn finding(&self) -> Finding {
        rewrite::kept_as(self.pointer.as_str(), &self.written, &self.instead)
    }
}

/// The images of a Pod that the site keeps under another name. Of a Pod that is stored already, those that change.
#[must_use]
pub fn rewrite_pod(rules: &Rules, pod: &Value, stored: Option<&Value>) -> Vec<Rewritten> {
    let is_mirror = |pod: &Value| {
        let annotations = pod.pointer("/metadata/annotations");
        annotations.is_some_and(|annotations| annotations.get(MIRROR_POD).is_some())
    };
    if is_mirror(pod) {
        return Vec::new();
    }
    let mut rewritten = Vec::new();
    for (list, field) in POD_IMAGES {
        for (index, item) in items(pod, list).iter().enumerate() {
            let Some(written) = text_at(item, field).filter(|image| !image.is_empty()) else {
                continue;
            };
            let name = text_at(item, "/name");
            let is_same =
                |old: &Value| text_at(old, "/name") == name && text_at(old, field) == Some(written);
            if stored.is_some_and(|stored| items(stored, list).iter().any(is_same)) {
                continue;
            }
            let pointer = format!("/spec/{list}/{index}{field}");
            if let (Ok(pointer), Some(instead)) =
                (PointerBuf::parse(pointer), rules.instead_of(written))
            {
                let written = written.to_owned();
                rewritten.push(Rewritten {
                    pointer,
                    written,
                    instead,
                });
            }
        }
    }
    rewritten
}

/// What makes of the Pod that was written the one that is stored: one value an image, and nothing else of its lists.
#[must_use]
pub fn patch_of(rewritten: &[Rewritten]) -> Patch {
    let operations = rewritten.iter().map(|one| {
        PatchOperation::Replace(ReplaceOperation {
            path: one.pointer.clone(),
            value: one.instead.as_str().into(),
        })
    });
    Patch(operations.collect())
}

fn items<'a>(pod: &'a Value, list: &str) -> &'a [Value] {
    let items = pod.get("spec").and_then(|spec| spec.get(list));
    items
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}
