//! A work queue: each key is worked on by one at a time, a few keys at once, and one that fails comes
//! again later and later.

use std::collections::{HashMap, HashSet};
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use kube::runtime::scheduler::{ScheduleRequest, scheduler};
use tokio::time::Instant;
use tracing::warn;

/// After the first failure in a row.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// After many.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Where keys are put in.
#[derive(Debug)]
pub(crate) struct Queue<K>(UnboundedSender<ScheduleRequest<K>>);

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Where keys come out.
pub(crate) struct Requests<K>(UnboundedReceiver<ScheduleRequest<K>>);

/// A new queue.
pub(crate) fn queue<K>() -> (Queue<K>, Requests<K>) {
    let (sender, receiver) = unbounded();
    (Queue(sender), Requests(receiver))
}

impl<K> Queue<K> {
    /// To be worked on now.
    pub(crate) fn put(&self, key: K) {
        self.put_after(key, Duration::ZERO);
    }

    /// To be worked on after a while, or earlier when somebody asks for that.
    pub(crate) fn put_after(&self, key: K, delay: Duration) {
        let request = ScheduleRequest {
            message: key,
            run_at: Instant::now() + delay,
        };
        // Nobody works any more: the process ends, or another one leads.
        let _ = self.0.unbounded_send(request);
    }

    /// To be worked on at that time.
    pub(crate) fn put_at(&self, key: K, time: Timestamp) {
        let delay = time.duration_since(Timestamp::now());
        self.put_after(key, Duration::try_from(delay).unwrap_or_default());
    }
}

/// Works for ever. What `run` returns is when the key is to be worked on again although nobody asks.
pub(crate) async fn work<K, E, F>(
    (queue, requests): (Queue<K>, Requests<K>),
    at_once: usize,
    run: impl Fn(K) -> F,
) where
    K: Clone + Debug + Eq + Hash,
    E: Display,
    F: Future<Output = Result<Option<Timestamp>, E>>,
{
    let mut waiting = pin!(scheduler(requests.0));
    let mut running = FuturesUnordered::new();
    let mut active: HashSet<K> = HashSet::new();
    let mut failures: HashMap<K, u32> = HashMap::new();
    loop {
        // What is held comes out again in no order, so that nothing is taken out that cannot be worked on at
        // once: with more to do than can be done, some keys would wait for ever.
        let is_full = active.len() >= at_once;
        let mut next = waiting.as_mut().hold_unless(|key| !active.contains(key));
        tokio::select! {
            Some((key, outcome)) = running.next(), if !running.is_empty() => {
                active.remove(&key);
                match outcome {
                    Ok(again) => {
                        failures.remove(&key);
                        if let Some(time) = again {
                            queue.put_at(key, time);
                        }
                    }
                    Err(error) => {
                        warn!(key = ?key, error = %error, "to be tried again");
                        let failed = failures.entry(key.clone()).or_default();
                        queue.put_after(key, delay(*failed));
                        *failed += 1;
                    }
                }
            }
            key = next.next(), if !is_full => {
                // We hold a sender ourselves, so that the stream does not end.
                let Some(key) = key else { return };
                active.insert(key.clone());
                let work = run(key.clone());
                running.push(async move { (key, work.await) });
            }
        }
    }
}

fn delay(failed: u32) -> Duration {
    FIRST_DELAY
        .saturating_mul(2_u32.saturating_pow(failed.min(16)))
        .min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_key_is_worked_on_by_one_at_a_time_and_a_few_keys_at_once() {
        let (sender, requests) = queue();
        let (now, most, done) = (Cell::new(0), Cell::new(0), RefCell::new(Vec::new()));
        for key in ["a", "b", "c", "a"] {
            sender.put(key);
        }
        let run = |key: &'static str| {
            let (now, most, done) = (&now, &most, &done);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::time::sleep(Duration::from_secs(1)).await;
                now.set(now.get() - 1);
                done.borrow_mut().push(key);
                Ok::<_, String>(None)
            }
        };
        let working = work((sender.clone(), requests), 2, run);
        let _ = tokio::time::timeout(Duration::from_secs(10), working).await;
        let mut done = done.into_inner();
        done.sort_unstable();
        assert_eq!(done, ["a", "b", "c"], "asked for twice, done once");
        assert_eq!(most.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn with_more_to_do_than_can_be_done_each_key_has_its_turn() {
        let (sender, requests) = queue();
        for key in 0..50 {
            sender.put(key);
        }
        let turns = RefCell::new(HashMap::new());
        let run = |key: i32| {
            *turns.borrow_mut().entry(key).or_insert(0) += 1;
            let sender = &sender;
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                // Somebody asks for it again and again.
                sender.put(key);
                Ok::<_, String>(None)
            }
        };
        let working = work((sender.clone(), requests), 2, run);
        let _ = tokio::time::timeout(Duration::from_secs(100), working).await;
        let turns = turns.into_inner();
        assert_eq!(turns.len(), 50, "{turns:?}");
        assert!(
            turns.values().all(|turns| (3..=5).contains(turns)),
            "{turns:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_comes_again_later_and_later() {
        let (sender, requests) = queue();
        sender.put("a");
        let (started, times) = (Instant::now(), RefCell::new(Vec::new()));
        let run = |_| {
            times.borrow_mut().push(started.elapsed().as_millis());
            async { Err::<Option<Timestamp>, _>("no") }
        };
        let working = work((sender.clone(), requests), 2, run);
        let _ = tokio::time::timeout(Duration::from_secs(3), working).await;
        let times = times.into_inner();
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(times.len() >= 4, "{times:?}");
        assert!(
            gaps.windows(2).all(|pair| pair[1] >= 2 * pair[0] - 10),
            "{gaps:?}"
        );
        assert_eq!(delay(40), LONGEST_DELAY);
    }
}
