//! What goes over the wire: custom resources, admission reviews, manifests, what is installed, and the
//! fields of Cluster API's kinds.

pub mod controllers;
pub mod crd;
pub mod fields;
pub mod gatekeeper;
pub mod install;
pub mod manifest;
pub mod registration;
pub mod review;
pub mod stored;

pub use crd::{
    AddressLease, AddressPool, PolicyWaiver, Site, SiteResource, SiteStatus, Tenant, TenantQuota,
    TenantResource,
};
