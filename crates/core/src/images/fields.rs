//! Where images hide in each kind.

use serde_json::Value;

use super::commands::{self, Trace};
use super::document::{DEEPEST, Walk};
use super::encoding::{self, Opaque};
use super::sighting::{MOST, Sighting, Sightings, What, says};
use super::text;
use crate::Kind;
use crate::json::{is_unset, text_at, token};
use crate::subjects::kubeadm::argument_names;

/// Where kubeadm's configuration may name a repository.
pub(super) const REPOSITORIES: [&str; 3] = [
    "clusterConfiguration/imageRepository",
    "clusterConfiguration/dns/imageRepository",
    "clusterConfiguration/etcd/local/imageRepository",
];
const ARGUMENTS: [&str; 6] = [
    "clusterConfiguration/apiServer/extraArgs",
    "clusterConfiguration/controllerManager/extraArgs",
    "clusterConfiguration/scheduler/extraArgs",
    "clusterConfiguration/etcd/local/extraArgs",
    "initConfiguration/nodeRegistration/kubeletExtraArgs",
    "joinConfiguration/nodeRegistration/kubeletExtraArgs",
];
/// In the order in which a machine runs them, since one may use what another has fetched.
const COMMANDS: [&str; 3] = ["bootCommands", "preKubeadmCommands", "postKubeadmCommands"];
const IGNITION: &str = "ignition/containerLinuxConfig/additionalConfig";
/// The flag of kubelet by which it takes static pods from an address.
const STATIC_PODS: &str = "manifest-url";

/// So much decoded text of one object is looked at.
const MOST_TEXT: usize = 4 << 20;

/// Something that was seen in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pointer: String,
    pub(super) seen: Seen,
}

/// What was seen, or why nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Sighting(Sighting),
    /// The content of a file is not of its encoding.
    Undecodable(&'static str, String),
    /// There is more than is looked at.
    TooMany,
}

/// Where the configuration of kubeadm stands in an object of a kind that has one.
pub(super) const fn config_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::KubeadmControlPlane => Some("/spec/kubeadmConfigSpec"),
        Kind::KubeadmControlPlaneTemplate => Some("/spec/template/spec/kubeadmConfigSpec"),
        Kind::KubeadmConfig => Some("/spec"),
        Kind::KubeadmConfigTemplate => Some("/spec/template/spec"),
        _ => None,
    }
}

/// All that is seen in an object.
pub(super) fn look(kind: Kind, object: &Value) -> Vec<Found> {
    let mut look = Look {
        object,
        found: Vec::new(),
        seen: Sightings::default(),
        text_left: MOST_TEXT,
    };
    if let Some(config) = config_of(kind) {
        look.config(config);
    }
    match kind {
        Kind::ConfigMap | Kind::Secret => look.payload(kind),
        Kind::HelmChartProxy => look.chart(),
        Kind::Cluster => look.variables(),
        Kind::ClusterClass => look.class(),
        Kind::Machine => look.bootstrap("/spec/bootstrap/dataSecretName"),
        Kind::MachineDeployment | Kind::MachinePool | Kind::MachineSet => {
            look.bootstrap("/spec/template/spec/bootstrap/dataSecretName");
        }
        _ => {}
    }
    look.found
}

struct Look<'a> {
    object: &'a Value,
    found: Vec<Found>,
    seen: Sightings,
    text_left: usize,
}

impl<'a> Look<'a> {
    fn config(&mut self, config: &str) {
        for field in REPOSITORIES {
            let pointer = format!("{config}/{field}");
            if let Some(repository) = self.text(&pointer) {
                self.see(&pointer, What::Repository(repository.to_owned()));
            }
        }
        for field in ARGUMENTS {
            self.arguments(&format!("{config}/{field}"));
        }
        let files = format!("{config}/files");
        for index in 0..self.items(&files).len() {
            self.file(&format!("{files}/{index}"));
        }
        let mut trace = Trace::default();
        for field in COMMANDS {
            let list = format!("{config}/{field}");
            for index in 0..self.items(&list).len() {
                let pointer = format!("{list}/{index}");
                if let Some(command) = self.text(&pointer) {
                    commands::read(command, "", DEEPEST, &mut trace, &mut self.seen);
                    self.found_at(&pointer);
                }
            }
        }
        trace.finish(&mut self.seen);
        self.found_at(&format!("{config}/{}", COMMANDS[2]));
        let pointer = format!("{config}/{IGNITION}");
        if let Some(additional) = self.text(&pointer) {
            self.document("", additional, &pointer);
        }
    }

