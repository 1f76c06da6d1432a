//! Document 000 in both versions, as two clusters of one tenant in one namespace.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use basphere_e2e::manifest;
use basphere_harness::{ApiVersion, Rig};
use serde_json::Value;

use crate::quiet::SHORT;
use crate::suite::{Suite, name, text};

const DOC: &str = "doc";
const TWIN: &str = "twin";
const SECRET: &str = "secret/basphere";
const IDENTITY: &str = "vsphereclusteridentity/basphere";

/// An address for the API server of a cluster, where the rig can serve it. From the top of the network down, since
/// addresses are given from its bottom up.
pub(crate) fn host(rig: &Rig, number: u8) -> String {
    let [a, b, c, _] = rig.endpoint_network().octets();
    format!("{a}.{b}.{c}.{}", 250 - number)
}

/// Document 000 under another name.
fn twin(document: &str) -> String {
    document
        .replace("name: doc", "name: twin")
        .replace("clusterName: doc", "clusterName: twin")
}

#[test]
#[ignore = "minutes; cargo xtask e2e runs it"]
fn two_clusters_keep_quiet_and_when_one_goes_the_other_lacks_nothing() -> Result<()> {
    let suite = Suite::new()?;
    let doc = manifest("document-000", ApiVersion::V1Beta2, &host(suite.rig, 2))?;
    let other = twin(&manifest(
        "document-000",
        ApiVersion::V1Beta1,
        &host(suite.rig, 3),
    )?);
    suite.kim.apply(&doc)?;
    suite.kim.apply(&other)?;
    let doc_workload = suite.rig.workload(&suite.kim.namespace, DOC)?;
    let _twin_workload = suite.rig.workload(&suite.kim.namespace, TWIN)?;
    suite.machines_run(6)?;
    suite.every_machine_has_its_own_leased_address()?;
    let goes = suite.of(DOC)?;
    let stays = suite.of(TWIN)?;
    ensure!(goes.len() == 3 && stays.len() == 3, "{goes:?} {stays:?}");

    suite.kim.apply(&other)?;
    // The older version is converted at every read and write of the controllers.
    suite.ensure_quiet(SHORT)?;
    suite.delete_cluster(DOC)?;
    drop(doc_workload);
    let vms: BTreeSet<String> = suite.rig.vms()?.into_iter().map(|vm| vm.name).collect();
    ensure!(vms.is_disjoint(&goes), "left of {goes:?}: {vms:?}");
    ensure!(vms.is_superset(&stays), "{stays:?} of {vms:?}");
    the_other_is_as_it_was(&suite, &stays)?;

    suite.scale("twin-workers", 3)?;
    suite.machines_run(4)?;
    suite.every_machine_has_its_own_leased_address()?;
    ensure!(
        suite.of(TWIN)?.is_superset(&stays),
        "{stays:?} of {:?}",
        suite.of(TWIN)?
    );
    suite.until("all leases of the cluster that went are gone", || {
        let leases = suite.leases()?;
        let its = |lease: &&Value| {
            let holder = text(lease, "/spec/holder/name");
            holder == DOC || goes.contains(holder)
        };
        Ok((!leases.values().any(|lease| its(&lease))).then_some(()))
    })
}

/// Its address, its identity, and its machines.
fn the_other_is_as_it_was(suite: &Suite, machines: &BTreeSet<String>) -> Result<()> {
    ensure!(
        &suite.of(TWIN)? == machines,
        "{machines:?} became {:?}",
        suite.of(TWIN)?
    );
    suite.every_machine_has_its_own_leased_address()?;
    let cluster = suite.kim.get(&format!("vspherecluster/{TWIN}"))?;
    ensure!(
        text(&cluster, "/spec/controlPlaneEndpoint/host") == host(suite.rig, 3),
        "{cluster}"
    );
    ensure!(
        text(&cluster, "/spec/identityRef/name") == "basphere",
        "{cluster}"
    );
    let endpoint = suite.leases()?.remove(&host(suite.rig, 3));
    let bound = endpoint
        .as_ref()
        .is_some_and(|lease| text(lease, "/spec/state") == "Bound");
    ensure!(bound, "{endpoint:?}");
    let ops = suite.rig.sandbox().ops();
    for object in [IDENTITY, SECRET] {
        let get = ["get", object, "--namespace", "capv-system", "--output=json"];
        let identity: Value = serde_json::from_str(&suite.kim.as_user(ops, &get, "")?.stdout()?)?;
        let leaves = identity.pointer("/metadata/deletionTimestamp");
        ensure!(leaves.is_none(), "{} leaves", name(&identity));
    }
    Ok(())
}
