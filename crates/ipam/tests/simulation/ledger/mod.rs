//! Ledgers: no tenant, and no group of tenants, is given more than it may have.
//!
//! Several processes charge requests and keep ledgers by the code that the webhook runs, over a model of the
//! API server; what is stored is counted by [`truth`] from scratch.

mod excuse;
mod faults;
mod model;
mod process;
mod requests;
mod setting;
mod tasks;
mod tenants;
mod truth;

use std::sync::{Arc, Mutex};

use basphere_core::Kind;

use crate::course::{Millis, lock};
use crate::random::Random;
use crate::store::apply_late;
use model::{GRACE, LAG, REPLICAS, Shared, WATCHES, World};
use process::Process;
use requests::{Ended, Wish};
use tasks::{Fresh, Task, Tasks};

/// Steps with clients, and faults.
const BUSY: u64 = 900;
/// Requests that are tried when all is quiet.
const TRIALS: usize = 3;
/// So often at the most everything that runs goes on before more time passes.
const TURNS: usize = 400;

/// The processes that run, and what is to run in them.
#[derive(Clone)]
struct Stage {
    world: Shared,
    processes: Arc<Mutex<Vec<Arc<Process>>>>,
    fresh: Fresh,
}

impl Stage {
    fn spawn(&self, of: Option<usize>, task: Task) {
        self.fresh.lock().unwrap().push((of, task));
    }
}

pub(crate) struct Run {
    stage: Stage,
    tasks: Tasks,
    /// Who goes on.
    chance: Random,
}

impl Run {
    pub(crate) fn new(seed: u64, trace: bool) -> Self {
        let world = Arc::new(Mutex::new(World::new(seed, trace)));
        let fresh = Fresh::default();
        let processes = (0..REPLICAS).map(|id| Arc::new(Process::new(id, &world, &fresh)));
        let processes = Arc::new(Mutex::new(processes.collect()));
        let run = Self {
            stage: Stage {
                world,
                processes,
                fresh,
            },
            tasks: Tasks::default(),
            chance: Random::new(!seed),
        };
        for id in 0..REPLICAS {
            run.lead(id);
        }
        run
    }

    /// Runs to the end, or to the first violation.
    pub(crate) fn run(mut self) -> crate::Ended {
        for _ in 0..BUSY {
            self.step();
            if self.is_over() {
                return self.outcome();
            }
        }
        self.calm_down();
        for _ in 0..TRIALS {
            self.try_one();
        }
        self.pass_grace();
        if !self.is_over() {
            truth::when_quiet(&mut lock(&self.stage.world));
        }
        self.outcome()
    }

    fn outcome(mut self) -> crate::Ended {
        // Processes and what runs in them hold each other.
        self.tasks.clear();
        self.stage.fresh.lock().unwrap().clear();
        self.stage.processes.lock().unwrap().clear();
        let mut world = lock(&self.stage.world);
        let late = world.course.take_late();
        let timers = std::mem::take(&mut world.timers);
        let outcome = world.course.end();
        drop(world);
        drop((late, timers));
        outcome
    }

    fn is_over(&self) -> bool {
        lock(&self.stage.world).course.is_over()
    }

    fn step(&mut self) {
        let choice = {
            let mut world = lock(&self.stage.world);
            world.course.step += 1;
            world.course.random.below(1000)
        };
        match choice {
            0..820 => {
                self.go_on();
                self.go_on();
            }
            820..880 => self.hear(),
            880..925 => {
                let most = if self.below(8) == 0 { 900 } else { 120 };
                self.pass_time(most);
            }
            925..960 => self.stage.ask_for_something(),
            960..965 => apply_late(&mut *lock(&self.stage.world)),
            965..968 => self.crash(),
            _ => happen(&mut lock(&self.stage.world), choice),
        }
        lock(&self.stage.world).end_excuses();
    }

    fn below(&self, end: usize) -> usize {
        lock(&self.stage.world).course.random.below(end)
    }

    /// Something that runs goes on; false when all wait.
    fn go_on(&mut self) -> bool {
        self.tasks.adopt(&self.stage.fresh);
        self.tasks.go_on(&mut self.chance)
    }

    fn process(&self, id: usize) -> Arc<Process> {
        Arc::clone(&self.stage.processes.lock().unwrap()[id])
    }

    fn hear(&self) {
        let (id, watch) = (self.below(REPLICAS), self.below(WATCHES));
        let process = self.process(id);
        for _ in 0..=self.below(4) {
            process.hear(watch, u64::MAX);
        }
    }

    /// Time passes, and no cache stays behind for longer than [`LAG`].
    fn pass_time(&self, most: usize) {
        let now = {
            let mut world = lock(&self.stage.world);
            let delay = world.course.random.below(most) as Millis;
            world.pass(delay);
            world.course.now
        };
        self.hear_all(now.saturating_sub(LAG));
    }

    fn hear_all(&self, until: u64) {
        for id in 0..REPLICAS {
            let process = self.process(id);
            for watch in 0..WATCHES {
                while process.hear(watch, until) {}
            }
        }
    }

