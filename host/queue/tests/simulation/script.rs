//! What attempts do. All of it follows from the seed, the task and the number of the attempt, so that a second look at the
//! same attempt sees the same.

use crate::dice::Dice;
use mainworker_domain::event::{Level, LogLine, Progress};
use mainworker_domain::lifecycle::Ending;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::runner::StopReason;

/// Attempts after which one completes, whatever came before: scripts are finite.
const ATTEMPTS_THAT_FAIL_MAX: u32 = 6;

/// One attempt, if nobody stops it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) ending: Ending,
    pub(crate) run_ms: u64,
    pub(crate) lines: u32,
    /// Milliseconds that it goes on after it was told to stop.
    pub(crate) stops_after_ms: u64,
    /// It completes though it was told to stop.
    pub(crate) ignores_stops: bool,
    /// Tasks that it asks for.
    pub(crate) asks: usize,
}

impl Script {
    pub(crate) fn of(seed: u64, task: TaskId, attempt: u32) -> Self {
        let id =
            task.as_bytes().iter().fold(seed, |sum, &byte| sum.wrapping_mul(257).wrapping_add(byte.into()));
        let mut dice = Dice::new(id ^ (u64::from(attempt) << 48));
        let outcome = if attempt > ATTEMPTS_THAT_FAIL_MAX || dice.percent(70) {
            Outcome::Completed
        } else {
            use Outcome::{
                Failed, HostError, ModuleUnavailable, Refused, Rejected, RetryAsked, TimedOut, Trapped,
            };
            dice.pick(&[
                Failed,
                Failed,
                Failed,
                RetryAsked,
                Trapped,
                TimedOut,
                HostError,
                ModuleUnavailable,
                Rejected,
                Refused,
            ])
        };
        let run_ms = match dice.below(100) {
            _ if seed.is_multiple_of(4) => dice.below(2),
            _ if is_long(seed) => 300 + dice.below(1_500),
            0..60 => dice.below(4),
            60..90 => dice.below(300),
            90..99 => dice.below(3_000),
            _ => dice.below(25_000),
        };
        let talks = dice.percent(30);
        Self {
            ending: Ending { outcome, retry_after_ms: if dice.percent(50) { dice.below(500) } else { 0 } },
            run_ms,
            lines: if talks { u32::try_from(dice.below(8)).unwrap() } else { 0 },
            stops_after_ms: if dice.percent(80) { dice.below(20) } else { dice.below(400) },
            ignores_stops: dice.percent(10),
            asks: if dice.percent(10) { dice.index(3) } else { 0 },
        }
    }

    /// How it ends when it was told to stop.
    pub(crate) fn stopped(&self, reason: StopReason) -> Ending {
        match reason {
            _ if self.ignores_stops => Outcome::Completed.into(),
            // A runner may have no better word for an attempt that lost its lease.
            StopReason::Cancelled | StopReason::Stale => Outcome::Cancelled.into(),
            StopReason::Interrupted => Outcome::Interrupted.into(),
        }
    }
}

/// Whether all attempts of a seed take some time, so that they are there when something happens.
pub(crate) fn is_long(seed: u64) -> bool {
    seed % 8 == 3
}

/// What an attempt logs as its `number`-th line, from 0.
pub(crate) fn line(task: TaskId, attempt: u32, number: u32) -> LogLine {
    let message = format!("{task} {attempt} {number}");
    LogLine { at_ms: number.into(), level: Level::Info, context: "script".to_owned(), message }
}

/// How far an attempt has come that said so many lines.
pub(crate) fn progress(lines: u32) -> Progress {
    Progress { percent: u8::try_from(lines).unwrap(), message: format!("{lines} lines") }
}

/// The result of an attempt that completes.
pub(crate) fn result(task: TaskId, attempt: u32) -> String {
    format!("{{\"task\":\"{task}\",\"attempt\":{attempt}}}")
}
