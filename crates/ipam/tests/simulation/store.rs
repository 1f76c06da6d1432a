//! The way to the model's API server, on which answers and requests get lost.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

use basphere_core::ipam::{Lease, Listed, Selection};
use basphere_ipam::{Store, StoreError};

use crate::course::Course;
use crate::model::{Shared, World};

/// Lets others go first.
pub(crate) async fn pause() {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A model of the API server, on the way to which requests get lost.
pub(crate) trait Server: Sized + Send {
    fn course(&mut self) -> &mut Course<Self>;
}

/// Something that nobody waits for any more arrives.
pub(crate) fn apply_late<W: Server>(world: &mut W) {
    if let Some(late) = world.course().arrival() {
        late(world);
    }
}

/// One request: it waits on its way, may get lost there or on its way back, or arrive when nobody
/// waits for it any more.
pub(crate) async fn call<W: Server, T>(
    world: &Mutex<W>,
    apply: impl FnOnce(&mut W) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    pause().await;
    let answer = arrive(&mut *world.lock().unwrap(), apply);
    pause().await;
    answer
}

fn arrive<W: Server, T>(
    world: &mut W,
    apply: impl FnOnce(&mut W) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let Some(fate @ 0..60) = world.course().fate() else {
        return apply(world);
    };
    match fate {
        0..25 => world.course().count("requests lost"),
        25..50 => {
            world.course().count("answers lost");
            let _ = apply(world);
        }
        _ => {
            world.course().count("requests late");
            world
                .course()
                .postpone(Box::new(|world| drop(apply(world))));
        }
    }
    Err(StoreError::Unanswered("lost".to_owned()))
}

impl Server for World {
    fn course(&mut self) -> &mut Course<Self> {
        &mut self.course
    }
}

#[derive(Clone)]
pub(crate) struct ModelStore(pub(crate) Shared);

impl ModelStore {
    /// Reads something past all caches.
    pub(crate) async fn read<T>(
        &self,
        read: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        call(&self.0, move |world| Ok(read(world))).await
    }
}

impl Store for ModelStore {
    async fn create(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let lease = lease.clone();
        call(&self.0, move |world| world.create(&lease)).await
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, StoreError> {
        let lease = lease.clone();
        call(&self.0, move |world| world.replace(&lease)).await
    }

    async fn delete(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        call(&self.0, move |world| world.delete(&lease)).await
    }

    async fn list(&self, selection: &Selection) -> Result<Listed, StoreError> {
        let selection = selection.clone();
        self.read(move |world| world.list(&selection)).await
    }
}