    fn crash(&mut self) {
        let id = self.below(REPLICAS);
        lock(&self.stage.world)
            .course
            .say(format_args!("process {id} is killed"));
        self.tasks.adopt(&self.stage.fresh);
        self.tasks.kill(id);
        let process = Process::new(id, &self.stage.world, &self.stage.fresh);
        self.stage.processes.lock().unwrap()[id] = Arc::new(process);
        self.lead(id);
        lock(&self.stage.world).course.count("crashes");
    }

    fn lead(&self, id: usize) {
        let process = self.process(id);
        self.stage.spawn(Some(id), Box::pin(process.lead()));
    }

    /// No clients and no faults any more: all that is under way ends.
    fn calm_down(&mut self) {
        {
            let mut world = lock(&self.stage.world);
            world.course.has_faults = false;
            world.leaders.truncate(1);
        }
        self.pass_grace();
        {
            let mut world = lock(&self.stage.world);
            truth::drop_what_is_larger(&mut world);
            faults::settle_limits(&mut world);
        }
        self.quieten(1_500);
    }

    /// Time passes beyond all delays.
    fn pass_grace(&mut self) {
        self.quieten(3 * GRACE);
    }

    /// So much time passes, and all news are heard.
    fn quieten(&mut self, time: Millis) {
        let end = lock(&self.stage.world).course.now + time;
        while lock(&self.stage.world).course.now < end && !self.is_over() {
            lock(&self.stage.world).pass(time / 8);
            self.settle();
        }
    }

    /// Everything that runs goes on until all wait.
    fn settle(&mut self) {
        lock(&self.stage.world).course.step += 1;
        self.hear_all(u64::MAX);
        apply_late(&mut *lock(&self.stage.world));
        for _ in 0..TURNS {
            if !self.go_on() {
                break;
            }
        }
        lock(&self.stage.world).end_excuses();
    }

    /// When all is quiet, what fits is let in, and nothing else.
    fn try_one(&mut self) {
        let Some((key, asked, wish)) = self.stage.trial() else {
            return;
        };
        if self.is_over() {
            return;
        }
        let fits = truth::would_fit(&lock(&self.stage.world), &asked);
        let ended = Arc::new(Mutex::new(None::<Ended>));
        let (to, stage) = (Arc::clone(&ended), self.stage.clone());
        let request = async move {
            let outcome = stage.request(key, wish).await;
            *to.lock().unwrap() = Some(outcome);
        };
        self.stage.spawn(None, Box::pin(request));
        self.settle();
        let outcome = ended.lock().unwrap().take();
        let expected = if fits { Ended::Stored } else { Ended::Refused };
        {
            let mut world = lock(&self.stage.world);
            world.course.count(match fits {
                true => "trials let in",
                false => "trials refused",
            });
            if outcome.as_ref() != Some(&expected) {
                world.course.fail(format!(
                    "when all was quiet, {outcome:?} became of {asked:?}"
                ));
            }
        }
        // It is booked before the next, but requests are not dead by then.
        self.quieten(GRACE / 4);
    }
}

/// Somebody does something past all webhooks.
fn happen(world: &mut World, choice: usize) {
    match choice {
        968..980 => faults::delete(world),
        980..986 => faults::write_status(world),
        986..992 => faults::change_limits(world),
        992..997 => faults::upset(world),
        _ => change_leaders(world),
    }
}

/// Another process leads, and for a while the last one believes that it still does.
fn change_leaders(world: &mut World) {
    let id = world.course.random.below(REPLICAS);
    match world.leaders.len() {
        1 => world.leaders.insert(0, id),
        _ => world.leaders.truncate(1),
    }
}

impl Stage {
    /// A request to be tried when all is quiet.
    fn trial(&self) -> Option<(model::Key, model::Asked, Wish)> {
        let mut world = lock(&self.world);
        let key = setting::any(&mut world);
        let stored = world.objects.get(&key).map(|it| it.observed.ask.clone());
        let wish = match stored {
            Some(old) => {
                let (mut ask, is_scale) = setting::changed(&mut world.course.random, &key, &old);
                if is_scale {
                    ask.replicas = world.course.random.below(8) as u64;
                }
                Wish::Change { ask, is_scale }
            }
            None => Wish::Create(setting::fresh(&mut world.course.random, &key)),
        };
        let lacks_template = matches!(&wish, Wish::Create(ask) | Wish::Change { ask, .. }
        if ask.template.as_ref().is_some_and(|template| {
            let name = template.name.clone();
            let key = (Kind::VSphereMachineTemplate, key.1.clone(), name);
            !world.objects.contains_key(&key)
        }));
        // Machines of a template that is made smaller are larger than it says, and so is what is made of it next.
        let is_smaller = matches!(&wish, Wish::Change { ask, .. }
        if ask.size.zip(world.objects.get(&key).and_then(|it| it.observed.ask.size))
            .is_some_and(|(new, old)| !old.fits(new)));
        if lacks_template || is_smaller {
            return None;
        }
        let asked = wish.over(&mut world, &key)?;
        Some((key, asked, wish))
    }
}
