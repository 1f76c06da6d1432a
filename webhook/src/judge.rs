//! A decision that holds: what is missing is looked up, and what is decided is reserved.

use std::sync::Arc;

use basphere_api::crd::AddressPool;
use basphere_core::ipam::{Listed, Pools};
use basphere_core::quota::{Account, not_ready, refusals};
use basphere_core::{
    Code, Decision, Finding, Kind, Lookup, NamespaceFacts, Networks, Request, Snapshot,
};
use basphere_ipam::Failed;
use basphere_ipam::accounts::{Outcome, charge_all};
use futures::future::try_join_all;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::Value;
use tracing::warn;

use crate::desk::Desk;
use crate::metrics::Metrics;
use crate::reader::{ReadError, Reader};
use crate::till::Till;
use crate::world::World;

/// One look-up may show that another is needed, such as a Cluster that names its control plane.
const ROUNDS: usize = 3;
/// So often others may be faster. Each time somebody else got what was asked for.
const ATTEMPTS: usize = 16;

/// How a decision is made: [`basphere_core::decide`], but for tests of the gate itself.
pub type Decide = fn(&Request, &Snapshot) -> Decision;

/// What a look-up found.
enum Found {
    Objects(Vec<Value>),
    Leases(Listed),
    Accounts(Vec<Arc<Account>>),
}

/// Decides over what is known, for reviews and for what was stored without one.
pub struct Judge {
    pub(crate) world: Arc<World>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) desk: Arc<dyn Desk>,
    pub(crate) till: Arc<dyn Till>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) decide: Decide,
}

impl Judge {
    /// Decides, and makes what was decided hold; when others are faster, decides again.
    pub async fn judge(&self, request: &Request) -> Decision {
        let Some(mut snapshot) = self.world.snapshot(&request.namespace) else {
            return refusal(
                Code::SiteMissing,
                "no valid Site named \"default\" has been loaded yet",
            );
        };
        for _ in 0..ATTEMPTS {
            let decision = self.judge_over(request, &mut snapshot).await;
            if !decision.is_allowed() || request.dry_run {
                return decision;
            }
            if decision.claims.is_empty() {
                return self.charge(decision, &snapshot).await;
            }
            match self.desk.carry_out(&decision.claims).await {
                Ok(()) => return self.charge(decision, &snapshot).await,
                Err(Failed::Overtaken) => self.look_again(&mut snapshot),
                Err(Failed::Store(error)) => {
                    warn!(namespace = request.namespace, error = %error, "a reservation failed");
                    return refusal(
                        Code::ReservationFailed,
                        "what it needs could not be reserved; try again",
                    );
                }
            }
        }
        refusal(
            Code::ReservationFailed,
            format!("others were faster {ATTEMPTS} times; try again"),
        )
    }

    /// Charges what is asked for to every account, the root first. This comes last: what is refused here
    /// was nobody else's to refuse, and the reservations come to nothing in a while.
    async fn charge(&self, mut decision: Decision, snapshot: &Snapshot) -> Decision {
        let Some(charge) = &decision.charge else {
            return decision;
        };
        let accounts = snapshot.accounts.get(&charge.tenant);
        let accounts = accounts.map(Vec::as_slice).unwrap_or_default();
        let site = &snapshot.site;
        let charged = charge_all(self.till.as_ref(), site, accounts, charge, snapshot.now).await;
        let Err((account, outcome)) = charged else {
            return decision;
        };
        decision.denials = match outcome {
            Outcome::Done => return decision,
            Outcome::Refused(exceeded) => refusals(&account, charge, &exceeded),
            Outcome::NotReady => vec![not_ready(&account)],
            Outcome::Failed(error) => {
                warn!(account, error = %error, "a charge failed");
                let message = "what it asks for could not be charged; try again";
                vec![Finding::new(Code::ChargeFailed, "", Value::Null, message)]
            }
        };
        decision
    }

    /// What has been learnt of leases since is the newest that is known; the rest still holds.
    fn look_again(&self, snapshot: &mut Snapshot) {
        snapshot.ledger = self.world.book().ledger();
        snapshot
            .live
            .retain(|lookup| !matches!(lookup, Lookup::Leases(_)));
    }

    /// Decides, and as long as something was missing from the snapshot, reads that and decides again.
    async fn judge_over(&self, request: &Request, snapshot: &mut Snapshot) -> Decision {
        let mut decision = (self.decide)(request, snapshot);
        for _ in 0..ROUNDS {
            if decision.missed.is_empty() {
                return decision;
            }
            if let Err((lookup, error)) = self.look_up(request, &decision, snapshot).await {
                // The requester is not told what a foreign error says; the log is.
                warn!(namespace = request.namespace, lookup = %name_of(&lookup), error = %error, "a live read failed");
                return refusal(
                    Code::ReadFailed,
                    format!("reading {} failed", name_of(&lookup)),
                );
            }
            decision = (self.decide)(request, snapshot);
        }
        if decision.missed.is_empty() {
            return decision;
        }
        let missing: Vec<_> = decision.missed.iter().map(name_of).collect();
        refusal(
            Code::ReadFailed,
            format!(
                "{} stayed unknown after {ROUNDS} readings",
                missing.join(", ")
            ),
        )
    }

