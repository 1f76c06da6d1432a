//! `decide` as its callers see it: requests in, verdicts out, on the example site.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly, in its helpers too"
)]

mod addresses;
mod carried;
mod certain;
mod explicit;
mod images;
mod kubeadm;
mod metal3;
mod moves;
mod networks;
mod openstack;
mod order;
mod ownership;
mod placement;
mod properties;
mod scale;
mod site;
mod sizes;
mod thefts;
mod topology;
mod traps;
mod upgrade;
mod world;
