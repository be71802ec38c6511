//! The store fails: when to try again, and who is told.

use super::Core;
use crate::store::StoreError;
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::Timestamp;

/// Milliseconds before the first further try.
const RETRY_FIRST_MS: u64 = 100;
/// Milliseconds between two tries at most: short enough that several fit into a lease.
const RETRY_MS_MAX: u64 = 5_000;

/// A verb that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Claim,
    Settle,
    Extend,
    Record,
    Rescue,
}

/// Which verbs failed when they were tried last.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    failing: [Option<Failing>; 5],
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    delay_ms: u64,
    retry_at: Timestamp,
}

impl Trouble {
    /// Whether `verb` worked when it was tried last, or may be tried again.
    pub(super) fn allows(&self, verb: Verb, steady: Timestamp) -> bool {
        self.failing[verb as usize].is_none_or(|failing| failing.retry_at <= steady)
    }

    /// When `verb` may be tried again; none if it worked when it was tried last.
    pub(super) fn retry_at(&self, verb: Verb) -> Option<Timestamp> {
        self.failing[verb as usize].map(|failing| failing.retry_at)
    }

    /// Whether one of `verbs` failed when it was tried last.
    pub(super) fn is_at(&self, verbs: &[Verb]) -> bool {
        verbs.iter().any(|&verb| self.failing[verb as usize].is_some())
    }

    fn fail(&mut self, verb: Verb, steady: Timestamp) {
        let failing = &mut self.failing[verb as usize];
        let delay_ms = failing.map_or(RETRY_FIRST_MS, |failing| (failing.delay_ms * 2).min(RETRY_MS_MAX));
        *failing = Some(Failing { delay_ms, retry_at: steady.after_ms(delay_ms) });
    }
}

impl Core {
    /// When to try `verb` that is wanted at `wanted_at`, as far as it is known from the last decision on.
    pub(super) fn tries_at(&self, verb: Verb, wanted_at: Timestamp) -> Timestamp {
        let retry_at = self.trouble.retry_at(verb).filter(|&retry_at| retry_at > self.decided_at);
        retry_at.unwrap_or(wanted_at)
    }

    /// The store answered `verb`.
    pub(super) fn worked(&mut self, verb: Verb) {
        self.trouble.failing[verb as usize] = None;
    }

    /// The store could not do `verb`. Somebody is told if everything worked before.
    pub(super) fn failed(&mut self, verb: Verb, error: &StoreError, steady: Timestamp) {
        if self.trouble.failing.iter().all(Option::is_none) {
            self.emit(Event::HostError { code: error_code(error).to_owned(), message: error.to_string() });
        }
        self.trouble.fail(verb, steady);
    }
}

/// The stable code of a store that fails.
pub(crate) fn error_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full { .. } => "store_full",
        StoreError::ReadOnly { .. } => "store_read_only",
        StoreError::Damaged { .. } => "store_damaged",
        StoreError::Failed { .. } | StoreError::Closed { .. } => "store_failed",
    }
}
