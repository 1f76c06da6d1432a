//! What `policy test` prints: lines for people, JSON and YAML as gator has them.

use basphere_rego::Outcome;
use basphere_rego::session::{Metadata, quoted};
use basphere_rego::template::TARGET;
use serde_json::Value;

use super::go_json::{self, Json};
use super::go_yaml::{self, Yaml};
use super::loading;

/// A violation, and whose it is.
#[derive(Debug)]
pub(super) struct Violation<'a> {
    pub(super) outcome: Outcome<'a>,
    pub(super) object: &'a Value,
}

/// All violations in a format: `json`, `yaml`, or lines of text for any other word, as in gator.
pub(super) fn text(violations: &[&Violation], format: &str) -> String {
    match format.to_lowercase().as_str() {
        "json" if violations.is_empty() => "null".to_owned(),
        "json" => go_json::indented(&Json::Items(
            violations.iter().map(|it| it.json()).collect(),
        )),
        "yaml" => go_yaml::list(&violations.iter().map(|it| it.yaml()).collect::<Vec<_>>()),
        // gator's own default has a name, under which it prints nothing.
        "default" => String::new(),
        _ => violations.iter().map(|it| it.line()).collect(),
    }
}

impl Violation<'_> {
    fn line(&self) -> String {
        let text = |name| {
            self.object
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let name = loading::metadata(self.object, "name");
        let name = match loading::metadata(self.object, "namespace") {
            "" => name.to_owned(),
            namespace => format!("{namespace}/{name}"),
        };
        let (constraint, message) = (
            quoted(&self.outcome.constraint.name),
            quoted(&self.outcome.message),
        );
        format!(
            "{}/{} {name}: [{constraint}] Message: {message}\n",
            text("apiVersion"),
            text("kind")
        )
    }

    /// What is empty is left out, but for the object and the trace.
    fn json(&self) -> Json<'_> {
        let outcome = &self.outcome;
        let mut fields = vec![("target", Json::Text(TARGET))];
        if !outcome.message.is_empty() {
            fields.push(("msg", Json::Text(&outcome.message)));
        }
        let details = match &outcome.metadata {
            Metadata::Nothing => None,
            Metadata::NoDetails => Some(Json::Null),
            Metadata::Details(details) => Some(Json::Rego(details)),
        };
        if let Some(details) = details {
            fields.push(("metadata", Json::Fields(vec![("details", details)])));
        }
        fields.push(("constraint", Json::Plain(&outcome.constraint.document)));
        if !outcome.action.is_empty() {
            fields.push(("enforcementAction", Json::Text(&outcome.action)));
        }
        if !outcome.scoped.is_empty() {
            let scoped = outcome.scoped.iter().map(|action| Json::Text(action));
            fields.push(("scopedActions", Json::Items(scoped.collect())));
        }
        fields.push(("violatingObject", Json::Plain(self.object)));
        fields.push(("trace", Json::Null));
        Json::Fields(fields)
    }

    /// gator's structs as its YAML library finds them: other names than in JSON, and nothing is left out.
    fn yaml(&self) -> Yaml<'_> {
        let outcome = &self.outcome;
        let metadata = match &outcome.metadata {
            Metadata::Nothing => Yaml::Fields(Vec::new()),
            Metadata::NoDetails => Yaml::Fields(vec![("details", Yaml::Null)]),
            Metadata::Details(details) => Yaml::Fields(vec![("details", Yaml::Floats(details))]),
        };
        let result = Yaml::Fields(vec![
            ("target", Yaml::Text(TARGET)),
            ("msg", Yaml::Text(&outcome.message)),
            ("metadata", metadata),
            (
                "constraint",
                Yaml::Fields(vec![("object", Yaml::Whole(&outcome.constraint.document))]),
            ),
            ("enforcementaction", Yaml::Text(&outcome.action)),
            ("scopedenforcementactions", Yaml::Texts(&outcome.scoped)),
        ]);
        Yaml::Fields(vec![
            ("result", result),
            ("violatingObject", Yaml::Floats(self.object)),
            ("trace", Yaml::Null),
        ])
    }
}
