//! What a decision may ask of the world while it is being made.

mod carried;
mod payloads;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use crate::inventory::{Facts, Inventory, Ref, cluster_of, owner_refs};
use crate::ipam::{
    Claim, Desk, Holder, Lease, Ledger, Pool, Pools, Selection, Sight, Slot, SlotKind,
};
use crate::json::{is_unset, labels, text_at};
use crate::quota::{Account, account_name};
use crate::site::{Site, Trust};
use crate::{Kind, Lookup, Operation, Phase, Request, Snapshot, keys, topology};

/// A request, the snapshot it is decided over, and the look-ups that the snapshot could not answer.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) request: &'a Request,
    snapshot: &'a Snapshot,
    missed: RefCell<BTreeSet<Lookup>>,
    /// All leases, with those that this decision claims.
    ledger: RefCell<Ledger>,
    claims: RefCell<Vec<Claim>>,
}

/// A KubeadmControlPlane, MachineDeployment or the like that refers to a template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linker<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) facts: &'a Facts,
}

impl<'a> Context<'a> {
    pub(crate) fn new(request: &'a Request, snapshot: &'a Snapshot) -> Self {
        Self {
            request,
            snapshot,
            missed: RefCell::default(),
            ledger: RefCell::new(snapshot.ledger.clone()),
            claims: RefCell::default(),
        }
    }

