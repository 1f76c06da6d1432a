//! OpenStackCluster: cloud, identity and networks.

use serde_json::{Value, json};

use super::super::{must_equal_as, offered};
use super::{cloud, complete_cloud, demand_cloud, is_v1alpha7, refuse};
use crate::Code;
use crate::change::Draft;
use crate::context::Context;
use crate::json::is_unset;
use crate::site::OpenStackCloud;

const SPEC: &str = "/spec";
/// The network outside, in v1beta1.
const EXTERNAL: &str = "/spec/externalNetwork";

pub(crate) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some(openstack) = &context.site().spec().openstack else {
        return;
    };
    if !context.is_create() {
        // CAPO refuses every change of what its networks are made from.
        draft.only_put_back();
    }
    complete_cloud(context, draft, openstack, SPEC, |_| {
        &openstack.default_cloud
    });
    let Some(cloud) = cloud(context, draft, openstack, SPEC) else {
        return;
    };
    if is_v1alpha7(context) {
        complete_networks_v1alpha7(draft, cloud);
    } else {
        complete_networks_v1beta1(draft, cloud);
    }
}

fn complete_networks_v1alpha7(draft: &mut Draft<'_>, cloud: &OpenStackCloud) {
    let cidr = cloud.node_cidr.map(|cidr| cidr.to_string());
    let servers = (!cloud.dns_nameservers.is_empty()).then_some(json!(cloud.dns_nameservers));
    for (field, value) in [
        (
            "externalNetworkId",
            cloud.external_network.clone().map(Value::from),
        ),
        ("nodeCidr", cidr.map(Value::from)),
        ("dnsNameservers", servers),
    ] {
        let pointer = format!("{SPEC}/{field}");
        match value {
            Some(value) => draft.fill(&pointer, value),
            None => {
                draft.put_back(&pointer);
            }
        }
    }
}

fn complete_networks_v1beta1(draft: &mut Draft<'_>, cloud: &OpenStackCloud) {
    let without = draft.get("/spec/disableExternalNetwork") == Some(&Value::Bool(true));
    if !draft.put_back(EXTERNAL)
        && let Some(network) = cloud.external_network.as_deref().filter(|_| !without)
    {
        draft.fill(EXTERNAL, reference(network));
    }
    const SUBNETS: &str = "/spec/managedSubnets";
    let servers = &cloud.dns_nameservers;
    if !draft.put_back(SUBNETS)
        && let Some(cidr) = cloud.node_cidr
    {
        draft.fill(SUBNETS, json!([{"cidr": cidr.to_string()}]));
    }
    let first = format!("{SUBNETS}/0");
    if !servers.is_empty() && draft.get(&first).is_some_and(Value::is_object) {
        draft.fill(&format!("{first}/dnsNameservers"), json!(servers));
    }
}

pub(crate) fn check(context: &Context<'_>, draft: &mut Draft<'_>) {
    let openstack = context.site().spec().openstack.as_ref();
    let Some(openstack) = offered(context, draft, openstack) else {
        return;
    };
    demand_cloud(context, draft, openstack, SPEC);
    if let Some(cloud) = cloud(context, draft, openstack, SPEC) {
        check_external_network(context, draft, cloud);
    }
    let message = "every cluster has networks of its own, which CAPO makes";
    let networks = [
        "network",
        "subnet",
        "subnets",
        "router",
        "externalRouterIPs",
        "apiServerLoadBalancer/network",
        "apiServerLoadBalancer/subnets",
    ];
    refuse(draft, SPEC, Code::FieldNotOffered, message, &networks);
    if draft.get("/spec/disablePortSecurity") == Some(&Value::Bool(true)) {
        let message = "a machine could then send under any address";
        let fields = ["disablePortSecurity"];
        refuse(draft, SPEC, Code::FieldNotOffered, message, &fields);
    }
    if draft.get("/spec/bastion/enabled") != Some(&Value::Bool(false)) {
        let message = "the site's clusters have no machine besides their nodes";
        refuse(draft, SPEC, Code::FieldNotOffered, message, &["bastion"]);
    }
}

fn check_external_network(context: &Context<'_>, draft: &mut Draft<'_>, cloud: &OpenStackCloud) {
    let wanted = cloud.external_network.as_deref();
    if is_v1alpha7(context) {
        let pointer = "/spec/externalNetworkId";
        draft.expect(pointer, "a string", Value::is_string);
        must_equal_as(draft, Code::CloudNotTheSites, pointer, wanted);
        return;
    }
    draft.expect(EXTERNAL, "an object", Value::is_object);
    let without = draft.get("/spec/disableExternalNetwork") == Some(&Value::Bool(true));
    let written = draft.get(EXTERNAL).filter(|value| !is_unset(value));
    let (message, hint) = match wanted.map(reference) {
        Some(wanted) if written == Some(&wanted) => return,
        Some(wanted) => (
            format!("the site's is {wanted}"),
            "leave the field out, it is filled in",
        ),
        None => ("the site has none".to_owned(), "leave the field out"),
    };
    if written.is_some() || (wanted.is_some() && !without) {
        let hint = Some(hint.to_owned());
        draft.found(Code::CloudNotTheSites, EXTERNAL, message, hint);
    }
}

/// A network as v1beta1 refers to it. Its schema takes nothing but a UUID for an ID.
fn reference(network: &str) -> Value {
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths = network.split('-').map(str::len);
    if lengths.eq([8, 4, 4, 4, 12]) && network.split('-').all(is_hex) {
        json!({"id": network})
    } else {
        json!({"filter": {"name": network}})
    }
}
