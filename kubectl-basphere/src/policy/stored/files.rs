//! Objects that stand in files, such as what `kubectl get -A -o yaml` writes.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::cli::Audit;
use crate::policy::{loading, sources};

use super::bundles::Bundle;
use super::{Findings, Judged};

/// Judges the objects of files.
pub(super) fn judge(bundles: Vec<Bundle>, options: &Audit) -> Result<Findings> {
    let objects = objects(options)?;
    let is_namespace = |object: &&Value| {
        let text = |name| object.get(name).and_then(Value::as_str);
        (text("apiVersion"), text("kind")) == (Some("v1"), Some("Namespace"))
    };
    let namespaces = objects.iter().filter(is_namespace);
    let namespaces: BTreeMap<&str, &Value> = namespaces
        .map(|namespace| (loading::metadata(namespace, "name"), namespace))
        .collect();
    let mut judged = Vec::new();
    for bundle in bundles {
        let mut tally = bundle.tally(options);
        bundle.judge(&objects, |name| namespaces.get(name).copied(), &mut tally)?;
        judged.push(Judged { bundle, tally });
    }
    Ok(Findings {
        judged,
        unread: BTreeMap::new(),
    })
}

fn objects(options: &Audit) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for path in &options.objects {
        for file in sources::files(path).map_err(anyhow::Error::msg)? {
            let found = sources::file(&file).map_err(anyhow::Error::msg)?;
            for mut object in found {
                let kind = object.get("kind").and_then(Value::as_str);
                let is_list = match kind.unwrap_or_default() {
                    "" => bail!("{file}: an object has no kind"),
                    kind => kind == "List",
                };
                match object.get_mut("items").filter(|_| is_list).map(Value::take) {
                    Some(Value::Array(items)) => objects.extend(items),
                    _ => objects.push(object),
                }
            }
        }
    }
    Ok(objects)
}
