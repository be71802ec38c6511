//! What is compared with the account of every task, and when.

use super::{Happening, World, now};
use crate::ending;
use crate::host::Host;
use crate::model::{Check, ModelTask, Owner, ensure};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::Store;

/// Milliseconds until somebody who was not woken looks by himself, with some to spare.
const LOOK_MS: i64 = 1_300;
/// Milliseconds until somebody for whom the store failed tries again, with some to spare.
const RECOVERY_MS: i64 = 5_200;

/// How much happened, and of what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) tasks: usize,
    pub(crate) attempts: usize,
    pub(crate) steps: usize,
    /// Attempts that were lost with their host.
    pub(crate) lost: usize,
    /// Attempts that were handed back.
    pub(crate) interrupted: usize,
    /// Ends that came too late.
    pub(crate) stale: usize,
    /// Attempts that had to begin alone.
    pub(crate) alone: usize,
    /// Turns after which attempts waited that were claimed ahead.
    pub(crate) ahead: usize,
}

impl Summary {
    /// In the order of the fields.
    pub(crate) fn counts(self) -> [usize; 8] {
        let Self { tasks, attempts, steps, lost, interrupted, stale, alone, ahead } = self;
        [tasks, attempts, steps, lost, interrupted, stale, alone, ahead]
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            tasks: self.tasks + other.tasks,
            attempts: self.attempts + other.attempts,
            steps: self.steps + other.steps,
            lost: self.lost + other.lost,
            interrupted: self.interrupted + other.interrupted,
            stale: self.stale + other.stale,
            alone: self.alone + other.alone,
            ahead: self.ahead + other.ahead,
        }
    }
}

impl World {
    /// What an end says must be what its driver reported, unless its lease was over.
    pub(super) fn check_settle(
        &mut self,
        owner: Owner,
        task: TaskId,
        attempt: u32,
        outcome: Outcome,
    ) -> Check {
        let past = self.past(owner);
        let reported = past.reported.iter().find(|it| (it.0, it.1) == (task, attempt)).map(|it| it.2);
        let expected = match reported {
            Some(reported) => reported == outcome || (past.cut_off && outcome == Outcome::Interrupted),
            // It never began.
            None => matches!(outcome, Outcome::Interrupted | Outcome::Cancelled),
        };
        ensure!(expected, "{task} ended with {outcome:?}, reported was {reported:?}");
        Ok(())
    }

    /// Nothing happens for a while: all that could be done was done.
    pub(super) fn check_quiet(&mut self) -> Check {
        for task in self.model.tasks.values() {
            let Some(running) = task.running.filter(|_| task.life.cancel_requested) else { continue };
            let host = self.hosts.iter().flatten().find(|host| host.owner == running.owner);
            let told = host.and_then(|host| host.was_told(running.held.task, running.held.attempt));
            ensure!(told != Some(None), "an attempt of {} was cancelled and not told", task.new.id);
        }
        // Beside another, a host is not woken when that one settles; it finds by itself what is there then.
        let (Some(Some(host)), 1) = (self.hosts.first(), self.hosts.len()) else { return Ok(()) };
        // Nor is anybody because the wall clock jumped, or because the time of a task is over that stood before others.
        let wall = self.wall();
        let stands_before =
            |task: &ModelTask| task.life.state == State::Queued && task.life.is_past_expiry(wall);
        let jumped = self.steady_ms < self.last_jump_ms + LOOK_MS;
        if jumped || self.model.tasks.values().any(stands_before) || self.is_asking() {
            return Ok(());
        }
        let recovered = host.failed_at.as_ms() + RECOVERY_MS < self.steady_ms;
        let can_claim = recovered && self.cut_off_until[0] <= self.steady_ms && !host.is_draining;
        if let Some(next) = self.model.first_claimable(wall) {
            let idle = can_claim && self.has_room(host, next);
            ensure!(!idle, "{} could begin and does not", next.new.id);
        }
        Ok(())
    }

    /// Whether there is room for the task that is next.
    fn has_room(&self, host: &Host, next: &ModelTask) -> bool {
        let is_its_own = |task: &ModelTask| task.running.is_some_and(|it| it.owner == host.owner);
        if !self.model.tasks.values().any(is_its_own) {
            return true;
        }
        let bytes: u64 = host.running.values().map(|it| it.task.memory_bytes_max).sum();
        let fits = bytes + next.new.memory_bytes_max <= host.options.memory_bytes_max;
        let alone = next.life.runs_alone() || host.running.values().any(|it| it.task.alone);
        // What waits in the backlog waits for memory.
        fits && !alone && host.running.len() < host.options.slots && host.backlog.waiting() == 0
    }

    /// Whether a request is under way.
    fn is_asking(&self) -> bool {
        self.coming.values().any(|it| matches!(it, Happening::Asked { .. } | Happening::Answered { .. }))
    }

    /// All is over: the store says of each task what the account says.
    pub(super) fn check_end(mut self) -> Check<Summary> {
        let overview = now(self.store.overview()).unwrap();
        for state in State::ALL {
            let count = self.model.tasks.values().filter(|task| task.life.state == state).count() as u64;
            ensure!(overview.count(state) == count, "the overview counts {} {state}", overview.count(state));
        }
        let mut attempts = 0;
        for (&id, task) in &self.model.tasks {
            ending::check_task(&self.store, id, task)?;
            attempts += task.ends.len();
        }
        for (owner, past) in std::mem::take(&mut self.pasts) {
            for (id, attempt, outcome, said) in past.reported {
                let task = self.model.find(id)?;
                let written = task.ends.get(attempt as usize - 1).copied();
                let excused = past.crashed || past.cut_off;
                ensure!(
                    written == Some(outcome) || excused,
                    "{id} ended with {outcome:?}, written was {written:?}"
                );
                let lines = ending::lines_of(&self.store, id, attempt)?;
                let all = lines == said || written != Some(outcome);
                ensure!(all, "attempt {attempt} of {id} said {said} lines, {lines} were kept");
                if written == Some(outcome) && task.ends.len() == attempt as usize {
                    ending::check_progress(&self.store, id, said)?;
                }
            }
            ensure!(
                past.applied == past.told || past.crashed,
                "host {owner}: {} ends were written down, {} were told",
                past.applied,
                past.told
            );
        }
        let ends = |outcome| {
            let ends = self.model.tasks.values().flat_map(|task| &task.ends);
            ends.filter(|&&end| end == outcome).count()
        };
        Ok(Summary {
            tasks: self.model.tasks.len(),
            attempts,
            steps: self.steps,
            lost: ends(Outcome::Lost),
            interrupted: ends(Outcome::Interrupted),
            stale: self.model.stale,
            alone: self.model.alone,
            ahead: self.ahead,
        })
    }
}
