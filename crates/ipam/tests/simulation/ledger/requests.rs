//! Requests: admitted by any process, refused by somebody else perhaps, and stored after a while.

use std::sync::Arc;

use basphere_core::Kind;
use basphere_core::quota::{Ask, Observed};
use futures::channel::oneshot;

use super::model::{Asked, GRACE, Key, PATIENCE, World};
use super::process::{self, Verdict};
use super::tasks::{in_time, sleep};
use super::{Stage, setting, truth};
use crate::course::{Millis, lock};

/// So often the API server admits a PATCH again that was overtaken.
const PATCHES: usize = 3;

/// What somebody wants to be stored.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Something new, unless it is there.
    Create(Ask),
    /// Something else of what is there.
    Change { ask: Ask, is_scale: bool },
    /// What the Cluster's topology says, by its controller.
    Follow,
}

impl Wish {
    /// What it comes to over what is stored now.
    pub(crate) fn over(&self, world: &mut World, key: &Key) -> Option<Asked> {
        let stored = world.objects.get(key);
        if stored.is_some_and(|object| object.is_deleting) {
            return None;
        }
        let old = stored.map(|object| Arc::clone(&object.observed));
        let mut is_number = false;
        let new = match (self, &old) {
            (Self::Create(ask), None) => ask.clone(),
            (Self::Change { ask, is_scale }, Some(old)) => {
                is_number = *is_scale;
                match is_scale {
                    true => Ask {
                        replicas: ask.replicas,
                        ..old.ask.clone()
                    },
                    false => ask.clone(),
                }
            }
            (Self::Follow, _) => followed(world, key)?,
            _ => return None,
        };
        let is_forced = matches!(self, Self::Follow);
        if is_forced && old.as_ref().is_some_and(|old| old.ask == new) {
            return None;
        }
        let uid = old.as_ref().map(|old| old.uid.clone());
        Some(Asked {
            key: key.clone(),
            uid: uid.unwrap_or_else(|| format!("uid-{}", world.next_revision())),
            old,
            new,
            is_scale: is_number,
            is_forced,
        })
    }
}

fn followed(world: &World, key: &Key) -> Option<Ask> {
    let cluster = (Kind::Cluster, key.1.clone(), "topology".to_owned());
    let groups = &world.objects.get(&cluster)?.observed.ask.groups;
    let group = groups.iter().find(|group| group.name == setting::WORKERS)?;
    Some(Ask {
        cluster: Some("topology".to_owned()),
        replicas: group.replicas,
        group: Some(group.name.clone()),
        ..Ask::default()
    })
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Stored,
    Refused,
    /// Nobody said no.
    Failed,
}

impl Stage {
    fn now(&self) -> Millis {
        lock(&self.world).course.now
    }

    /// A review by any process. No answer comes from one that is killed meanwhile.
    async fn review(&self, asked: &Asked) -> Verdict {
        let process = process::any(&self.world, &self.processes);
        let (until, step) = {
            let world = lock(&self.world);
            world
                .course
                .say(format_args!("process {} reviews {asked:?}", process.id));
            (world.course.now + PATIENCE, world.course.step)
        };
        let (answer, verdict) = oneshot::channel();
        let id = process.id;
        let (world, question) = (Arc::clone(&self.world), asked.clone());
        let judged = async move {
            // Nobody waits any longer after a while.
            if let Some(verdict) = in_time(&world, until, process.judge(&question)).await {
                let _ = answer.send(verdict);
            }
        };
        self.spawn(Some(id), Box::pin(judged));
        match in_time(&self.world, until, verdict).await {
            Some(Ok(verdict)) => {
                self.check(asked, &verdict, id, step);
                verdict
            }
            _ => Verdict::Failed,
        }
    }

