//! Which fields decisions read, kind by kind.

/// What a field may be.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Type {
    Text,
    Number,
    Flag,
    List,
    Object,
}

pub(crate) use Type::{Flag, List, Number, Object, Text};

/// Where, what belongs there, and what is said of anything else.
pub(crate) type Row = (&'static str, Type, &'static str);

pub(crate) const WRONG: &str = "BSP-F001";
pub(crate) const PLACEMENT: &str = "BSP-V001";

/// What every kind has.
pub(crate) const METADATA: &[Row] = &[
    ("/metadata/labels", Object, WRONG),
    ("/metadata/labels/team", Text, WRONG),
    ("/metadata/annotations", Object, WRONG),
    ("/metadata/annotations/note", Text, WRONG),
    ("/metadata/annotations/basphere.dev~1node-spec", Text, WRONG),
    (
        "/metadata/labels/cluster.x-k8s.io~1cluster-name",
        Text,
        WRONG,
    ),
    ("/metadata/ownerReferences", List, WRONG),
    ("/metadata/ownerReferences/0", Object, WRONG),
    ("/metadata/ownerReferences/0/uid", Text, WRONG),
    ("/metadata/ownerReferences/0/kind", Text, WRONG),
    ("/spec", Object, WRONG),
];

pub(crate) const CLUSTER: &[Row] = &[
    ("/metadata/labels/basphere.dev~1cluster-type", Text, WRONG),
    (
        "/metadata/annotations/basphere.dev~1cluster-type",
        Text,
        WRONG,
    ),
    ("/spec/paused", Flag, WRONG),
    ("/spec/clusterNetwork", Object, WRONG),
    ("/spec/clusterNetwork/pods", Object, WRONG),
    ("/spec/clusterNetwork/pods/cidrBlocks", List, WRONG),
    ("/spec/clusterNetwork/services/cidrBlocks", List, WRONG),
    ("/spec/controlPlaneRef", Object, WRONG),
    ("/spec/controlPlaneRef/name", Text, WRONG),
    ("/spec/infrastructureRef/kind", Text, WRONG),
    ("/spec/topology", Object, WRONG),
    ("/spec/topology/version", Text, WRONG),
    ("/spec/topology/controlPlane", Object, WRONG),
    ("/spec/topology/controlPlane/replicas", Number, WRONG),
    ("/spec/topology/controlPlane/metadata", Object, WRONG),
    ("/spec/topology/controlPlane/metadata/labels", Object, WRONG),
    ("/spec/topology/workers", Object, WRONG),
    ("/spec/topology/workers/machineDeployments", List, WRONG),
    ("/spec/topology/workers/machineDeployments/0", Object, WRONG),
    (
        "/spec/topology/workers/machineDeployments/0/metadata/labels",
        Object,
        WRONG,
    ),
    (
        "/spec/topology/workers/machinePools/0/metadata",
        Object,
        WRONG,
    ),
    (
        "/spec/topology/workers/machinePools/0/metadata/labels/team",
        Text,
        WRONG,
    ),
];

pub(crate) const CONTROL_PLANE: &[Row] = &[
    ("/spec/replicas", Number, WRONG),
    ("/spec/version", Text, WRONG),
    ("/spec/kubeadmConfigSpec", Object, WRONG),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/apiServer",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/controllerManager",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/etcd",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/etcd/external",
        Object,
        WRONG,
    ),
    ("/spec/kubeadmConfigSpec/initConfiguration", Object, WRONG),
    (
        "/spec/kubeadmConfigSpec/initConfiguration/nodeRegistration",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/initConfiguration/nodeRegistration/criSocket",
        Text,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/joinConfiguration/nodeRegistration",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/imageRepository",
        Text,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/dns",
        Object,
        WRONG,
    ),
    ("/spec/kubeadmConfigSpec/files", List, WRONG),
    ("/spec/kubeadmConfigSpec/bootCommands", List, WRONG),
    ("/spec/kubeadmConfigSpec/preKubeadmCommands", List, WRONG),
    ("/spec/kubeadmConfigSpec/postKubeadmCommands", List, WRONG),
    ("/spec/machineTemplate", Object, WRONG),
    ("/spec/machineTemplate/metadata", Object, WRONG),
    ("/spec/machineTemplate/metadata/labels", Object, WRONG),
];

/// In v1beta1 arguments are an object.
pub(crate) const ARGUMENTS_V1BETA1: &[Row] = &[
    ("/spec/machineTemplate/infrastructureRef", Object, WRONG),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs/cloud-provider",
        Text,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/joinConfiguration/nodeRegistration/kubeletExtraArgs",
        Object,
        WRONG,
    ),
];

