//! What a scheduler keeps in mind between two looks: when which schedule is due, and what is the matter with it.

use crate::verbs::schedules::{ScheduleId, ScheduleRow};
use mainworker_domain::lifecycle::Timestamp;
use std::collections::HashMap;

/// Milliseconds that a clock may go back before schedules follow it: more than any correction that comes by itself, and
/// less than what anybody would call another time.
const SET_BACK_MS: u64 = 1_000;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Timetable {
    entries: HashMap<ScheduleId, Entry>,
    /// The store is to be read again then, by the steady clock.
    read_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Of the definition that this is about.
    revision: u64,
    /// By the wall's clock; none if it has no further run, or stands still.
    next_at: Option<Timestamp>,
    /// By the wall's clock: it is decided about up to then.
    evaluated_to: Option<Timestamp>,
    /// By the steady clock: not to be looked at before. It is tried again then.
    again_at: Option<Timestamp>,
    /// What somebody was told of.
    trouble: Option<String>,
}

impl Timetable {
    /// Forgets those that are gone, stand still or have another definition, and reads the rest.
    pub(super) fn keep_only(&mut self, rows: &[ScheduleRow]) {
        self.read_at = None;
        let mut former = std::mem::take(&mut self.entries);
        for row in rows.iter().filter(|row| !row.paused) {
            let former = former.remove(&row.id).filter(|entry| entry.revision == row.revision);
            let entry = Entry {
                revision: row.revision,
                next_at: row.next_at,
                evaluated_to: Some(row.evaluated_to),
                ..former.unwrap_or_default()
            };
            self.entries.insert(row.id, entry);
        }
    }

    /// Whether this schedule, as it was just read, is to be looked at.
    pub(super) fn wants(&self, row: &ScheduleRow, now: Timestamp, steady: Timestamp) -> bool {
        let Some(entry) = self.entries.get(&row.id) else { return false };
        // One that nobody has looked at has neither a next run nor a reason for having none.
        let never_looked_at = row.next_at.is_none() && row.ended.is_none();
        entry.again_at.is_none_or(|again_at| again_at <= steady)
            && (never_looked_at || entry.is_due(now) || entry.is_ahead_of(now))
    }

    /// Whether there may be something to do.
    pub(super) fn is_due(&self, now: Timestamp, steady: Timestamp) -> bool {
        let is_over = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= steady);
        is_over(self.read_at)
            || self.entries.values().any(|entry| match entry.again_at {
                Some(again_at) => again_at <= steady,
                None => entry.is_due(now) || entry.is_ahead_of(now),
            })
    }

    /// Milliseconds until the next run, at most `ms_max`.
    pub(super) fn wait_ms(&self, now: Timestamp, ms_max: u64) -> u64 {
        let next_at =
            self.entries.values().filter(|entry| entry.again_at.is_none()).filter_map(|e| e.next_at);
        next_at.min().map_or(ms_max, |next_at| next_at.ms_since(now).min(ms_max))
    }

    /// It is decided about up to `now`.
    pub(super) fn decided(&mut self, row: &ScheduleRow, now: Timestamp, next_at: Option<Timestamp>) {
        if let Some(entry) = self.entries.get_mut(&row.id) {
            let revision = entry.revision;
            *entry = Entry { revision, next_at, evaluated_to: Some(now), ..Entry::default() };
        }
    }

    /// It is to be looked at again then, by the steady clock.
    pub(super) fn again(&mut self, row: &ScheduleRow, steady: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&row.id) {
            entry.again_at = Some(steady);
        }
    }

    /// The store is to be read again then, by the steady clock.
    pub(super) fn read_again(&mut self, steady: Timestamp) {
        self.read_at = Some(steady);
    }

    /// Whether nobody was told of this yet.
    pub(super) fn is_new_trouble(&self, row: &ScheduleRow, problem: &str) -> bool {
        self.entries.get(&row.id).is_none_or(|entry| entry.trouble.as_deref() != Some(problem))
    }

    /// Somebody was told.
    pub(super) fn troubled(&mut self, row: &ScheduleRow, problem: &str) {
        if let Some(entry) = self.entries.get_mut(&row.id) {
            entry.trouble = Some(problem.to_owned());
        }
    }
}

impl Entry {
    fn is_due(&self, now: Timestamp) -> bool {
        self.next_at.is_some_and(|next_at| next_at <= now)
    }

    /// Whether the clock was set back since it was decided about.
    fn is_ahead_of(&self, now: Timestamp) -> bool {
        self.evaluated_to.is_some_and(|evaluated_to| evaluated_to > now.after_ms(SET_BACK_MS))
    }
}
