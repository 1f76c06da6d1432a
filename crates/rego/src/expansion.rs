//! ExpansionTemplates: which objects a workload will have made, so that what is said of pods is said of a Deployment.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::decode::{At, WrongType};
use crate::template::group_version_kind;

/// The API group of ExpansionTemplates.
pub const GROUP: &str = "expansion.gatekeeper.sh";
/// Their kind.
pub const KIND: &str = "ExpansionTemplate";

const MOST_LEVELS: usize = 30;
const LONGEST_NAME: usize = 63;

/// A set of ExpansionTemplates.
#[derive(Debug, Default)]
pub struct Expander {
    templates: BTreeMap<String, Expansion>,
}

#[derive(Debug, PartialEq)]
struct Expansion {
    applies_to: Vec<[Vec<String>; 3]>,
    source: String,
    /// Group, version and kind.
    generated: [String; 3],
    action: String,
}

/// An object that would be made of another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The object.
    pub object: Value,
    /// The name of the ExpansionTemplate.
    pub template: String,
    /// What follows from its violations instead of what their constraints say; empty where they decide.
    pub action: String,
}

/// Why there is no expansion. The texts are gator's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpansionError {
    /// A field has the wrong type.
    #[error("error parsing resources: {0}")]
    WrongType(#[from] WrongType),
    /// An ExpansionTemplate that none can be.
    #[error("error upserting template {name}: {reason}")]
    Invalid {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An object that it applies to has not what it says.
    #[error("error expanding resource {name}: {reason}")]
    Object {
        /// The object's name.
        name: String,
        /// What is missing.
        reason: String,
    },
}

impl Expander {
    /// Whether a document is an ExpansionTemplate, of whatever version.
    #[must_use]
    pub fn is_expansion(document: &Value) -> bool {
        let (group, _, kind) = group_version_kind(document);
        (group, kind) == (GROUP, KIND)
    }

    /// Takes an ExpansionTemplate, in the place of one of its name.
    ///
    /// # Errors
    ///
    /// When it is none, or would expand what it makes itself, also by way of others.
    pub fn add(&mut self, document: &Value) -> Result<(), ExpansionError> {
        let root = At::root(document);
        let name = root
            .field("metadata")?
            .field("name")?
            .text_or_empty()?
            .to_owned();
        let expansion = Expansion::read(&root.field("spec")?)?;
        let invalid = |reason| ExpansionError::Invalid {
            name: name.clone(),
            reason,
        };
        expansion.check(&name).map_err(invalid)?;
        self.templates.insert(name.clone(), expansion);
        if self.comes_back(&name) {
            return Err(invalid("template forms expansion cycle".to_owned()));
        }
        Ok(())
    }

    /// Everything that would be made of an object, with what is made of that.
    ///
    /// # Errors
    ///
    /// When the object has not what a template takes from it.
    pub fn expand(&self, object: &Value) -> Result<Vec<Generated>, ExpansionError> {
        let mut all = Vec::new();
        self.expand_into(object, 0, &mut all)
            .map_err(|reason| ExpansionError::Object {
                name: metadata_text(object, "name").to_owned(),
                reason,
            })?;
        Ok(all)
    }

    fn expand_into(
        &self,
        object: &Value,
        level: usize,
        all: &mut Vec<Generated>,
    ) -> Result<(), String> {
        if level >= MOST_LEVELS {
            return Err(format!("maximum recursion depth of {MOST_LEVELS} reached"));
        }
        let (group, version, kind) = group_version_kind(object);
        let gvk = [group, version, kind];
        let of_this = self
            .templates
            .iter()
            .filter(|(_, expansion)| expansion.applies_to(gvk));
        let made = of_this.map(|(name, expansion)| {
            Ok(Generated {
                object: expansion.make(object)?,
                template: name.clone(),
                action: expansion.action.clone(),
            })
        });
        let made = made.collect::<Result<Vec<_>, String>>()?;
        // What is made of what was made comes first.
        for generated in &made {
            self.expand_into(&generated.object, level + 1, all)?;
        }
        all.extend(made);
        Ok(())
    }

    /// Whether what a template makes leads back to it.
    fn comes_back(&self, name: &str) -> bool {
        let mut seen: Vec<&str> = Vec::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            let Some(expansion) = self.templates.get(next) else {
                continue;
            };
            let made = expansion.generated.each_ref().map(String::as_str);
            for (other, _) in self
                .templates
                .iter()
                .filter(|(_, other)| other.applies_to(made))
            {
                if other == name {
                    return true;
                }
                if !seen.contains(&other.as_str()) {
                    seen.push(other);
                    open.push(other);
                }
            }
        }
        false
    }
}

