//! Which JSON types the fields have that decisions read, where no rule of its own says so.
//!
//! The API server checks types by its schemas, but only after the mutating webhooks; a field of
//! another type would be taken for one that says nothing, and whoever wrote it would not be told.
//! `null` says nothing and is right everywhere.

use serde_json::{Map, Value};

use crate::change::Draft;
use crate::json::token;
use crate::{ApiVersion, Kind, Subject};

/// So many wrong types are listed at the most; a [`Draft`] keeps no more either.
const MOST: usize = 128;
/// Longer keys than any that is valid are cut, so that the answer stays readable.
const LONGEST_KEY: usize = 320;

type Fields = &'static [(&'static str, Shape)];

/// What a field must be.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Count,
    Flag,
    /// A list of texts.
    Texts,
    /// An object of texts by any key: labels, annotations.
    TextMap,
    /// An object of which these fields are read.
    Object(Fields),
    /// A list of objects of which these fields are read.
    Each(Fields),
    /// Arguments of a component, which each version writes in its own way.
    Arguments,
}

use Shape::{Arguments, Count, Each, Flag, Object, Text, TextMap, Texts};

const METADATA: Shape = Object(&[
    ("name", Text),
    ("namespace", Text),
    ("labels", TextMap),
    ("annotations", TextMap),
    (
        "ownerReferences",
        Each(&[
            ("apiVersion", Text),
            ("kind", Text),
            ("name", Text),
            ("uid", Text),
        ]),
    ),
]);
const TEMPLATE_METADATA: Shape = Object(&[("labels", TextMap), ("annotations", TextMap)]);
const REFERENCE: Shape = Object(&[("kind", Text), ("name", Text)]);
const ENDPOINT: Shape = Object(&[("host", Text), ("port", Count)]);
const CIDRS: Shape = Object(&[("cidrBlocks", Texts)]);
const VARIABLES: Shape = Each(&[("name", Text)]);
const OVERRIDES: Shape = Object(&[("overrides", VARIABLES)]);
const WORKERS: Shape = Each(&[
    ("class", Text),
    ("name", Text),
    ("replicas", Count),
    ("metadata", TEMPLATE_METADATA),
    ("variables", OVERRIDES),
]);
const COMPONENT: Shape = Object(&[("extraArgs", Arguments)]);
const JOINING: Shape = Object(&[(
    "nodeRegistration",
    Object(&[("criSocket", Text), ("kubeletExtraArgs", Arguments)]),
)]);
const TEMPLATE: Shape = Object(&[
    ("metadata", TEMPLATE_METADATA),
    (
        "spec",
        Object(&[("clusterName", Text), ("infrastructureRef", REFERENCE)]),
    ),
]);

const CLUSTER: Fields = &[
    ("paused", Flag),
    (
        "clusterNetwork",
        Object(&[("pods", CIDRS), ("services", CIDRS)]),
    ),
    ("controlPlaneRef", REFERENCE),
    ("infrastructureRef", REFERENCE),
    (
        "topology",
        Object(&[
            ("class", Text),
            ("classNamespace", Text),
            ("classRef", Object(&[("name", Text), ("namespace", Text)])),
            ("variables", VARIABLES),
            (
                "controlPlane",
                Object(&[("metadata", TEMPLATE_METADATA), ("variables", OVERRIDES)]),
            ),
            (
                "workers",
                Object(&[("machineDeployments", WORKERS), ("machinePools", WORKERS)]),
            ),
        ]),
    ),
];

/// What the machines of a cluster are told by kubeadm.
const CONFIG: Fields = &[
    (
        "clusterConfiguration",
        Object(&[
            ("apiServer", COMPONENT),
            ("controllerManager", COMPONENT),
            ("scheduler", COMPONENT),
            ("imageRepository", Text),
            ("dns", Object(&[("imageRepository", Text)])),
            (
                "etcd",
                Object(&[
                    ("external", Object(&[])),
                    (
                        "local",
                        Object(&[("imageRepository", Text), ("extraArgs", Arguments)]),
                    ),
                ]),
            ),
        ]),
    ),
    ("initConfiguration", JOINING),
    ("joinConfiguration", JOINING),
    (
        "files",
        Each(&[("path", Text), ("content", Text), ("encoding", Text)]),
    ),
    ("bootCommands", Texts),
    ("preKubeadmCommands", Texts),
    ("postKubeadmCommands", Texts),
];

const CONTROL_PLANE: Fields = &[
    ("kubeadmConfigSpec", Object(CONFIG)),
    (
        "machineTemplate",
        Object(&[
            ("metadata", TEMPLATE_METADATA),
            ("infrastructureRef", REFERENCE),
            ("spec", Object(&[("infrastructureRef", REFERENCE)])),
        ]),
    ),
];

const DEPLOYMENT: Fields = &[
    ("clusterName", Text),
    (
        "selector",
        Object(&[("matchLabels", TextMap), ("matchExpressions", Each(&[]))]),
    ),
    ("template", TEMPLATE),
];

