//! A real control plane for tests and for trying things out: etcd, kube-apiserver and Basphere's webhook as processes on
//! loopback ports, without containers.
//!
//! [`ControlPlane`] is the API server alone, [`Sandbox`] has Cluster API's kinds, tenants and the webhook as well. Both are
//! synchronous, can be shared by threads, and leave nothing behind, however their process ends.

mod assets;
mod cache;
mod control_plane;
mod crds;
mod go;
mod http;
mod kubectl;
mod pki;
mod processes;
mod progress;
mod project;
mod references;
mod registration;
mod replicas;
mod reports;
mod rig;
mod sandbox;
mod schemas;
mod tenancy;
mod users;
pub mod wait;
mod watchdog;
mod webhook;
pub mod yaml;

pub use assets::{Component, flags};
pub use control_plane::{ApiServer, ControlPlane, Etcd, Options};
pub use crds::ApiVersion;
pub use kubectl::{Outcome, User, run};
pub use progress::Progress;
pub use project::forget_package;
pub use references::{Oracle, gator, oracle};
pub use replicas::Replicas;
pub use reports::ReportCrds;
pub use rig::{Event, Mark, Rig, RigOptions, Vm, Workload, clusterctl};
pub use sandbox::{Sandbox, SandboxOptions, example};
pub use schemas::{cluster_api_crds, cluster_api_modules};
pub use webhook::Stop;