impl Expansion {
    fn read(spec: &At) -> Result<Self, WrongType> {
        let applies_to = spec.field("applyTo")?.items()?;
        let lists = |at: &At| -> Result<[Vec<String>; 3], WrongType> {
            Ok([
                at.field("groups")?.texts()?,
                at.field("versions")?.texts()?,
                at.field("kinds")?.texts()?,
            ])
        };
        let generated = spec.field("generatedGVK")?;
        let text = |name| -> Result<String, WrongType> {
            Ok(generated.field(name)?.text_or_empty()?.to_owned())
        };
        Ok(Self {
            applies_to: applies_to.iter().map(lists).collect::<Result<_, _>>()?,
            source: spec.field("templateSource")?.text_or_empty()?.to_owned(),
            generated: [text("group")?, text("version")?, text("kind")?],
            action: spec.field("enforcementAction")?.text_or_empty()?.to_owned(),
        })
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let [group, version, kind] = self.generated.each_ref().map(String::as_str);
        let wrong = match name {
            "" => "ExpansionTemplate has empty name field".to_owned(),
            _ if name.len() > LONGEST_NAME => {
                "ExpansionTemplate name must be less than 64 characters".to_owned()
            }
            _ if self.source.is_empty() => {
                format!("ExpansionTemplate {name} has empty source field")
            }
            _ if [group, version, kind] == [""; 3] => {
                format!("ExpansionTemplate {name} has empty generatedGVK field")
            }
            _ if self.applies_to.is_empty() => {
                format!("ExpansionTemplate {name} must specify ApplyTo")
            }
            _ if self.applies_to([group, version, kind]) => {
                let gvk = shown_gvk(group, version, kind);
                format!(
                    "ExpansionTemplate {name} generates GVK {gvk}, but also applies to that same GVK"
                )
            }
            _ => return Ok(()),
        };
        Err(wrong)
    }

    fn applies_to(&self, gvk: [&str; 3]) -> bool {
        self.applies_to.iter().any(|lists| {
            let mut pairs = lists.iter().zip(gvk);
            pairs.all(|(list, part)| list.iter().any(|name| name == part))
        })
    }

    fn make(&self, parent: &Value) -> Result<Value, String> {
        let mut made = self.source_of(parent)?;
        let [group, version, kind] = &self.generated;
        let api_version = if group.is_empty() {
            version.clone()
        } else {
            format!("{group}/{version}")
        };
        made.insert("apiVersion".to_owned(), api_version.into());
        made.insert("kind".to_owned(), kind.as_str().into());
        let name = match kind.as_str() {
            "" => metadata_text(parent, "name").to_lowercase(),
            kind => format!("{}-{kind}", metadata_text(parent, "name")).to_lowercase(),
        };
        let metadata = made.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            match metadata_text(parent, "namespace") {
                "" => drop(metadata.shift_remove("namespace")),
                namespace => drop(metadata.insert("namespace".to_owned(), namespace.into())),
            }
            metadata.insert("name".to_owned(), name.into());
            own(metadata, parent);
        }
        Ok(Value::Object(made))
    }

    /// The part of an object that a new one is made of.
    fn source_of(&self, parent: &Value) -> Result<Map<String, Value>, String> {
        let mut found = Some(parent);
        for name in self.source.split('.') {
            found = found.and_then(|value| value.get(name));
        }
        match found {
            Some(Value::Object(fields)) => Ok(fields.clone()),
            Some(_) => Err("could not extract source field from unstructured".to_owned()),
            None => {
                let name = metadata_text(parent, "name");
                Err(format!(
                    "could not find source field {:?} in resource {name}",
                    self.source
                ))
            }
        }
    }
}