const MACHINE: Fields = &[("clusterName", Text), ("infrastructureRef", REFERENCE)];

const MACHINE_TEMPLATE: Fields = &[(
    "template",
    Object(&[("spec", Object(&[("network", Object(&[]))]))]),
)];

const VSPHERE_CLUSTER: Fields = &[
    ("identityRef", Object(&[])),
    ("controlPlaneEndpoint", ENDPOINT),
];

const CONFIG_TEMPLATE: Fields = &[("template", Object(&[("spec", Object(CONFIG))]))];

const CONTROL_PLANE_TEMPLATE: Fields = &[(
    "template",
    Object(&[("spec", Object(&[("kubeadmConfigSpec", Object(CONFIG))]))]),
)];

const CHART: Fields = &[
    ("repoURL", Text),
    ("chartName", Text),
    ("valuesTemplate", Text),
];

/// The fields of a kind's spec that are read.
fn spec(kind: Kind) -> Fields {
    match kind {
        Kind::Cluster => CLUSTER,
        Kind::KubeadmControlPlane => CONTROL_PLANE,
        Kind::MachineDeployment | Kind::MachinePool | Kind::MachineSet => DEPLOYMENT,
        Kind::Machine => MACHINE,
        Kind::VSphereCluster => VSPHERE_CLUSTER,
        Kind::VSphereMachineTemplate => MACHINE_TEMPLATE,
        Kind::KubeadmConfig => CONFIG,
        Kind::KubeadmConfigTemplate => CONFIG_TEMPLATE,
        Kind::KubeadmControlPlaneTemplate => CONTROL_PLANE_TEMPLATE,
        Kind::HelmChartProxy => CHART,
        Kind::MachineHealthCheck => &[("clusterName", Text)],
        _ => &[],
    }
}

/// Refuses fields of another type than the API's.
pub(crate) fn check(subject: Subject, draft: &mut Draft<'_>) {
    let mut walk = Walk {
        version: subject.version,
        wrong: Vec::new(),
    };
    if let Some(metadata) = draft.get("/metadata") {
        walk.field("/metadata", metadata, METADATA);
    }
    if let Some(written) = draft.get("/spec") {
        walk.field("/spec", written, Object(spec(subject.kind)));
    }
    for (pointer, found, wanted) in walk.wrong {
        draft.wrong_type(&pointer, found, wanted);
    }
}

struct Walk {
    version: ApiVersion,
    /// Where, what stands there, and what should.
    wrong: Vec<(String, Value, &'static str)>,
}

impl Walk {
    fn field(&mut self, pointer: &str, value: &Value, shape: Shape) {
        match (shape, value) {
            (_, Value::Null) | (Text, Value::String(_)) | (Flag, Value::Bool(_)) => {}
            (Count, Value::Number(number)) if number.is_u64() => {}
            (Texts, Value::Array(items)) => self.items(pointer, items, Text),
            (TextMap, Value::Object(map)) => self.map(pointer, map),
            (Object(fields), Value::Object(map)) => self.fields(pointer, map, fields),
            (Each(fields), Value::Array(items)) => self.items(pointer, items, Object(fields)),
            (Arguments, _) => self.field(pointer, value, self.arguments()),
            (_, other) if self.wrong.len() < MOST => {
                self.wrong
                    .push((pointer.to_owned(), other.clone(), words(shape)));
            }
            _ => {}
        }
    }

    fn arguments(&self) -> Shape {
        match self.version {
            ApiVersion::V1Beta2 | ApiVersion::V1 => Each(&[("name", Text), ("value", Text)]),
            ApiVersion::V1Alpha1 | ApiVersion::V1Alpha7 | ApiVersion::V1Beta1 => TextMap,
        }
    }

    fn fields(&mut self, pointer: &str, map: &Map<String, Value>, fields: Fields) {
        for (name, shape) in fields {
            if let Some(value) = map.get(*name) {
                self.field(&format!("{pointer}/{name}"), value, *shape);
            }
        }
    }

    fn map(&mut self, pointer: &str, map: &Map<String, Value>) {
        for (key, value) in map {
            // Most are right, and their pointers are never needed.
            if !value.is_string() {
                let key: String = key.chars().take(LONGEST_KEY).collect();
                self.field(&format!("{pointer}/{}", token(&key)), value, Text);
            }
        }
    }

    fn items(&mut self, pointer: &str, items: &[Value], shape: Shape) {
        for (index, item) in items.iter().enumerate() {
            self.field(&format!("{pointer}/{index}"), item, shape);
        }
    }
}

/// What a shape is called in "the API wants … here".
fn words(shape: Shape) -> &'static str {
    match shape {
        Text => "a string",
        Count => "a whole number, 0 or more,",
        Flag => "true or false",
        TextMap | Object(_) => "an object",
        Texts | Each(_) | Arguments => "a list",
    }
}
