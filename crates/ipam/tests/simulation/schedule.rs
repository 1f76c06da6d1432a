//! The schedule: one thing after the other, chosen by chance.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use crate::Ended;
use crate::actors::{Running, Stage};
use crate::checks;
use crate::course::lock;
use crate::model::{GRACE, LAG, REPLICAS, REUSE_AFTER, World};
use crate::process::Process;
use crate::store::apply_late;

/// Steps with clients, and faults.
const BUSY: u64 = 1_500;

pub(crate) struct Run {
    stage: Stage,
    tasks: Running,
}

impl Run {
    pub(crate) fn new(seed: u64, trace: bool) -> Self {
        let world = Arc::new(Mutex::new(World::new(seed, trace)));
        let processes = (0..REPLICAS).map(|id| Arc::new(Process::new(id, &world)));
        let processes = Arc::new(Mutex::new(processes.collect()));
        let stage = Stage {
            world,
            processes,
            fresh: Arc::default(),
        };
        let mut run = Self {
            stage,
            tasks: Vec::new(),
        };
        for id in 0..REPLICAS {
            run.lead(id);
        }
        run
    }

    /// Runs to the end, or to the first violation.
    pub(crate) fn run(mut self) -> Ended {
        for _ in 0..BUSY {
            self.step();
            if self.is_over() {
                return self.outcome();
            }
        }
        self.calm_down();
        if !self.is_over() {
            checks::when_quiet(&mut lock(&self.stage.world));
        }
        self.outcome()
    }

    fn outcome(self) -> Ended {
        self.tasks.into_iter().for_each(drop);
        let mut world = lock(&self.stage.world);
        let late = world.course.take_late();
        let ended = world.course.end();
        drop(world);
        drop(late);
        ended
    }

    fn is_over(&self) -> bool {
        lock(&self.stage.world).course.is_over()
    }

    fn step(&mut self) {
        let choice = self.begin_step();
        match choice {
            0..640 => self.poll(),
            640..800 => self.hear(),
            800..930 => self.pass_time(150),
            930..965 => self.stage.ask_for_something(),
            965..985 => self.delete(),
            985..992 => apply_late(&mut *lock(&self.stage.world)),
            992..996 => self.crash(),
            _ => self.change_leaders(),
        }
        checks::after_step(&mut lock(&self.stage.world));
    }

    fn begin_step(&mut self) -> usize {
        let mut fresh = self.stage.fresh.lock().unwrap();
        self.tasks.append(&mut fresh);
        let mut world = lock(&self.stage.world);
        world.course.step += 1;
        world.course.random.below(1000)
    }

    fn below(&self, end: usize) -> usize {
        lock(&self.stage.world).course.random.below(end)
    }

    fn poll(&mut self) {
        let at = self.below(self.tasks.len());
        self.poll_one(at);
    }

    fn poll_one(&mut self, at: usize) {
        let (_, task) = &mut self.tasks[at];
        let mut context = Context::from_waker(Waker::noop());
        if task.as_mut().poll(&mut context).is_ready() {
            drop(self.tasks.swap_remove(at));
        }
    }

    fn process(&self, id: usize) -> Arc<Process> {
        Arc::clone(&self.stage.processes.lock().unwrap()[id])
    }

    fn hear(&self) {
        let (id, many) = (self.below(REPLICAS), self.below(4));
        let process = self.process(id);
        for _ in 0..=many {
            process.hear(u64::MAX);
        }
    }

    /// Time passes, and no cache stays behind for longer than [`LAG`].
    fn pass_time(&self, most: usize) {
        let now = {
            let mut world = lock(&self.stage.world);
            world.course.now += world.course.random.below(most) as u64;
            world.course.now
        };
        for id in 0..REPLICAS {
            let process = self.process(id);
            while process.hear(now.saturating_sub(LAG)) {}
        }
    }

    /// Somebody deletes an object, or one that was deleted goes.
    fn delete(&self) {
        let mut world = lock(&self.stage.world);
        let at = world.carriers.len();
        let at = world.course.random.below(at);
        let Some(mut carrier) = world.carriers.values().nth(at).cloned() else {
            return;
        };
        // All objects of a cluster go with it.
        if carrier.holder.kind == "Cluster" {
            let (_, id) = carrier.key.split_once('/').unwrap();
            world.clusters.remove(id);
        }
        if carrier.is_deleting {
            return world.remove_carrier(&carrier.key);
        }
        carrier.is_deleting = true;
        world.store_carrier(carrier);
    }

    fn crash(&mut self) {
        let id = self.below(REPLICAS);
        lock(&self.stage.world)
            .course
            .say(format_args!("process {id} is killed"));
        self.tasks.retain(|(of, _)| *of != Some(id));
        let fresh = Process::new(id, &self.stage.world);
        self.stage.processes.lock().unwrap()[id] = Arc::new(fresh);
        self.lead(id);
        let mut world = lock(&self.stage.world);
        world.course.count("crashes");
        world.leaders.remove(&id);
    }

    /// Another process leads, and for a while the last one believes that it still does.
    fn change_leaders(&self) {
        let mut world = lock(&self.stage.world);
        let id = world.course.random.below(REPLICAS);
        if world.leaders.len() > 1 {
            world.leaders.pop_first();
        } else {
            world.leaders.insert(id);
        }
    }

    fn lead(&mut self, id: usize) {
        let process = self.process(id);
        self.tasks
            .push((Some(id), Box::pin(async move { process.lead().await })));
    }

    /// No clients and no faults any more: all that is under way ends, and time passes beyond all
    /// delays.
    fn calm_down(&mut self) {
        {
            let mut world = lock(&self.stage.world);
            world.course.has_faults = false;
            world.leaders.retain(|id| *id == 0);
            world.leaders.insert(0);
        }
        // What was asked for ends first, and what was not written yet by controllers is; then each
        // lease lives through its grace, its cooling and what a late request may add to them.
        let end = lock(&self.stage.world).course.now + 60_000 + GRACE + 2 * REUSE_AFTER;
        while lock(&self.stage.world).course.now < end && !self.is_over() {
            self.begin_step();
            self.pass_time(1_000);
            self.hear_all();
            apply_late(&mut *lock(&self.stage.world));
            for _ in 0..4 {
                for at in (0..self.tasks.len()).rev() {
                    self.poll_one(at);
                }
            }
            checks::after_step(&mut lock(&self.stage.world));
        }
    }

    fn hear_all(&self) {
        for id in 0..REPLICAS {
            let process = self.process(id);
            while process.hear(u64::MAX) {}
        }
    }
}
