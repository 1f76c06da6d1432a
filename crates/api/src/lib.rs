//! What goes over the wire: custom resources, admission reviews, manifests, what is installed.

pub mod crd;
pub mod install;
pub mod manifest;
pub mod registration;
pub mod review;

pub use crd::{Site, SiteResource, SiteStatus, Tenant, TenantSpec};
