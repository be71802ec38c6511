//! What the host and a running attempt share: its deadlines, the wish to stop it, and what it has used so far.
//!
//! The attempt's future can be dropped at any moment, so everything that a report needs afterwards lives here and not in
//! the store.

use crate::capabilities::http::Unanswered;
use crate::capabilities::schedule::AskedTask;
use mainworker_domain::denial::Denial;
use mainworker_domain::limits::{DENIALS_MAX, Limit, Limits};
use mainworker_domain::outcome::{AttemptEnd, LimitBreach, Usage};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Why an attempt should stop before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody cancelled it.
    Cancel,
    /// The host is stopping.
    Interrupt,
}

impl StopReason {
    pub(crate) fn end(self) -> AttemptEnd {
        match self {
            Self::Cancel => AttemptEnd::Cancelled,
            Self::Interrupt => AttemptEnd::Interrupted,
        }
    }
}

/// A wish to stop an attempt, from any thread, before or while it runs. The first wish counts.
#[derive(Debug, Default)]
pub struct Stop {
    reason: AtomicU8,
    changed: Notify,
}

impl Stop {
    /// Asks for the stop.
    pub fn request(&self, reason: StopReason) {
        let code = match reason {
            StopReason::Cancel => 1,
            StopReason::Interrupt => 2,
        };
        let _ = self.reason.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// The wish, if there is one.
    pub fn requested(&self) -> Option<StopReason> {
        match self.reason.load(Ordering::SeqCst) {
            1 => Some(StopReason::Cancel),
            2 => Some(StopReason::Interrupt),
            _ => None,
        }
    }

    /// Waits for a wish.
    pub(crate) async fn wait(&self) -> StopReason {
        loop {
            // Registered before the look, so that a wish in between is not missed.
            let changed = self.changed.notified();
            if let Some(reason) = self.requested() {
                return reason;
            }
            changed.await;
        }
    }
}

/// An attempt was told to stop: the error that its guest is interrupted with.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the attempt was told to stop")]
pub(crate) struct Stopped(pub(crate) StopReason);

/// Deadlines and figures of one attempt.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) started: Instant,
    wall_ms: u64,
    cpu_ms: u64,
    /// Processor time of all polls that are over, in nanoseconds.
    pub(crate) cpu_ns: AtomicU64,
    /// The most linear memory at a time, in bytes.
    pub(crate) peak_memory_bytes: AtomicU64,
    http_calls: AtomicU64,
    http_bytes_in: AtomicU64,
    http_bytes_out: AtomicU64,
    /// The limit at which something outside of wasm ended the attempt.
    ended_at: OnceLock<LimitBreach>,
    ended: Notify,
    denials: Mutex<Vec<Denial>>,
    unanswered: Mutex<Vec<Unanswered>>,
    asked: Mutex<Vec<AskedTask>>,
}

impl Control {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            started: Instant::now(),
            wall_ms: limits.get(Limit::Wall),
            cpu_ms: limits.get(Limit::Cpu),
            cpu_ns: AtomicU64::new(0),
            peak_memory_bytes: AtomicU64::new(0),
            http_calls: AtomicU64::new(0),
            http_bytes_in: AtomicU64::new(0),
            http_bytes_out: AtomicU64::new(0),
            ended_at: OnceLock::new(),
            ended: Notify::new(),
            denials: Mutex::default(),
            unanswered: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// Ends the attempt, from any thread. The first limit counts.
    pub(crate) fn end_at(&self, breach: LimitBreach) {
        let _ = self.ended_at.set(breach);
        self.ended.notify_waiters();
    }

    /// The limit at which the attempt was ended.
    pub(crate) fn ended_at(&self) -> Option<LimitBreach> {
        self.ended_at.get().copied()
    }

    /// Waits until the attempt is ended at a limit.
    pub(crate) async fn wait_ended(&self) -> LimitBreach {
        loop {
            // Registered before the look, as in `Stop::wait`.
            let ended = self.ended.notified();
            if let Some(breach) = self.ended_at() {
                return breach;
            }
            ended.await;
        }
    }

    /// Counts an HTTP request; how many there are now.
    pub(crate) fn add_http_call(&self) -> u64 {
        self.http_calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn add_http_bytes_in(&self, bytes: u64) {
        self.http_bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_http_bytes_out(&self, bytes: u64) {
        self.http_bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Remembers a denial, the first of each kind.
    pub(crate) fn add_denial(&self, denial: Denial) {
        let mut denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
        if denials.len() < DENIALS_MAX && !denials.contains(&denial) {
            denials.push(denial);
        }
    }

    /// Remembers a request that was not answered, the first of each kind.
    pub(crate) fn add_unanswered(&self, request: Unanswered) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        if unanswered.len() < DENIALS_MAX && !unanswered.contains(&request) {
            unanswered.push(request);
        }
    }

    pub(crate) fn take_unanswered(&self) -> Vec<Unanswered> {
        std::mem::take(&mut *self.unanswered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn take_denials(&self) -> Vec<Denial> {
        std::mem::take(&mut *self.denials.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The tasks asked for so far.
    pub(crate) fn asked(&self) -> MutexGuard<'_, Vec<AskedTask>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was used, as far as it is counted here.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            wall_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            cpu_us: self.cpu_ns.load(Ordering::Relaxed) / 1_000,
            peak_memory_bytes: self.peak_memory_bytes.load(Ordering::Relaxed),
            http_calls: self.http_calls.load(Ordering::Relaxed),
            http_bytes_in: self.http_bytes_in.load(Ordering::Relaxed),
            http_bytes_out: self.http_bytes_out.load(Ordering::Relaxed),
            ..Usage::default()
        }
    }

    pub(crate) fn wall(&self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }

    /// The breach, if the attempt has run for longer than it may.
    pub(crate) fn wall_breach(&self) -> Option<LimitBreach> {
        let elapsed = self.started.elapsed();
        (elapsed >= self.wall()).then(|| self.wall_breach_after(elapsed))
    }

    pub(crate) fn wall_breach_after(&self, elapsed: Duration) -> LimitBreach {
        let observed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        LimitBreach { limit: Limit::Wall, observed, allowed: self.wall_ms }
    }

    /// The breach, if `cpu_ns` is more processor time than the attempt may use.
    pub(crate) fn cpu_breach(&self, cpu_ns: u64) -> Option<LimitBreach> {
        let observed = cpu_ns / 1_000_000;
        (observed >= self.cpu_ms).then_some(LimitBreach { limit: Limit::Cpu, observed, allowed: self.cpu_ms })
    }
}
