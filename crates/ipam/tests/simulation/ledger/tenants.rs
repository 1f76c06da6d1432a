//! The way to Tenants and objects at the model's API server.

use std::collections::BTreeSet;
use std::sync::Arc;

use basphere_core::Kind;
use basphere_core::quota::{Account, CHARGED, Observed, Suspect};
use basphere_ipam::StoreError;
use basphere_ipam::accounts::{Record, Tenants};

use super::model::{Shared, World};
use super::process::Known;
use super::truth;
use crate::store::call;

/// The way there from one process.
#[derive(Clone)]
pub(crate) struct ModelTenants {
    pub(crate) world: Shared,
    pub(crate) process: usize,
    pub(crate) known: Arc<Known>,
}

impl ModelTenants {
    /// Reads something past all caches.
    async fn read<T>(
        &self,
        read: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        call(&self.world, move |world| Ok(read(world))).await
    }

    /// Reads an object past all caches; a namesake is another.
    pub(crate) async fn object(&self, object: &Suspect) -> Result<Option<Observed>, StoreError> {
        let wanted = object.clone();
        let key = (wanted.kind, wanted.namespace, wanted.name);
        let found = move |world: &World| Some(Observed::clone(&world.objects.get(&key)?.observed));
        let found = self.read(found).await?;
        Ok(found.filter(|found| found.uid == wanted.uid))
    }

    /// Whether no machines are larger than the template says that has a name now.
    pub(crate) async fn is_replaced(&self, template: &Suspect) -> Result<bool, StoreError> {
        let wanted = template.clone();
        let key = (wanted.kind, wanted.namespace, wanted.name);
        let is_replaced = move |world: &World| {
            let now = world
                .objects
                .get(&key)
                .and_then(|now| now.observed.ask.size);
            now.is_some_and(|now| world.made_of(&key).all(|it| it.kept_vcpus <= now.cpus))
        };
        self.read(is_replaced).await
    }
}

/// Stores a change of a Tenant that is still as it was seen.
fn replace(
    world: &mut World,
    seen: &Record,
    change: impl FnOnce(&mut Record),
) -> Result<Record, StoreError> {
    let stored = world.tenants.get(&seen.account.name);
    let mut stored = stored.ok_or(StoreError::Conflict)?.clone();
    let is_same = stored.uid == seen.uid && stored.resource_version == seen.resource_version;
    if !is_same {
        return Err(StoreError::Conflict);
    }
    change(&mut stored);
    Ok(world.put_tenant(stored))
}

/// The namespaces that a ledger covers now and did not before.
fn newly_counted(before: Option<&Record>, written: &Record) -> BTreeSet<String> {
    let covered = |record: &Record| {
        let ledger = record.account.ledger.as_ref();
        ledger.map_or_else(BTreeSet::new, |ledger| ledger.namespaces.clone())
    };
    let before = before.map_or_else(BTreeSet::new, covered);
    covered(written).difference(&before).cloned().collect()
}

impl Tenants for ModelTenants {
    async fn get(&self, name: &str) -> Result<Option<Record>, StoreError> {
        let (key, process) = (name.to_owned(), self.process);
        call(&self.world, move |world: &mut World| {
            let step = world.course.step;
            world.reads.insert((process, key.clone()), step);
            Ok(world.tenant(&key))
        })
        .await
    }

    async fn create(&self, name: &str) -> Result<Record, StoreError> {
        let name = name.to_owned();
        call(&self.world, move |world: &mut World| {
            if world.tenants.contains_key(&name) {
                return Err(StoreError::Conflict);
            }
            let uid = format!("tenant-{}", world.next_revision());
            let account = Account {
                name,
                ..Account::default()
            };
            Ok(world.put_tenant(Record {
                account: Arc::new(account),
                uid,
                ..Record::default()
            }))
        })
        .await
    }

    async fn mark(&self, record: &Record) -> Result<Record, StoreError> {
        let seen = record.clone();
        call(&self.world, move |world| {
            replace(world, &seen, |stored| {
                stored.opened = Some(seen.uid.clone());
            })
        })
        .await
    }

    async fn write(&self, record: &Record) -> Result<Record, StoreError> {
        let seen = record.clone();
        call(&self.world, move |world| {
            let known = world.tenant(&seen.account.name);
            let written = replace(world, &seen, |stored| {
                let ledger = seen.account.ledger.clone();
                Arc::make_mut(&mut stored.account).ledger = ledger;
            })?;
            world.forget_sizes(&newly_counted(known.as_ref(), &written));
            truth::is_promised_above(world, known.as_ref(), &written);
            Ok(written)
        })
        .await
    }

    fn namespaces(&self, account: &str) -> BTreeSet<String> {
        let below = self.known.records.below(account);
        let cache = self.known.cache.lock().unwrap();
        let own = cache.namespaces.iter();
        own.filter(|(_, owner)| below.contains(*owner))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// One list for each kind, each at a moment of its own.
    async fn objects(&self, namespace: &str) -> Result<Vec<Observed>, StoreError> {
        let mut all = Vec::new();
        for kind in CHARGED.into_iter().filter(|kind| is_used(*kind)) {
            let namespace = namespace.to_owned();
            let list = move |world: &World| {
                let objects = world.objects.values().map(|object| &object.observed);
                let own = objects.filter(|it| it.kind == kind && it.namespace == namespace);
                own.map(|it| Observed::clone(it)).collect::<Vec<_>>()
            };
            all.extend(self.read(list).await?);
        }
        Ok(all)
    }
}

/// Whether the model has objects of a kind.
fn is_used(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Machine | Kind::OpenStackMachineTemplate | Kind::Metal3MachineTemplate
    )
}
