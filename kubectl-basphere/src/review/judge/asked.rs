//! A request as the server would get it, with all that is known of the world.

use std::sync::Arc;

use basphere_core::{Kind, Lookup, Operation, Part, Phase, Request, Requester, Snapshot};
use serde_json::Value;

use super::Judge;
use crate::review::accounts::Origin;
use crate::review::sent::{Sent, text};

impl Judge {
    /// The request, and all that is known.
    pub(super) fn asked(&self, sent: &Sent, phase: Phase, object: Value) -> (Request, Snapshot) {
        let mut room = self.rooms.get(&sent.namespace).cloned().unwrap_or_default();
        if self.knows_networks {
            room.live.insert(Lookup::Networks);
        }
        let mut snapshot = Snapshot {
            namespace: room.facts,
            inventory: room.inventory,
            networks: Arc::clone(&self.networks),
            live: room.live,
            ..Snapshot::of(Arc::clone(&self.site), self.now)
        };
        self.add_accounts(sent, &mut snapshot);
        let requester = self
            .requester
            .clone()
            .unwrap_or_else(|| self.owner_of(&sent.namespace));
        let request = Request {
            phase,
            operation: if sent.stored.is_some() {
                Operation::Update
            } else {
                Operation::Create
            },
            subject: sent.subject,
            namespace: sent.namespace.clone(),
            // A generated name is not known yet while the object is completed.
            name: if phase == Phase::Mutate {
                sent.name.clone()
            } else {
                text(&object, "/metadata/name")
            },
            requester,
            part: Part::Whole,
            dry_run: false,
            object: Some(object),
            old_object: sent.stored.clone(),
        };
        (request, snapshot)
    }

    /// The accounts of the namespace's tenant and, for a Tenant, those that it would be below.
    fn add_accounts(&self, sent: &Sent, snapshot: &mut Snapshot) {
        let tenant = self.tenant(&sent.namespace);
        if let Some(accounts) = self.accounts.of(&tenant) {
            if self.is_sure_of(&tenant) {
                snapshot.live.insert(Lookup::Accounts(tenant.clone()));
            }
            snapshot.accounts.insert(tenant, accounts);
        }
        let parent = text(&sent.object, "/spec/parent");
        if sent.subject.kind == Kind::Tenant
            && !parent.is_empty()
            && let Ok(accounts) = self.accounts.existing(&self.world, &parent)
        {
            if self.world.cluster().is_some() {
                snapshot.live.insert(Lookup::Accounts(parent.clone()));
            }
            let accounts = accounts.into_iter().map(Arc::new).collect();
            snapshot.accounts.insert(parent, accounts);
        }
    }

    /// The tenant whose namespace it is; empty when there is none.
    pub(super) fn tenant(&self, namespace: &str) -> String {
        let room = self.rooms.get(namespace);
        room.map(|room| room.owner(&self.site, namespace))
            .unwrap_or_default()
    }

    /// Whether what a tenant uses and may use is told by the cluster.
    pub(super) fn is_sure_of(&self, tenant: &str) -> bool {
        let is_told = matches!(
            self.accounts.origin(tenant),
            Some(Origin::Ledgers | Origin::Quota)
        );
        self.world.cluster().is_some() && is_told
    }

    /// The namespace's owner as a plain tenant.
    pub(super) fn owner_of(&self, namespace: &str) -> Requester {
        Requester {
            username: self.tenant(namespace),
            groups: vec!["system:authenticated".to_owned()],
        }
    }
}
