//! The controllers behind the gate, on a real API server and without the gate: whatever is stored is
//! stored as somebody wrote it, and the controllers make the best of it.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod claims;
mod leases;
mod repair;
mod site;

use basphere_harness::ApiVersion;
use site::Site;

#[test]
fn controllers_v1beta2() {
    let site = Site::begin(ApiVersion::V1Beta2);
    let leader = site.webhook("first");
    leases::a_reservation_is_bound_by_the_uid_of_its_holder(&site);
    leases::what_nobody_carries_is_reclaimed_and_its_owner_is_told(&site);
    leases::what_has_gone_cools_and_is_deleted(&site);
    leases::what_is_moved_away_is_kept(&site);
    leases::an_endpoint_passes_from_its_infrastructure_to_its_cluster(&site);
    leases::what_a_cluster_is_given_besides_follows_it(&site);
    leases::a_block_lives_as_long_as_its_tenant(&site);
    leases::what_was_imported_stays(&site);
    leases::a_pool_tells_how_full_it_is(&site);
    claims::the_contract(&site);
    repair::what_was_stored_without_a_review_is_completed(&site);
    leases::metrics_tell_of_all_this(&site, &leader);
    leases::another_process_takes_over(&site, leader);
}

#[test]
fn controllers_v1beta1() {
    let site = Site::begin(ApiVersion::V1Beta1);
    let _leader = site.webhook("first");
    claims::the_contract(&site);
}
