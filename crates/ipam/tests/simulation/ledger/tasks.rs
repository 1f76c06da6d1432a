//! What runs, and what of it can go on: a task that waits is not asked again before it is woken.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::model::Shared;
use crate::course::{Millis, lock};
use crate::random::Random;

/// Something that runs.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// What is to run next, and in which process, if in any.
pub(crate) type Fresh = Arc<Mutex<Vec<(Option<usize>, Task)>>>;

/// Whether a task can go on.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Running {
    process: Option<usize>,
    ready: Arc<Ready>,
    task: Task,
}

#[derive(Default)]
pub(crate) struct Tasks {
    running: Vec<Running>,
}

impl Tasks {
    /// Takes in what is to run.
    pub(crate) fn adopt(&mut self, fresh: &Fresh) {
        let fresh = std::mem::take(&mut *fresh.lock().unwrap());
        self.running
            .extend(fresh.into_iter().map(|(process, task)| Running {
                process,
                ready: Arc::new(Ready(AtomicBool::new(true))),
                task,
            }));
    }

    /// All that runs in a process ends.
    pub(crate) fn kill(&mut self, process: usize) {
        self.running.retain(|it| it.process != Some(process));
    }

    /// One of those that can go on does; false when there is none.
    pub(crate) fn go_on(&mut self, chance: &mut Random) -> bool {
        let is_ready = |it: &Running| it.ready.0.load(Ordering::Relaxed);
        let count = self.running.iter().filter(|it| is_ready(it)).count();
        let which = chance.below(count);
        let mut ready = self.running.iter().enumerate();
        let Some((at, _)) = ready.by_ref().filter(|(_, it)| is_ready(it)).nth(which) else {
            return false;
        };
        let running = &mut self.running[at];
        running.ready.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&running.ready));
        if running
            .task
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            drop(self.running.swap_remove(at));
        }
        true
    }

    /// Ends everything.
    pub(crate) fn clear(&mut self) {
        self.running.clear();
    }
}

/// Waits until then.
pub(crate) async fn sleep(world: &Shared, until: Millis) {
    poll_fn(|context| {
        let mut world = lock(world);
        if world.course.now >= until {
            return Poll::Ready(());
        }
        world.timers.push((until, context.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// What comes of something, unless nobody waits for it any longer.
pub(crate) async fn in_time<T>(
    world: &Shared,
    until: Millis,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (mut work, mut end) = (pin!(work), pin!(sleep(world, until)));
    let mut has_timer = false;
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        let is_over = lock(world).course.now >= until;
        if is_over {
            return Poll::Ready(None);
        }
        if !has_timer {
            has_timer = true;
            return end.as_mut().poll(context).map(|()| None);
        }
        Poll::Pending
    })
    .await
}