    pub(crate) fn site(&self) -> &'a Site {
        &self.snapshot.site
    }

    pub(crate) fn kind(&self) -> Kind {
        self.request.subject.kind
    }

    pub(crate) fn is_create(&self) -> bool {
        self.request.operation == Operation::Create
    }

    /// Whether the topology controller writes this object, and compares what it gets with what it
    /// wants. A person who creates an object with its label creates it like any other. It labels the
    /// Cluster as well, whose spec stays its author's.
    pub(crate) fn is_topology_owned(&self) -> bool {
        let is_labelled = self
            .request
            .object
            .as_ref()
            .is_some_and(|object| labels(object).contains_key(keys::TOPOLOGY_OWNED));
        let is_made = is_labelled && self.kind() != Kind::Cluster;
        is_made && !(self.is_create() && self.trust() == Trust::Person)
    }

    /// Whether an admin brings in what already runs elsewhere, as `clusterctl move` does: objects
    /// that have an owner, and a Cluster that is paused.
    pub(crate) fn is_adoption(&self) -> bool {
        let Some(object) = &self.request.object else {
            return false;
        };
        let is_paused = self.kind() == Kind::Cluster
            && object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true);
        self.is_create()
            && self.trust() == Trust::Admin
            && (is_paused || owner_refs(object).next().is_some())
    }

    pub(crate) fn trust(&self) -> Trust {
        self.site().trust(&self.request.requester)
    }

    pub(crate) fn into_missed(self) -> BTreeSet<Lookup> {
        self.missed.into_inner()
    }

    /// Notes that absence in the snapshot is not yet certain.
    fn miss(&self, lookup: Lookup) {
        if !self.snapshot.live.contains(&lookup) {
            self.missed.borrow_mut().insert(lookup);
        }
    }

    /// The tenant that the request's namespace belongs to.
    pub(crate) fn namespace_owner(&self) -> Option<String> {
        if self.request.namespace.is_empty() {
            return None;
        }
        if self.snapshot.namespace.is_none() {
            self.miss(Lookup::Namespace);
        }
        let label = self
            .snapshot
            .namespace
            .as_ref()
            .and_then(|facts| facts.owner_label.as_deref());
        self.site().namespace_owner(&self.request.namespace, label)
    }

    /// The networks of all other Clusters. What a cache holds is never enough to choose one by.
    pub(crate) fn networks_of_others(&self) -> Vec<IpNet> {
        self.miss(Lookup::Networks);
        let networks = &self.snapshot.networks;
        let others = networks.but(&self.request.namespace, &self.request.name);
        others.copied().collect()
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.snapshot.now
    }

    /// All leases, as far as they are known, with those that were claimed.
    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.borrow().clone()
    }

    /// Asks for addresses. What is claimed stays claimed for the rest of the decision.
    pub(crate) fn at_desk<T>(&self, ask: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let grace = self.site().spec().addresses.reservation_grace;
        let mut desk = Desk::new(self.ledger(), self, self.now(), grace);
        let answer = ask(&mut desk);
        let (ledger, claims) = desk.into_parts();
        *self.ledger.borrow_mut() = ledger;
        self.claims.borrow_mut().extend(claims);
        answer
    }

    /// Does something that claims nothing, whatever it asks.
    pub(crate) fn without_claims(&self, ask: impl FnOnce()) {
        let before = (self.ledger(), self.claims());
        ask();
        *self.ledger.borrow_mut() = before.0;
        *self.claims.borrow_mut() = before.1;
    }

    /// What must be carried out before the decision holds.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        self.claims.borrow().clone()
    }

    /// The AddressPool of that name, or why it hands nothing out; without a reason, that is not
    /// certain yet.
    pub(crate) fn pool(&self, name: &str) -> Result<&'a Pool, Option<String>> {
        self.snapshot.pools.get(name).map_err(|reason| {
            self.miss(Lookup::Pools);
            let is_certain = self.snapshot.live.contains(&Lookup::Pools);
            is_certain.then_some(reason)
        })
    }

    /// The lease of a slot, with those that were claimed.
    pub(crate) fn lease_of(&self, slot: &Slot) -> Option<Lease> {
        let lease = self.ledger.borrow().of_slot(slot).cloned();
        if lease.is_none() {
            self.miss(Lookup::Leases(Selection::Name(slot.name())));
        }
        lease
    }

    /// So many machines a MachineSet or control plane wants, with those that a rollout adds.
    pub(crate) fn wanted_by(&self, kind: &str, name: &str) -> Option<usize> {
        let kind = [Kind::MachineSet, Kind::KubeadmControlPlane]
            .into_iter()
            .find(|known| known.as_str() == kind)?;
        let demand = self.get(kind, name)?.demand;
        usize::try_from(demand.machines.saturating_add(demand.surge)).ok()
    }

    /// All objects of the namespace.
    pub(crate) fn inventory(&self) -> &'a Inventory {
        &self.snapshot.inventory
    }

    /// Reads leases live.
    pub(crate) fn look_at(&self, selection: Selection) {
        self.miss(Lookup::Leases(selection));
    }

    /// All AddressPools, read live.
    pub(crate) fn pools_live(&self) -> &'a Pools {
        self.miss(Lookup::Pools);
        &self.snapshot.pools
    }

    /// Reads a tenant's leases and all blocks live before it is refused because of them.
    pub(crate) fn look_at_leases(&self, tenant: &str) {
        self.look_at(Selection::Tenant(tenant.to_owned()));
        self.look_at(Selection::Kind(SlotKind::Block));
    }

    /// The accounts that the namespace's owner is charged at; nothing while they are not known.
    pub(crate) fn accounts(&self) -> Option<&'a [Arc<Account>]> {
        let tenant = account_name(&self.namespace_owner()?);
        let found = self.snapshot.accounts.get(&tenant);
        if found.is_none() {
            self.miss(Lookup::Accounts(tenant));
        }
        found.map(Vec::as_slice)
    }

    /// Reads those accounts live.
    pub(crate) fn miss_accounts(&self) {
        if let Some(owner) = self.namespace_owner() {
            self.miss(Lookup::Accounts(account_name(&owner)));
        }
    }

    /// The accounts of a tenant by its name, read live; none at all of a tenant that does not exist, and
    /// nothing while that is not certain.
    pub(crate) fn accounts_of(&self, tenant: &str) -> Option<&'a [Arc<Account>]> {
        let lookup = Lookup::Accounts(tenant.to_owned());
        let is_live = self.snapshot.live.contains(&lookup);
        self.miss(lookup);
        let found = self.snapshot.accounts.get(tenant).map(Vec::as_slice);
        found.or(is_live.then_some(&[]))
    }

    /// Another object than that of the request.
    pub(crate) fn other(&self, kind: Kind, name: &str) -> Option<&'a Facts> {
        let is_own = self.kind() == kind && self.request.name == name;
        if is_own { None } else { self.get(kind, name) }
    }

    /// Whether this is the second half of a dry-run, which sees what the first has shown and nobody has
    /// reserved. What somebody wrote was judged there.
    pub(crate) fn is_shown_only(&self) -> bool {
        self.request.dry_run && self.request.phase == Phase::Validate
    }

    /// Whether the topology controller only asks what would come of a change: nothing is reserved for
    /// it, and nothing refused for want of a reservation.
    pub(crate) fn is_topology_dry_run(&self) -> bool {
        let object = self.request.object.as_ref();
        let annotations = object.and_then(|object| object.pointer("/metadata/annotations"));
        self.trust() == Trust::Controller
            && annotations.is_some_and(|all| all.get(keys::TOPOLOGY_DRY_RUN).is_some())
    }

    /// Whether the stored object is being deleted.
    pub(crate) fn is_deleting(&self) -> bool {
        let old = self.request.old_object.as_ref();
        old.and_then(|old| old.pointer("/metadata/deletionTimestamp"))
            .is_some_and(|time| !is_unset(time))
    }

    fn get(&self, kind: Kind, name: &str) -> Option<&'a Facts> {
        let found = self.snapshot.inventory.get(kind, name);
        if found.is_none() {
            self.miss(Lookup::All(kind));
        }
        found
    }

    fn find(&self, kind: Kind, fits: impl Fn(&Facts) -> bool) -> Option<(&'a str, &'a Facts)> {
        let found = self
            .snapshot
            .inventory
            .all(kind)
            .find(|(_, facts)| fits(facts));
        if found.is_none() {
            self.miss(Lookup::All(kind));
        }
        found
    }

    pub(crate) fn cluster(&self, name: &str) -> Option<&'a Facts> {
        self.get(Kind::Cluster, name)
    }

    /// The names of all Clusters of the namespace. An empty answer is never taken for granted.
    pub(crate) fn cluster_names(&self) -> Vec<&'a str> {
        let names: Vec<_> = self
            .snapshot
            .inventory
            .all(Kind::Cluster)
            .map(|(name, _)| name)
            .collect();
        if names.is_empty() {
            self.miss(Lookup::All(Kind::Cluster));
        }
        names
    }

    /// Reads the Clusters live before names are compared with them, since one that was written a
    /// moment ago could fit better than all that the cache holds.
    pub(crate) fn cluster_names_live(&self) -> Vec<&'a str> {
        self.miss(Lookup::All(Kind::Cluster));
        self.cluster_names()
    }

    /// The Cluster that an object belongs to, by its own words or by a Cluster's reference to it.
    pub(crate) fn cluster_of(&self, object: &'a Value) -> Option<(&'a str, Option<&'a Facts>)> {
        if let Some(name) = cluster_of(object) {
            return Some((name, self.cluster(name)));
        }
        let name = text_at(object, "/metadata/name").unwrap_or(&self.request.name);
        let (name, facts) = self.cluster_that_refers_to(self.kind(), name)?;
        Some((name, Some(facts)))
    }

    /// The Cluster whose control plane or infrastructure is this object.
    pub(crate) fn cluster_that_refers_to(
        &self,
        kind: Kind,
        name: &str,
    ) -> Option<(&'a str, &'a Facts)> {
        let is_this = |found: &Option<Ref>| {
            found
                .as_ref()
                .is_some_and(|r| r.kind == kind.as_str() && r.name == name)
        };
        let refers =
            |facts: &Facts| is_this(&facts.control_plane_ref) || is_this(&facts.infrastructure_ref);
        match kind {
            Kind::KubeadmControlPlane
            | Kind::VSphereCluster
            | Kind::OpenStackCluster
            | Kind::Metal3Cluster
                if !name.is_empty() =>
            {
                self.find(Kind::Cluster, refers)
            }
            _ => None,
        }
    }

    /// The Cluster of whose topology this object is made, by the word of the topology controller: the
    /// Cluster refers to what is made of it only later.
    pub(crate) fn cluster_of_topology(&self) -> Option<(&'a str, &'a Facts)> {
        let object = self.request.object.as_ref()?;
        let labels = labels(object);
        let is_made =
            self.trust() == Trust::Controller && labels.contains_key(keys::TOPOLOGY_OWNED);
        let name = labels
            .get(keys::CLUSTER_NAME)
            .copied()
            .filter(|_| is_made)?;
        let facts = self.cluster(name)?;
        topology::is_there(facts).then_some((name, facts))
    }

    /// The control plane of a Cluster.
    pub(crate) fn control_plane_of(&self, cluster: &Facts) -> Option<&'a Facts> {
        let reference = cluster.control_plane_ref.as_ref()?;
        (reference.kind == Kind::KubeadmControlPlane.as_str())
            .then(|| self.get(Kind::KubeadmControlPlane, &reference.name))
            .flatten()
    }

    /// The cloud that the infrastructure of a Cluster names.
    pub(crate) fn cloud_of(&self, cluster: &Facts) -> Option<&'a str> {
        let reference = cluster.infrastructure_ref.as_ref()?;
        (reference.kind == Kind::OpenStackCluster.as_str())
            .then(|| self.get(Kind::OpenStackCluster, &reference.name))
            .flatten()?
            .cloud
            .as_deref()
    }

    /// Whoever refers to this machine template.
    pub(crate) fn linker(&self, kind: Kind, name: &str) -> Option<Linker<'a>> {
        const LINKERS: [Kind; 4] = [
            Kind::KubeadmControlPlane,
            Kind::MachineDeployment,
            Kind::MachinePool,
            Kind::MachineSet,
        ];
        let links = |facts: &Facts| {
            facts
                .infrastructure_ref
                .as_ref()
                .is_some_and(|r| r.kind == kind.as_str() && r.name == name)
        };
        let in_snapshot = LINKERS.into_iter().find_map(|linker| {
            let (name, facts) = self
                .snapshot
                .inventory
                .all(linker)
                .find(|(_, facts)| links(facts))?;
            Some(Linker {
                kind: linker,
                name,
                facts,
            })
        });
        if in_snapshot.is_none() {
            LINKERS
                .into_iter()
                .for_each(|linker| self.miss(Lookup::All(linker)));
        }
        in_snapshot
    }

    /// The Cluster that a linker belongs to.
    pub(crate) fn cluster_of_linker(&self, linker: &Linker<'a>) -> Option<&'a Facts> {
        match &linker.facts.cluster {
            Some(name) => self.cluster(name),
            None => self
                .cluster_that_refers_to(linker.kind, linker.name)
                .map(|(_, facts)| facts),
        }
    }

    /// What is stored of the object whose number is written.
    pub(crate) fn scaled(&self) -> Option<&'a Facts> {
        self.get(self.kind(), &self.request.name)
    }

    /// Whether some Machine names this UID as its owner.
    pub(crate) fn owns_a_machine(&self, uid: &str) -> bool {
        self.find(Kind::Machine, |facts| {
            facts.owner_uids.iter().any(|owner| owner == uid)
        })
        .is_some()
    }
}

impl Sight for Context<'_> {
    fn is_live(&self, selection: &Selection) -> bool {
        let lookup = Lookup::Leases(selection.clone());
        let is_live = self.snapshot.live.contains(&lookup);
        self.miss(lookup);
        is_live
    }

    fn is_gone(&self, holder: &Holder) -> bool {
        let kind = Kind::ALL.iter().find(|kind| kind.as_str() == holder.kind);
        let Some(kind) = kind.filter(|_| holder.namespace == self.request.namespace) else {
            return false;
        };
        let object = (*kind, holder.name.clone());
        let is_there = self.snapshot.objects.contains(&object);
        let lookup = Lookup::Object(object.0, object.1);
        let is_live = self.snapshot.live.contains(&lookup);
        self.miss(lookup);
        is_live && !is_there
    }
}
