//! What runs attempts: the sandbox, or in tests a script.

use crate::attempt::AttemptError;
use crate::verbs::claim::ClaimedTask;
use crate::verbs::enqueue::NewTask;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::{LogLine, Progress, Said};
use mainworker_domain::lifecycle::{Ending, Timestamp};
use mainworker_domain::outcome::Usage;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs attempts.
pub trait Runner: Send + Sync + 'static {
    /// Runs one attempt to its end. Never an error: whatever goes wrong is an end with its own word; a panic is made one. If
    /// `live` is told to stop, before or while it runs, it ends soon.
    fn run(&self, task: ClaimedTask, live: Arc<Live>) -> impl Future<Output = Ended> + Send;

    /// Polls what drives attempts, one after the other, where attempts are best polled. There is one driver a slot; each ends
    /// when its dispatch does.
    fn spawn(&self, driver: impl Future<Output = ()> + Send + 'static);
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Ended {
    /// The word, and the wait that was asked for.
    pub ending: Ending,
    /// When it began, by the wall clock.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What it cost.
    pub usage: Usage,
    /// The module that ran, if it is not the one that was current when the task was accepted.
    pub ran: Option<Digest>,
    /// Its result: JSON text, if it completed.
    pub result: Option<String>,
    /// Why it did not complete.
    pub error: Option<AttemptError>,
    /// All of its log, from the first line; what was recorded while it ran included.
    pub log: Vec<LogLine>,
    /// Tasks that it asked for, if it completed.
    pub asked: Vec<NewTask>,
}

/// Why an attempt should stop before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody cancelled its task.
    Cancelled,
    /// The host is stopping.
    Interrupted,
    /// It lost its lease, or could not keep it in time: somebody else may run its task by now.
    Stale,
}

/// What takes the wish to a running attempt.
type OnStop = Arc<dyn Fn(StopReason) + Send + Sync>;

/// A running attempt, as seen from outside: the wish to stop it, and what it said.
#[derive(Default)]
pub struct Live {
    heard: Mutex<Heard>,
    stopping: Mutex<Stopping>,
}

/// Both under one lock, so that a wish and the way to it cannot miss each other.
#[derive(Default)]
struct Stopping {
    reason: Option<StopReason>,
    on_stop: Option<OnStop>,
}

/// What an attempt said that nobody recorded yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// The number of the first line.
    pub first_line: u32,
    /// Lines.
    pub lines: Vec<LogLine>,
    /// The newest progress, if it is newer than the one that was recorded.
    pub progress: Option<Progress>,
}

/// What an attempt said, as far as it is of use still.
#[derive(Default)]
struct Heard {
    unrecorded: Unrecorded,
    /// The newest progress, recorded or not: whether a record arrived may be known only when the attempt has ended.
    progress: Option<Progress>,
}

impl Live {
    /// The attempt said something.
    pub fn hear(&self, said: Said) {
        let mut heard = self.heard();
        match said {
            Said::Line(line) => heard.unrecorded.lines.push(line),
            Said::Progress(progress) => {
                heard.unrecorded.progress = Some(progress.clone());
                heard.progress = Some(progress);
            }
        }
    }

    /// Takes what nobody recorded yet, to record it; none if there is nothing.
    pub fn take_unrecorded(&self) -> Option<Unrecorded> {
        let unrecorded = &mut self.heard().unrecorded;
        if unrecorded.lines.is_empty() && unrecorded.progress.is_none() {
            return None;
        }
        let taken = std::mem::take(unrecorded);
        unrecorded.first_line =
            taken.first_line.saturating_add(u32::try_from(taken.lines.len()).unwrap_or(u32::MAX));
        Some(taken)
    }

    /// The newest progress, recorded or not; none if there was none.
    pub fn progress(&self) -> Option<Progress> {
        self.heard().progress.clone()
    }

    /// Asks for the stop. The first wish counts.
    pub fn stop(&self, reason: StopReason) {
        let mut stopping = self.stopping();
        if stopping.reason.is_some() {
            return;
        }
        stopping.reason = Some(reason);
        let on_stop = stopping.on_stop.clone();
        drop(stopping);
        if let Some(on_stop) = on_stop {
            on_stop(reason);
        }
    }

    /// The wish, if there is one.
    pub fn stop_requested(&self) -> Option<StopReason> {
        self.stopping().reason
    }

    /// Says how the wish reaches the attempt; called at once if it is there already.
    pub fn when_stopped(&self, on_stop: impl Fn(StopReason) + Send + Sync + 'static) {
        let on_stop: OnStop = Arc::new(on_stop);
        let mut stopping = self.stopping();
        stopping.on_stop = Some(Arc::clone(&on_stop));
        let reason = stopping.reason;
        drop(stopping);
        if let Some(reason) = reason {
            on_stop(reason);
        }
    }

    fn stopping(&self) -> MutexGuard<'_, Stopping> {
        // Both fields are set whole or not at all.
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        // A panic while it was held left out one thing that was said at the most.
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("stop", &self.stop_requested()).finish_non_exhaustive()
    }
}
