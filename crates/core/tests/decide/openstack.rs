//! OpenStack and Ironic by CAPO, in v1alpha7 and v1beta1.

mod complete;
mod refuse;

use basphere_core::ApiVersion::{self, V1Alpha7};
use basphere_core::{Decision, Kind};
use serde_json::{Value, json};

use crate::world::World;

const TEMPLATE: Kind = Kind::OpenStackMachineTemplate;

fn versions() -> &'static [ApiVersion] {
    TEMPLATE.versions()
}

fn object(kind: Kind, version: ApiVersion, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{version}", kind.group()),
        "kind": kind.as_str(),
        "metadata": {"name": "t"},
        "spec": spec,
    })
}

fn template(version: ApiVersion, spec: Value) -> Value {
    object(TEMPLATE, version, json!({"template": {"spec": spec}}))
}

fn cluster(version: ApiVersion, spec: Value) -> Value {
    object(Kind::OpenStackCluster, version, spec)
}

/// A machine of that cloud, flavor and image in either version's words.
fn named(version: ApiVersion, cloud: &str, flavor: &str, image: &str) -> Value {
    match version {
        V1Alpha7 => json!({"cloudName": cloud, "flavor": flavor, "image": image}),
        _ => {
            json!({"identityRef": {"cloudName": cloud}, "flavor": flavor, "image": {"filter": {"name": image}}})
        }
    }
}

fn machine(world: &World, name: &str) -> Value {
    world.get(TEMPLATE, name)["spec"]["template"]["spec"].clone()
}

fn apply(object: &Value) -> Decision {
    World::new().apply(object)
}
