//! The way to the model's API server, on which answers and requests get lost.

use std::future::poll_fn;
use std::task::Poll;

use basphere_core::ipam::{Lease, Listed, Selection};
use basphere_ipam::{Store, StoreError};

use crate::model::{Shared, World, lock};

/// Lets others go first.
pub(crate) async fn pause() {
    let mut is_over = false;
    poll_fn(|_| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        Poll::Pending
    })
    .await;
}

#[derive(Clone)]
pub(crate) struct ModelStore(pub(crate) Shared);

impl ModelStore {
    /// One request: it waits on its way, may get lost there or on its way back, or arrive when nobody
    /// waits for it any more.
    async fn call<T>(
        &self,
        apply: impl FnOnce(&mut World) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        pause().await;
        let answer = self.apply(apply);
        pause().await;
        answer
    }

    fn apply<T>(
        &self,
        apply: impl FnOnce(&mut World) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut world = lock(&self.0);
        let lost = Err(StoreError::Unanswered("lost".to_owned()));
        let chance = world.random.below(1000);
        if !world.has_faults || chance >= 60 {
            return apply(&mut world);
        }
        match chance {
            0..25 => world.count("requests lost"),
            25..50 => {
                world.count("answers lost");
                let _ = apply(&mut world);
            }
            _ => {
                world.count("requests late");
                world.late.push(Box::new(|world| drop(apply(world))));
            }
        }
        lost
    }

    /// Reads something past all caches.
    pub(crate) async fn read<T>(
        &self,
        read: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call(move |world| Ok(read(world))).await
    }
}

impl Store for ModelStore {
    async fn create(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let lease = lease.clone();
        self.call(move |world| world.create(&lease)).await
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let lease = lease.clone();
        self.call(move |world| world.replace(&lease)).await
    }

    async fn delete(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.call(move |world| world.delete(&lease)).await
    }

    async fn list(&self, selection: &Selection) -> Result<Listed, StoreError> {
        let selection = selection.clone();
        self.read(move |world| world.list(&selection)).await
    }
}