    fn items(&self, list: &str) -> &'a [Value] {
        let items = self.object.pointer(list).and_then(Value::as_array);
        items.map(Vec::as_slice).unwrap_or_default()
    }

    fn text(&self, pointer: &str) -> Option<&'a str> {
        text_at(self.object, pointer).filter(|text| !text.is_empty())
    }

    fn see(&mut self, pointer: &str, what: What) {
        self.seen.see("", what);
        self.found_at(pointer);
    }

    /// Notes where all that was seen last stands.
    fn found_at(&mut self, pointer: &str) {
        let has_more = self.seen.has_more() || self.found.len() > MOST;
        let seen = self.seen.take().into_iter().map(Seen::Sighting);
        if matches!(self.found.last(), Some(last) if last.seen == Seen::TooMany) {
            return;
        }
        let more = has_more.then_some(Seen::TooMany);
        self.found.extend(seen.chain(more).map(|seen| Found {
            pointer: pointer.to_owned(),
            seen,
        }));
    }

    /// Reads a text of the object, as long as there are not too many.
    fn document(&mut self, name: &str, content: &str, pointer: &str) {
        match self.text_left.checked_sub(content.len()) {
            Some(left) => {
                self.text_left = left;
                text::scan(name, content, "", DEEPEST, &mut self.seen);
            }
            None => {
                let why = "the object holds more text than is looked at, 4 MiB";
                self.seen.see("", What::Unseen(why, name.to_owned()));
            }
        }
        self.found_at(pointer);
    }

    fn arguments(&mut self, arguments: &str) {
        for (name, pointer) in argument_names(self.object, arguments) {
            let listed = format!("{pointer}/value");
            let pointer = match self.object.pointer(&listed) {
                Some(_) => listed,
                None => pointer,
            };
            let Some(value) = self.text(&pointer) else {
                continue;
            };
            match says(&name) {
                _ if name == STATIC_PODS => self.see(&pointer, What::Source(value.to_owned())),
                Some(says) => self.see(&pointer, says.what(value)),
                None => {}
            }
        }
    }

    fn file(&mut self, file: &str) {
        let path = self.text(&format!("{file}/path")).unwrap_or_default();
        let from = format!("{file}/contentFrom");
        let is_from = self
            .object
            .pointer(&from)
            .is_some_and(|from| !is_unset(from));
        if is_from {
            let why = "it comes from a Secret, which nobody sees here";
            self.see(&from, What::Unseen(why, path.to_owned()));
        }
        let pointer = format!("{file}/content");
        let Some(content) = self.text(&pointer) else {
            return;
        };
        let encoding = self.text(&format!("{file}/encoding")).unwrap_or_default();
        match encoding::decode(encoding, content) {
            Ok(content) => self.document(path, &content, &pointer),
            Err(Opaque::Unseen(why)) => self.see(&pointer, What::Unseen(why, path.to_owned())),
            Err(Opaque::Undecodable(why)) => self.found.push(Found {
                pointer,
                seen: Seen::Undecodable(why, path.to_owned()),
            }),
        }
    }

    /// The bootstrap data of a machine, when a person brings them.
    fn bootstrap(&mut self, pointer: &str) {
        if let Some(secret) = self.text(pointer) {
            let why = "its Secret has what the machine runs, and nobody sees it here";
            self.see(pointer, What::Unseen(why, secret.to_owned()));
        }
    }

    /// The values that a Cluster gives to the variables of its class.
    fn variables(&mut self) {
        const TOPOLOGY: &str = "/spec/topology";
        self.each_variable(&format!("{TOPOLOGY}/variables"));
        self.each_variable(&format!("{TOPOLOGY}/controlPlane/variables/overrides"));
        for workers in ["machineDeployments", "machinePools"] {
            let list = format!("{TOPOLOGY}/workers/{workers}");
            for index in 0..self.items(&list).len() {
                self.each_variable(&format!("{list}/{index}/variables/overrides"));
            }
        }
    }

    fn each_variable(&mut self, list: &str) {
        for (index, variable) in self.items(list).iter().enumerate() {
            self.walk(variable);
            self.found_at(&format!("{list}/{index}/value"));
        }
    }

    fn walk(&mut self, value: &Value) {
        let mut walk = Walk {
            seen: &mut self.seen,
            text: "",
            place: "",
            depth: DEEPEST,
        };
        walk.value("", value);
    }

    /// The patches of a class, and what its variables are when nobody sets them.
    fn class(&mut self) {
        let patches = self.items("/spec/patches");
        for (index, patch) in patches.iter().enumerate() {
            let pointer = format!("/spec/patches/{index}");
            if patch
                .get("external")
                .is_some_and(|external| !is_unset(external))
            {
                let why = "an extension makes this patch";
                let name = text_at(patch, "/name").unwrap_or_default().to_owned();
                self.see(&format!("{pointer}/external"), What::Unseen(why, name));
            }
            let definitions = patch.get("definitions").and_then(Value::as_array);
            for (of, definition) in definitions.into_iter().flatten().enumerate() {
                let operations = definition.get("jsonPatches").and_then(Value::as_array);
                for (at, operation) in operations.into_iter().flatten().enumerate() {
                    let here = format!("{pointer}/definitions/{of}/jsonPatches/{at}");
                    self.operation(operation, &here);
                }
            }
        }
        for (index, variable) in self.items("/spec/variables").iter().enumerate() {
            let default = variable.pointer("/schema/openAPIV3Schema/default");
            if let (Some(name), Some(default)) = (variable.get("name"), default) {
                let pair = serde_json::json!({"name": name, "value": default});
                self.walk(&pair);
                let field = "schema/openAPIV3Schema/default";
                self.found_at(&format!("/spec/variables/{index}/{field}"));
            }
        }
    }

    fn operation(&mut self, operation: &'a Value, pointer: &str) {
        let path = text_at(operation, "/path").unwrap_or_default();
        let value = format!("{pointer}/value");
        let is_in = |list: &str| path.contains(&format!("/{list}"));
        match operation.get("value") {
            Some(Value::String(command)) if COMMANDS.iter().any(|list| is_in(list)) => {
                let mut trace = Trace::default();
                commands::read(command, "", DEEPEST, &mut trace, &mut self.seen);
                trace.finish(&mut self.seen);
            }
            Some(file) if is_in("files") && file.get("content").is_some() => self.file(&value),
            Some(written) => {
                let here = operation.get("op").unwrap_or(&Value::Null);
                self.walk(&serde_json::json!({"op": here, "path": path, "value": written}));
            }
            None => {}
        }
        self.found_at(&value);
        if let Some(template) = text_at(operation, "/valueFrom/template") {
            let here = format!("{pointer}/valueFrom/template");
            let field = path.rsplit('/').next().unwrap_or_default();
            if let Some(says) = says(field) {
                self.see(&here, says.what(template.trim()));
            } else {
                self.document("", template, &here);
            }
        }
    }

    /// What a ClusterResourceSet would apply.
    fn payload(&mut self, kind: Kind) {
        for (field, is_encoded) in [("data", kind == Kind::Secret), ("stringData", false)] {
            let data = self.object.get(field).and_then(Value::as_object);
            for (key, value) in data.into_iter().flatten() {
                let pointer = format!("/{field}/{}", token(key));
                let encoding = if is_encoded { "base64" } else { "" };
                match encoding::decode(encoding, value.as_str().unwrap_or_default()) {
                    Ok(text) => self.document(key, &text, &pointer),
                    // The API server tells what is no base64.
                    Err(_) => self.see(&pointer, What::Unseen("it is no text", key.clone())),
                }
            }
        }
    }

    /// The chart of a HelmChartProxy, and the values that it is given.
    fn chart(&mut self) {
        for field in ["repoURL", "chartName"] {
            let pointer = format!("/spec/{field}");
            let Some(written) = self.text(&pointer) else {
                continue;
            };
            match written.strip_prefix("oci://") {
                Some(repository) => {
                    let repository = repository.trim_end_matches('/').to_owned();
                    self.see(&pointer, What::Repository(repository));
                }
                None if field == "repoURL" => self.see(&pointer, What::Source(written.to_owned())),
                None => {}
            }
        }
        let pointer = "/spec/valuesTemplate";
        if let Some(template) = self.text(pointer) {
            self.document("", &text::untemplated(template), pointer);
        }
    }
}