    /// What asks for nothing is never refused, and nobody is refused for what only a cache says.
    fn check(&self, asked: &Asked, verdict: &Verdict, process: usize, since: u64) {
        let mut world = lock(&self.world);
        world.course.say(format_args!("{verdict:?} for {asked:?}"));
        match verdict {
            Verdict::Allowed => {}
            Verdict::Refused(account, exceeded) => {
                world.course.count("refused");
                let read = world.reads.get(&(process, account.clone()));
                if read.is_none_or(|read| *read < since) {
                    let why = format!("{asked:?} is refused by {account} unread: {exceeded:?}");
                    world.course.fail(why);
                }
            }
            Verdict::NotReady => world.course.count("not ready"),
            Verdict::Failed => world.course.count("failed"),
        }
        let is_refused = matches!(verdict, Verdict::Refused(..) | Verdict::NotReady);
        let is_held_up = is_refused || matches!(verdict, Verdict::Failed) && asked.is_free();
        if is_held_up && (asked.is_free() || asked.is_forced) {
            world
                .course
                .fail(format!("{asked:?} is refused: {verdict:?}"));
        }
    }

    /// One request to its end.
    pub(crate) async fn request(self, key: Key, wish: Wish) -> Ended {
        for attempt in 0..PATCHES {
            let since = self.now();
            let Some(asked) = wish.over(&mut lock(&self.world), &key) else {
                return Ended::Failed;
            };
            if attempt > 0 {
                lock(&self.world).course.count("admitted again");
            }
            let books = truth::books(&lock(&self.world), &asked);
            match self.review(&asked).await {
                Verdict::Allowed => {}
                Verdict::Failed => return Ended::Failed,
                Verdict::Refused(..) | Verdict::NotReady => return Ended::Refused,
            }
            let Some(until) = self.freeze(since) else {
                return Ended::Failed;
            };
            sleep(&self.world, until).await;
            let mut world = lock(&self.world);
            if world.course.now >= since + GRACE {
                world.course.count("too late");
                return Ended::Failed;
            }
            if is_as_seen(&world, &asked) {
                world.course.count("stored");
                if world.course.now > since + GRACE - 400 {
                    world.course.count("stored late");
                }
                truth::store(&mut world, &asked, since, &books);
                return Ended::Stored;
            }
            // Who read it before writes it in vain.
            let is_patch = asked.is_scale || world.course.random.permille(500);
            if asked.old.is_none() || !is_patch {
                return Ended::Failed;
            }
        }
        Ended::Failed
    }

    /// Until when a request that was admitted stays on its way; nothing when somebody else refuses it.
    fn freeze(&self, since: Millis) -> Option<Millis> {
        let mut world = lock(&self.world);
        if !world.course.has_faults {
            return Some(world.course.now);
        }
        match world.course.random.below(100) {
            0..12 => {
                world.course.count("refused elsewhere");
                None
            }
            12..60 => Some(world.course.now),
            60..85 => Some(world.course.now + world.course.random.below(600) as Millis),
            _ => Some(since + GRACE - 1 - world.course.random.below(400) as Millis),
        }
    }

    /// Somebody asks for something.
    pub(crate) fn ask_for_something(&self) {
        let (key, wish) = {
            let mut world = lock(&self.world);
            let mut key = setting::any(&mut world);
            let stored = world.objects.get(&key).map(|it| it.observed.ask.clone());
            let random = &mut world.course.random;
            let wish = match stored {
                Some(_) if key.2 == "topology" && random.permille(500) => {
                    key = setting::of_topology(&key.1);
                    let replicas = random.below(4) as u64;
                    match random.permille(250) {
                        true => Wish::Change {
                            ask: Ask {
                                replicas,
                                ..Ask::default()
                            },
                            is_scale: true,
                        },
                        false => Wish::Follow,
                    }
                }
                None => Wish::Create(setting::fresh(random, &key)),
                Some(old) => {
                    let (ask, is_scale) = setting::changed(random, &key, &old);
                    Wish::Change { ask, is_scale }
                }
            };
            (key, wish)
        };
        let request = self.clone().request(key, wish);
        let ended = async move {
            request.await;
        };
        self.spawn(None, Box::pin(ended));
    }
}

fn is_as_seen(world: &World, asked: &Asked) -> bool {
    let stored = world.objects.get(&asked.key).map(|it| &it.observed);
    let version = |object: Option<&Arc<Observed>>| {
        object.map(|object| (object.uid.clone(), object.resource_version.clone()))
    };
    version(stored) == version(asked.old.as_ref())
}
