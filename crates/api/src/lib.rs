//! What goes over the wire: custom resources, admission reviews, manifests, and the fields of Cluster API's kinds.

pub mod crd;
pub mod fields;
pub mod manifest;
pub mod registration;
pub mod review;

pub use crd::{Site, SiteResource, SiteStatus, Tenant, TenantSpec};
