//! What objects carry: the addresses that stand in them.

use std::net::IpAddr;

use basphere_core::ipam::{Lease, Span};
use basphere_core::{Kind, keys, kube_vip_address};
use serde_json::Value;

/// Annotation of what `clusterctl move` is about to delete here, because it lives on elsewhere.
pub(crate) const MOVE: &str = "clusterctl.cluster.x-k8s.io/delete-for-move";

/// The kinds of infrastructure that have the address of an API server.
pub(crate) const INFRASTRUCTURE: [Kind; 3] = [
    Kind::VSphereCluster,
    Kind::OpenStackCluster,
    Kind::Metal3Cluster,
];

/// The text at a JSON pointer, if there is one.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// The object's UID.
pub(crate) fn uid(object: &Value) -> Option<&str> {
    text(object, "/metadata/uid")
}

/// An annotation of an object.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object
        .pointer("/metadata/annotations")?
        .get(key)
        .and_then(Value::as_str)
}

/// Whether the object is on its way to another management cluster.
pub(crate) fn is_moving(object: &Value) -> bool {
    annotation(object, MOVE).is_some()
}

/// Whether the object carries the address of an API server: in its endpoint, or in the static pod
/// that holds it.
pub(crate) fn has_endpoint(kind: Kind, object: &Value, address: IpAddr) -> bool {
    let is_it = |text: &str| text.parse() == Ok(address);
    if kind == Kind::KubeadmControlPlane {
        return kube_vip_address(object).is_some_and(|text| is_it(&text));
    }
    text(object, "/spec/controlPlaneEndpoint/host").is_some_and(is_it)
}

/// Whether a machine has this address on one of its devices.
pub(crate) fn has_address(kind: Kind, machine: &Value, address: IpAddr) -> bool {
    let listed = |pointer: &str| machine.pointer(pointer).and_then(Value::as_array);
    let (devices, inner) = match kind {
        Kind::VSphereMachine => (listed("/spec/network/devices"), "ipAddrs"),
        Kind::OpenStackMachine => (listed("/spec/ports"), "fixedIPs"),
        _ => (None, ""),
    };
    let values = devices
        .into_iter()
        .flatten()
        .filter_map(|device| device.get(inner)?.as_array())
        .flatten();
    // `10.254.0.33/21` on a VSphereMachine, `{ipAddress: 10.254.0.33}` on an OpenStackMachine.
    let mut texts = values.filter_map(|value| value.as_str().or_else(|| text(value, "/ipAddress")));
    texts.any(|text| {
        let (text, _) = text.split_once('/').unwrap_or((text, ""));
        text.parse() == Ok(address)
    })
}

/// Whether a Cluster carries the range of its load balancers.
pub(crate) fn has_range(cluster: &Value, lease: &Lease) -> bool {
    let written =
        annotation(cluster, keys::LOAD_BALANCER_RANGE).and_then(|range| range.parse::<Span>().ok());
    written == Some(lease.slot.span)
}

/// Whether a network of a Cluster touches this one.
pub(crate) fn has_network(cluster: &Value, lease: &Lease) -> bool {
    ["pods", "services"].iter().any(|of| {
        let pointer = format!("/spec/clusterNetwork/{of}/cidrBlocks");
        let blocks = cluster.pointer(&pointer).and_then(Value::as_array);
        let mut blocks = blocks.into_iter().flatten().filter_map(Value::as_str);
        blocks.any(|block| {
            let span = block.parse::<Span>();
            span.is_ok_and(|span| span.overlaps(lease.slot.span))
        })
    })
}

/// Whether a Cluster refers to this object as its infrastructure or its control plane.
pub(crate) fn refers_to(cluster: &Value, kind: &str, name: &str) -> bool {
    ["infrastructureRef", "controlPlaneRef"].iter().any(|of| {
        text(cluster, &format!("/spec/{of}/kind")) == Some(kind)
            && text(cluster, &format!("/spec/{of}/name")) == Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn machines_carry_addresses_in_the_form_of_their_kind() {
        let vsphere = json!({"spec": {"network": {"devices": [
            {"networkName": "VM Network"},
            {"ipAddrs": ["10.254.0.33/21", "fd00::33/64"]},
        ]}}});
        let openstack = json!({"spec": {"ports": [{"fixedIPs": [{"ipAddress": "10.254.0.34"}]}]}});
        for (kind, machine, text, expected) in [
            (Kind::VSphereMachine, &vsphere, "10.254.0.33", true),
            (Kind::VSphereMachine, &vsphere, "fd00:0::33", true),
            (Kind::VSphereMachine, &vsphere, "10.254.0.3", false),
            (Kind::OpenStackMachine, &openstack, "10.254.0.34", true),
            (Kind::OpenStackMachine, &openstack, "10.254.0.33", false),
            (Kind::Metal3Machine, &vsphere, "10.254.0.33", false),
        ] {
            assert_eq!(
                has_address(kind, machine, address(text)),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn an_endpoint_stands_in_the_infrastructure_the_cluster_or_the_static_pod() {
        let infra =
            json!({"spec": {"controlPlaneEndpoint": {"host": "10.254.0.40", "port": 6443}}});
        let pod = "spec:\n  containers:\n  - env:\n    - {name: port, value: '6443'}\n    - {name: address, value: 10.254.0.40}\n";
        let control_plane = json!({"spec": {"kubeadmConfigSpec": {"files": [
            {"path": "/etc/other", "content": "x"},
            {"path": "/etc/kubernetes/manifests/kube-vip.yaml", "content": pod},
        ]}}});
        let wanted = address("10.254.0.40");
        assert!(has_endpoint(Kind::VSphereCluster, &infra, wanted));
        assert!(has_endpoint(Kind::Cluster, &infra, wanted));
        assert!(has_endpoint(
            Kind::KubeadmControlPlane,
            &control_plane,
            wanted
        ));
        let other = address("10.254.0.41");
        assert!(!has_endpoint(Kind::VSphereCluster, &infra, other));
        assert!(!has_endpoint(
            Kind::KubeadmControlPlane,
            &control_plane,
            other
        ));
        assert!(!has_endpoint(Kind::KubeadmControlPlane, &infra, wanted));
    }
}
