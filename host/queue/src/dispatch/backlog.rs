//! What is to be run next, and what runs: where those who claim and those who run meet.
//!
//! First in, first out, since claims answer in the order in which tasks are next. The one at the front waits until there
//! is memory for it, and those behind it with it: nobody is overtaken for being large.

use crate::runner::Live;
use crate::verbs::claim::ClaimedTask;
use mainworker_domain::lifecycle::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Names an attempt within one dispatch. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// An attempt that is to be run.
#[derive(Debug)]
pub struct Assignment {
    /// Which one.
    pub ticket: Ticket,
    /// The task, with all that the attempt needs.
    pub task: ClaimedTask,
    /// The way to the attempt while it runs.
    pub live: Arc<Live>,
    /// When it was put here, by the steady clock.
    pub since: Timestamp,
}

/// Attempts that wait for a driver, and how much memory those take that have one.
#[derive(Debug)]
pub struct Backlog {
    waiting: VecDeque<Assignment>,
    running: usize,
    /// A sum of limits, each of which may be as good as none.
    running_bytes: u128,
    memory_bytes_max: u64,
}

/// Which attempts are to be taken back before they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdraw {
    /// All that wait.
    All,
    /// Those that wait since this moment or longer.
    Since(Timestamp),
    /// This one.
    One(Ticket),
}

impl Backlog {
    /// An empty one. Attempts that run together take at most `memory_bytes_max`.
    pub fn new(memory_bytes_max: u64) -> Self {
        Self { waiting: VecDeque::new(), running: 0, running_bytes: 0, memory_bytes_max }
    }

    /// Puts attempts at the end.
    pub fn push(&mut self, assignments: Vec<Assignment>) {
        self.waiting.extend(assignments);
    }

    /// Takes the first, if there is memory for it or nothing runs. It runs until [`Backlog::finish`].
    pub fn take(&mut self) -> Option<Assignment> {
        if !self.has_startable() {
            return None;
        }
        let assignment = self.waiting.pop_front()?;
        self.running += 1;
        self.running_bytes += u128::from(assignment.task.memory_bytes_max);
        Some(assignment)
    }

    /// Whether [`Backlog::take`] would give one.
    pub fn has_startable(&self) -> bool {
        let Some(first) = self.waiting.front() else { return false };
        let together_bytes = self.running_bytes + u128::from(first.task.memory_bytes_max);
        self.running == 0 || together_bytes <= u128::from(self.memory_bytes_max)
    }

    /// An attempt that was taken, with a limit of `memory_bytes`, does not run any more.
    pub fn finish(&mut self, memory_bytes: u64) {
        self.running = self.running.saturating_sub(1);
        self.running_bytes = self.running_bytes.saturating_sub(u128::from(memory_bytes));
    }

    /// Takes attempts back that have no driver yet; answers which.
    pub fn withdraw(&mut self, which: Withdraw) -> Vec<Ticket> {
        match which {
            Withdraw::All => self.waiting.drain(..).map(|assignment| assignment.ticket).collect(),
            Withdraw::Since(since) => {
                let count = self.waiting.iter().take_while(|assignment| assignment.since <= since).count();
                self.waiting.drain(..count).map(|assignment| assignment.ticket).collect()
            }
            Withdraw::One(ticket) => {
                let found = self.waiting.iter().position(|assignment| assignment.ticket == ticket);
                found.and_then(|index| self.waiting.remove(index)).map(|it| it.ticket).into_iter().collect()
            }
        }
    }

    /// Attempts that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Attempts that run.
    pub fn running(&self) -> usize {
        self.running
    }
}
