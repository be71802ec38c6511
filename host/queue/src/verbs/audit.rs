//! Audit: who wanted what, the newest first.
//!
//! The verbs that change something at somebody's wish are told whose it is and write it down in their own transaction, one entry
//! for each thing that really changed. What the host does by itself is no entry.

use mainworker_domain::audit::{Action, Actor, AuditEntry, Object};
use mainworker_domain::lifecycle::Timestamp;

/// Milliseconds that entries are kept unless the host is told otherwise: 400 days, so that a year can be looked at as a whole.
pub const AUDIT_MS: u64 = 400 * 24 * 3_600_000;

/// Which entries: those that fit all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this actor.
    pub actor: Option<Actor>,
    /// About this.
    pub action: Option<Action>,
    /// To this.
    pub object: Option<Object>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether an entry is one of those.
    pub fn contains(&self, entry: &AuditEntry) -> bool {
        self.actor.as_ref().is_none_or(|actor| entry.actor == *actor)
            && self.action.is_none_or(|action| entry.action == action)
            && self.object.as_ref().is_none_or(|object| entry.object == *object)
            && self.from.is_none_or(|from| entry.at >= from)
            && self.to.is_none_or(|to| entry.at < to)
    }
}

/// Reads a page.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// Which entries.
    pub filter: AuditFilter,
    /// Written before the entry with this number; none for the newest.
    pub before: Option<u64>,
    /// How many to answer at the most.
    pub entries_max: usize,
    /// How many to look at, at the most. A page that found fewer than asked for says where the next goes on.
    pub examined_max: usize,
}

/// An entry and its place among all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Larger is later; never given twice.
    pub number: u64,
    /// The entry.
    pub entry: AuditEntry,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, the newest first.
    pub entries: Vec<AuditRow>,
    /// [`ReadAudit::before`] of the next page; none if this is the last.
    pub next: Option<u64>,
}

/// Deletes old entries.
#[derive(Clone, Copy, Debug)]
pub struct PruneAudit {
    /// Those that are older.
    pub before: Timestamp,
    /// How many at the most; the oldest first.
    pub entries_max: usize,
}