    /// Reads all that was missed at once, and puts it into the snapshot as certain.
    async fn look_up(
        &self,
        request: &Request,
        decision: &Decision,
        snapshot: &mut Snapshot,
    ) -> Result<(), (Lookup, ReadError)> {
        let reads = decision
            .missed
            .iter()
            .map(|lookup| self.read(request, lookup));
        for (lookup, found) in try_join_all(reads).await? {
            self.take_in(&lookup, found, snapshot);
            snapshot.live.insert(lookup);
        }
        Ok(())
    }

    fn take_in(&self, lookup: &Lookup, found: Found, snapshot: &mut Snapshot) {
        let found = match (lookup, found) {
            (Lookup::Leases(selection), Found::Leases(listed)) => {
                // All reviews of this process learn of it.
                self.world.book().replace(selection, listed);
                snapshot.ledger = self.world.book().ledger();
                return;
            }
            (Lookup::Accounts(tenant), Found::Accounts(accounts)) => {
                snapshot.accounts.insert(tenant.clone(), accounts);
                return;
            }
            (_, Found::Leases(_) | Found::Accounts(_)) => return,
            (_, Found::Objects(found)) => found,
        };
        match lookup {
            Lookup::Namespace => {
                snapshot.namespace = found.first().map(NamespaceFacts::from_object)
            }
            Lookup::All(kind) => Arc::make_mut(&mut snapshot.inventory).replace(*kind, &found),
            Lookup::Networks => snapshot.networks = Arc::new(Networks::from_clusters(&found)),
            Lookup::Object(kind, name) if !found.is_empty() => {
                snapshot.objects.insert((*kind, name.clone()));
            }
            Lookup::ConfigMap(name) => {
                let found = found.into_iter().map(|map| (name.clone(), Arc::new(map)));
                snapshot.config_maps.extend(found);
            }
            Lookup::Object(..) | Lookup::Leases(_) | Lookup::Accounts(_) => {}
            Lookup::Pools => snapshot.pools = Arc::new(pools(&found)),
        }
    }

    async fn read(
        &self,
        request: &Request,
        lookup: &Lookup,
    ) -> Result<(Lookup, Found), (Lookup, ReadError)> {
        let namespace = request.namespace.as_str();
        let read = match lookup {
            Lookup::Namespace => self
                .reader
                .namespace(namespace)
                .await
                .map(|found| found.into_iter().collect()),
            Lookup::All(kind) => self.reader.list(Some(namespace), *kind).await,
            Lookup::Networks => self.reader.list(None, Kind::Cluster).await,
            Lookup::Leases(selection) => {
                let read = self.reader.leases(selection).await;
                self.metrics.read_live(name_of(lookup), read.is_ok());
                return read
                    .map(|listed| (lookup.clone(), Found::Leases(listed)))
                    .map_err(|error| (lookup.clone(), error));
            }
            Lookup::Object(kind, name) => self
                .reader
                .object(namespace, *kind, name)
                .await
                .map(|found| found.into_iter().collect()),
            Lookup::ConfigMap(name) => self
                .reader
                .object(namespace, Kind::ConfigMap, name)
                .await
                .map(|found| found.into_iter().collect()),
            Lookup::Pools => self.reader.pools().await,
            Lookup::Accounts(tenant) => {
                let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
                let till = &self.till;
                let read = till.accounts(tenant, namespace, request.dry_run).await;
                self.metrics.read_live(name_of(lookup), read.is_ok());
                return read
                    .map(|accounts| (lookup.clone(), Found::Accounts(accounts)))
                    .map_err(|error| (lookup.clone(), ReadError::Store(error)));
            }
        };
        self.metrics.read_live(name_of(lookup), read.is_ok());
        read.map(|found| (lookup.clone(), Found::Objects(found)))
            .map_err(|error| (lookup.clone(), error))
    }
}

pub(crate) fn refusal(code: Code, message: impl Into<String>) -> Decision {
    Decision {
        denials: vec![Finding::new(code, "", Value::Null, message)],
        ..Decision::default()
    }
}

/// The AddressPools among objects.
fn pools(objects: &[Value]) -> Pools {
    let mut pools = Pools::default();
    let parsed = objects
        .iter()
        .filter_map(|object| AddressPool::deserialize(object).ok());
    for pool in parsed {
        pools.put(&pool.name_any(), &pool.created(), pool.spec.0);
    }
    pools
}

fn name_of(lookup: &Lookup) -> &'static str {
    match lookup {
        Lookup::Namespace => "Namespace",
        Lookup::All(kind) | Lookup::Object(kind, _) => kind.as_str(),
        Lookup::ConfigMap(_) => Kind::ConfigMap.as_str(),
        Lookup::Networks => "Networks",
        Lookup::Leases(_) => "AddressLease",
        Lookup::Pools => "AddressPool",
        Lookup::Accounts(_) => "Tenant",
    }
}