/// In v1beta2 they are a list.
pub(crate) const ARGUMENTS_V1BETA2: &[Row] = &[
    (
        "/spec/machineTemplate/spec/infrastructureRef",
        Object,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs",
        List,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/clusterConfiguration/controllerManager/extraArgs",
        List,
        WRONG,
    ),
    (
        "/spec/kubeadmConfigSpec/joinConfiguration/nodeRegistration/kubeletExtraArgs",
        List,
        WRONG,
    ),
];

pub(crate) const DEPLOYMENT: &[Row] = &[
    ("/spec/clusterName", Text, WRONG),
    ("/spec/replicas", Number, WRONG),
    ("/spec/selector", Object, WRONG),
    ("/spec/selector/matchLabels", Object, WRONG),
    ("/spec/selector/matchExpressions", List, WRONG),
    ("/spec/template", Object, WRONG),
    ("/spec/template/metadata", Object, WRONG),
    ("/spec/template/metadata/labels", Object, WRONG),
    ("/spec/template/metadata/labels/app", Text, WRONG),
    ("/spec/template/spec", Object, WRONG),
    ("/spec/template/spec/clusterName", Text, WRONG),
    ("/spec/template/spec/version", Text, WRONG),
    ("/spec/template/spec/infrastructureRef", Object, WRONG),
];

pub(crate) const MACHINE_SET: &[Row] = &[
    ("/spec/clusterName", Text, WRONG),
    ("/spec/template", Object, WRONG),
    ("/spec/template/metadata/labels", Object, WRONG),
    ("/spec/template/spec/version", Text, WRONG),
    ("/spec/template/spec/infrastructureRef/name", Text, WRONG),
];

pub(crate) const MACHINE: &[Row] = &[
    ("/spec/clusterName", Text, WRONG),
    ("/spec/version", Text, WRONG),
];

pub(crate) const HEALTH_CHECK: &[Row] = &[("/spec/clusterName", Text, WRONG)];

pub(crate) const VSPHERE_CLUSTER: &[Row] = &[
    ("/spec/server", Text, PLACEMENT),
    ("/spec/thumbprint", Text, PLACEMENT),
    ("/spec/identityRef", Object, WRONG),
    ("/spec/identityRef/kind", Text, PLACEMENT),
    ("/spec/identityRef/name", Text, PLACEMENT),
    ("/spec/controlPlaneEndpoint", Object, WRONG),
    ("/spec/controlPlaneEndpoint/host", Text, WRONG),
    ("/spec/controlPlaneEndpoint/port", Number, WRONG),
];

pub(crate) const MACHINE_TEMPLATE: &[Row] = &[
    ("/spec/template", Object, WRONG),
    ("/spec/template/spec", Object, WRONG),
    ("/spec/template/spec/server", Text, PLACEMENT),
    ("/spec/template/spec/datacenter", Text, PLACEMENT),
    ("/spec/template/spec/datastore", Text, PLACEMENT),
    ("/spec/template/spec/folder", Text, PLACEMENT),
    ("/spec/template/spec/resourcePool", Text, PLACEMENT),
    ("/spec/template/spec/template", Text, WRONG),
    ("/spec/template/spec/numCPUs", Number, WRONG),
    ("/spec/template/spec/memoryMiB", Number, WRONG),
    ("/spec/template/spec/diskGiB", Number, WRONG),
    ("/spec/template/spec/network", Object, WRONG),
    ("/spec/template/spec/network/devices", List, WRONG),
    ("/spec/template/spec/network/devices/0", Object, WRONG),
    (
        "/spec/template/spec/network/devices/0/networkName",
        Text,
        PLACEMENT,
    ),
    ("/spec/template/spec/network/devices/0/dhcp4", Flag, WRONG),
    ("/spec/template/spec/network/devices/0/dhcp6", Flag, WRONG),
];

pub(crate) const CONFIG_TEMPLATE: &[Row] = &[
    ("/spec/template", Object, WRONG),
    ("/spec/template/spec", Object, WRONG),
    ("/spec/template/spec/joinConfiguration", Object, WRONG),
    (
        "/spec/template/spec/joinConfiguration/nodeRegistration",
        Object,
        WRONG,
    ),
    (
        "/spec/template/spec/joinConfiguration/nodeRegistration/criSocket",
        Text,
        WRONG,
    ),
];
