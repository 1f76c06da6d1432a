//! Quotas on a real API server, in front of real kubectl, in both versions of Cluster API.
#![allow(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail loudly"
)]

/// Makes one test a version out of `fn name(&Renter) -> Result<()>`, each with a tenant of its own on a
/// sandbox that all share.
macro_rules! both_versions {
    ($($name:ident),+ $(,)?) => {
        mod v1beta1 {
            $(#[test] fn $name() -> anyhow::Result<()> {
                super::$name(&crate::renter::Renter::new(basphere_harness::ApiVersion::V1Beta1)?)
            })+
        }
        mod v1beta2 {
            $(#[test] fn $name() -> anyhow::Result<()> {
                super::$name(&crate::renter::Renter::new(basphere_harness::ApiVersion::V1Beta2)?)
            })+
        }
    };
}

/// The same on a sandbox that one test at a time has to itself, since it does something to the webhook.
macro_rules! both_versions_alone {
    ($($name:ident),+ $(,)?) => {
        mod v1beta1 {
            $(#[test] fn $name() -> anyhow::Result<()> {
                crate::renter::alone(basphere_harness::ApiVersion::V1Beta1, super::$name)
            })+
        }
        mod v1beta2 {
            $(#[test] fn $name() -> anyhow::Result<()> {
                crate::renter::alone(basphere_harness::ApiVersion::V1Beta2, super::$name)
            })+
        }
    };
}

mod clusters;
mod groups;
mod losses;
mod moves;
mod objects;
mod overrides;
mod renter;
mod rights;
mod scale;
mod sizes;
