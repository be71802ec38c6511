//! What is counted, and what is told of it.

use super::{CrashOptions, Test};
use crate::audit::rows::Rows;
use crate::ledger::Standing;
use serde::Serialize;
use std::time::Duration;

/// At which moment of its life a host was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Killed {
    Serving,
    Starting,
    Stopping,
}

impl Killed {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
        }
    }
}

/// What the test counts by itself.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// From the start of a process until it listened.
    pub(super) starts: Vec<Duration>,
    /// From the last restart until every task had ended.
    pub(super) drained: Duration,
    killed: [u32; 3],
}

impl Counts {
    pub(super) fn killed(&mut self, killed: Killed) {
        self.killed[killed as usize] += 1;
    }

    /// What a start usually takes.
    pub(super) fn start_ms_p50(&self) -> u64 {
        let mut starts = self.starts.clone();
        starts.sort_unstable();
        starts.get(starts.len() / 2).map_or(0, |&start| ms(start))
    }
}

/// What a crash test tells when it has ended well, and when not.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The same seed draws the same luck; the machine has some of its own.
    pub seed: u64,
    /// Rounds that were asked for.
    pub rounds: u32,
    /// Hosts killed under load.
    pub killed_serving: u32,
    /// Hosts killed while they started.
    pub killed_starting: u32,
    /// Hosts killed while they stopped.
    pub killed_stopping: u32,
    /// Tasks whose acceptance was acknowledged.
    pub tasks_acknowledged: u64,
    /// All tasks, with those that jobs asked for.
    pub tasks: u64,
    /// Requests that got no answer and were sent again under their keys.
    pub requests_repeated: u64,
    /// Cancels that were acknowledged and not followed by a retry.
    pub cancels_acknowledged: u64,
    /// Retries by hand that were acknowledged.
    pub retries_acknowledged: u64,
    /// Pauses and resumes that were acknowledged.
    pub pauses_acknowledged: u64,
    /// Attempts.
    pub attempts: u64,
    /// Those that were lost with their host.
    pub attempts_lost: u64,
    /// Tasks that failed because three of their attempts were lost.
    pub tasks_lost: u64,
    /// Restarts that came to listen.
    pub starts: usize,
    /// Milliseconds of the fastest start, from the process to `listening`.
    pub start_ms_min: u64,
    /// The median.
    pub start_ms_p50: u64,
    /// The slowest.
    pub start_ms_max: u64,
    /// Milliseconds until every task had ended, after the last restart.
    pub drain_ms: u64,
    /// Milliseconds of the whole test.
    pub test_ms: u64,
}

impl Test {
    /// The figures; `rows` are the last look at the database.
    pub(super) fn figures(&self, options: &CrashOptions, rows: &Rows, took: Duration) -> Figures {
        let asked = || self.workers.iter().flat_map(|worker| &worker.asked);
        let count = |of: fn(&crate::ledger::Asked) -> &Standing| {
            asked().filter(|asked| of(asked).acknowledged().is_some()).count() as u64
        };
        let starts = &self.counts.starts;
        let [killed_serving, killed_starting, killed_stopping] = self.counts.killed;
        Figures {
            seed: options.seed,
            rounds: options.rounds,
            killed_serving,
            killed_starting,
            killed_stopping,
            tasks_acknowledged: count(|asked| &asked.enqueue),
            tasks: rows.ids.len() as u64,
            requests_repeated: self.workers.iter().map(|worker| worker.repeated).sum(),
            cancels_acknowledged: count(|asked| &asked.cancel),
            retries_acknowledged: count(|asked| &asked.retry),
            pauses_acknowledged: self.operator.acknowledged,
            attempts: rows.attempts,
            attempts_lost: rows.attempts_lost,
            tasks_lost: rows.tasks_lost,
            starts: starts.len(),
            start_ms_min: starts.iter().min().map_or(0, |&start| ms(start)),
            start_ms_p50: self.counts.start_ms_p50(),
            start_ms_max: starts.iter().max().map_or(0, |&start| ms(start)),
            drain_ms: ms(self.counts.drained),
            test_ms: ms(took),
        }
    }
}

impl Figures {
    /// As lines for people: each figure by its name.
    pub fn lines(&self) -> Vec<String> {
        let figures = serde_json::to_value(self).unwrap_or_default();
        let lines =
            figures.as_object().into_iter().flatten().map(|(name, figure)| format!("{name:<22} {figure}"));
        lines.collect()
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
