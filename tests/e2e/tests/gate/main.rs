//! The gate on a real API server, in front of real kubectl, in both versions of Cluster API.
#![allow(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail loudly"
)]

/// Makes one test a version out of `fn name(&Tenant) -> Result<()>`.
macro_rules! both_versions {
    ($($name:ident),+ $(,)?) => {
        mod v1beta1 {
            $(#[test] fn $name() -> anyhow::Result<()> {
                super::$name(&basphere_e2e::Tenant::new(basphere_harness::ApiVersion::V1Beta1)?)
            })+
        }
        mod v1beta2 {
            $(#[test] fn $name() -> anyhow::Result<()> {
                super::$name(&basphere_e2e::Tenant::new(basphere_harness::ApiVersion::V1Beta2)?)
            })+
        }
    };
}

mod documents;
mod ownership;
mod pages;
mod providers;
mod refusals;
mod review;
mod sites;
mod thefts;
mod topology;