/// Names the parent as the owner, unless it is there.
fn own(metadata: &mut Map<String, Value>, parent: &Value) {
    let text = |name| parent.get(name).and_then(Value::as_str).unwrap_or_default();
    let owner = [
        ("apiVersion", text("apiVersion")),
        ("kind", text("kind")),
        ("name", metadata_text(parent, "name")),
    ];
    if owner.iter().any(|(_, text)| text.is_empty()) {
        return;
    }
    let owners = metadata
        .entry("ownerReferences")
        .or_insert_with(|| json!([]));
    let Some(owners) = owners.as_array_mut() else {
        return;
    };
    let is_owner = |known: &Value| owner.iter().all(|(name, text)| known[*name] == *text);
    if !owners.iter().any(is_owner) {
        let mut fields: Map<String, Value> = owner
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.into()))
            .collect();
        fields.insert("uid".to_owned(), "".into());
        owners.push(Value::Object(fields));
    }
}

fn shown_gvk(group: &str, version: &str, kind: &str) -> String {
    format!("{group}/{version}, Kind={kind}")
}

fn metadata_text<'a>(object: &'a Value, name: &str) -> &'a str {
    let text = object
        .get("metadata")
        .and_then(|metadata| metadata.get(name));
    text.and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Expander;

    fn expansion(name: &str, from: [&str; 3], source: &str, to: [&str; 3]) -> Value {
        json!({
            "apiVersion": "expansion.gatekeeper.sh/v1alpha1", "kind": "ExpansionTemplate",
            "metadata": {"name": name},
            "spec": {
                "applyTo": [{"groups": [from[0]], "versions": [from[1]], "kinds": [from[2]]}],
                "templateSource": source,
                "generatedGVK": {"group": to[0], "version": to[1], "kind": to[2]},
                "enforcementAction": "warn",
            },
        })
    }

    const POD: [&str; 3] = ["", "v1", "Pod"];
    const DEPLOYMENT: [&str; 3] = ["apps", "v1", "Deployment"];

    #[test]
    fn a_deployment_has_pods() {
        let mut expander = Expander::default();
        expander
            .add(&expansion("pods", DEPLOYMENT, "spec.template", POD))
            .unwrap();
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "Web", "namespace": "dev"},
            "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}}}});
        let made = expander.expand(&deployment).unwrap();
        let made = made.first().unwrap();
        assert_eq!(
            (made.template.as_str(), made.action.as_str()),
            ("pods", "warn")
        );
        let owner =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "Web", "uid": ""});
        let metadata = json!({"labels": {"a": "b"}, "namespace": "dev", "name": "web-pod", "ownerReferences": [owner]});
        assert_eq!(
            made.object,
            json!({"metadata": metadata, "spec": {"x": 1}, "apiVersion": "v1", "kind": "Pod"})
        );

        let bare =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        let error = expander.expand(&bare).unwrap_err().to_string();
        assert_eq!(
            error,
            "error expanding resource web: could not find source field \"spec.template\" in resource web"
        );
    }

    #[test]
    fn circles_are_refused() {
        let mut expander = Expander::default();
        expander
            .add(&expansion("a", DEPLOYMENT, "spec", POD))
            .unwrap();
        let error = expander
            .add(&expansion("b", POD, "spec", DEPLOYMENT))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "error upserting template b: template forms expansion cycle"
        );
        let error = expander
            .add(&expansion("c", POD, "spec", POD))
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("generates GVK /v1, Kind=Pod, but also applies to that same GVK"),
            "{error}"
        );
    }
}
