//! The Deployment, and how it is reached and kept up.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
    SeccompProfile, SecretVolumeSource, SecurityContext, Service, ServicePort, ServiceSpec,
    Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{NAME, SERVICE_PORT, TLS_SECRET, labels, namespaced, selector};

/// Where the certificate's Secret is mounted.
const TLS_DIRECTORY: &str = "/etc/basphere/tls";
/// The container's ports, by which the Service and the probes name them.
const REVIEWS: (&str, i32) = ("reviews", 9443);
const METRICS: (&str, i32) = ("metrics", 9090);
/// Nobody in the image: it has no /etc/passwd.
const USER: i64 = 65532;
/// How long a Pod that ends still takes reviews, until every node has learned to send them elsewhere.
const SHUTDOWN_DELAY_SECONDS: i64 = 5;
/// How long reviews in flight may take then; the API server itself waits half of it.
const DRAIN_SECONDS: i64 = 10;
/// What is left of the grace period after both, for a slow node.
const MARGIN_SECONDS: i64 = 15;

pub(super) fn service() -> Service {
    Service {
        metadata: namespaced(),
        spec: Some(ServiceSpec {
            selector: Some(labels("webhook")),
            ports: Some(vec![ServicePort {
                name: Some(REVIEWS.0.to_owned()),
                port: SERVICE_PORT,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(REVIEWS.0.to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Draining nodes one after the other leaves somebody at the gate.
pub(super) fn disruption_budget() -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: namespaced(),
        spec: Some(PodDisruptionBudgetSpec {
            min_available: Some(IntOrString::Int(1)),
            selector: Some(selector()),
            // Pods that wait for their first Site must not hold up the drain of a node.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}

/// A volume, and where the container finds it.
pub(super) struct Mounted {
    volume: Volume,
    mount: VolumeMount,
}

impl Mounted {
    pub(super) fn new(volume: Volume, directory: &str) -> Self {
        let mount = VolumeMount {
            name: volume.name.clone(),
            mount_path: directory.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        };
        Self { volume, mount }
    }

    /// The certificate.
    fn tls() -> Self {
        let volume = Volume {
            name: "tls".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(TLS_SECRET.to_owned()),
                default_mode: Some(0o440),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        };
        Self::new(volume, TLS_DIRECTORY)
    }
}

/// With more arguments and volumes than every installation has.
pub(super) fn deployment(more_arguments: Vec<String>, more: Vec<Mounted>) -> Deployment {
    let mounted = std::iter::once(Mounted::tls()).chain(more).collect();
    Deployment {
        metadata: namespaced(),
        spec: DeploymentSpec {
            replicas: Some(2),
            selector: selector(),
            // A new Pod is ready before an old one goes.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels("webhook")),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(more_arguments, mounted)),
            },
            ..DeploymentSpec::default()
        },
        ..Deployment::default()
    }
}

fn pod(more_arguments: Vec<String>, mounted: Vec<Mounted>) -> PodSpec {
    let (volumes, mounts) = mounted.into_iter().map(|it| (it.volume, it.mount)).unzip();
    PodSpec {
        service_account_name: Some(NAME.to_owned()),
        automount_service_account_token: Some(true),
        enable_service_links: Some(false),
        priority_class_name: Some("system-cluster-critical".to_owned()),
        termination_grace_period_seconds: Some(
            SHUTDOWN_DELAY_SECONDS + DRAIN_SECONDS + MARGIN_SECONDS,
        ),
        topology_spread_constraints: Some(vec![
            spread("kubernetes.io/hostname"),
            spread("topology.kubernetes.io/zone"),
        ]),
        // A small management cluster has no other nodes.
        tolerations: Some(vec![Toleration {
            key: Some("node-role.kubernetes.io/control-plane".to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some("NoSchedule".to_owned()),
            ..Toleration::default()
        }]),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            // The kubelet gives the Secret's files to this group.
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(more_arguments, mounts)],
        volumes: Some(volumes),
        ..PodSpec::default()
    }
}

/// Rather two Pods on one node than one Pod that waits for a second node.
fn spread(topology_key: &str) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(selector()),
        ..TopologySpreadConstraint::default()
    }
}

fn container(more_arguments: Vec<String>, mounts: Vec<VolumeMount>) -> Container {
    let mut args = vec![
        "serve".to_owned(),
        format!("--listen=0.0.0.0:{}", REVIEWS.1),
        format!("--metrics-listen=0.0.0.0:{}", METRICS.1),
        format!("--tls-cert={TLS_DIRECTORY}/tls.crt"),
        format!("--tls-key={TLS_DIRECTORY}/tls.key"),
        format!("--shutdown-delay={SHUTDOWN_DELAY_SECONDS}s"),
        format!("--drain-timeout={DRAIN_SECONDS}s"),
    ];
    args.extend(more_arguments);
    Container {
        name: "webhook".to_owned(),
        // Without a registry: where the image is kept is the site's business.
        image: Some(format!("{NAME}:{}", env!("CARGO_PKG_VERSION"))),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(args),
        env: Some(vec![EnvVar {
            name: "POD_NAMESPACE".to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    // As the API server would fill it in.
                    api_version: Some("v1".to_owned()),
                    field_path: "metadata.namespace".to_owned(),
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        }]),
        ports: Some([REVIEWS, METRICS].map(port).into()),
        readiness_probe: Some(Probe {
            period_seconds: Some(2),
            failure_threshold: Some(2),
            ..probe("/readyz")
        }),
        liveness_probe: Some(Probe {
            period_seconds: Some(10),
            failure_threshold: Some(3),
            ..probe("/healthz")
        }),
        resources: Some(ResourceRequirements {
            requests: Some(quantities("100m", "64Mi")),
            limits: Some(quantities("1", "512Mi")),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

fn port((name, number): (&str, i32)) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// At the port of the reviews, since that is the one that has to answer.
fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(REVIEWS.0.to_owned()),
            scheme: Some("HTTPS".to_owned()),
            ..HTTPGetAction::default()
        }),
        timeout_seconds: Some(2),
        ..Probe::default()
    }
}

fn quantities(cpu: &str, memory: &str) -> std::collections::BTreeMap<String, Quantity> {
    [("cpu", cpu), ("memory", memory)]
        .map(|(name, value)| (name.to_owned(), Quantity(value.to_owned())))
        .into()
}
