//! What running attempts say is kept while they run, for those who follow.
//!
//! All that is open is looked at each [`RECORD_MS`]; an attempt that says nothing costs one glance, and short ones are over
//! before it comes.

use super::attempts::Standing;
use super::trouble::Verb;
use super::{Action, Core, Moment};
use crate::dispatch::backlog::Ticket;
use crate::store::StoreError;
use crate::verbs::record::{LogPiece, Record};
use mainworker_domain::event::{Event, LogLine};
use mainworker_domain::lifecycle::Timestamp;
use std::collections::VecDeque;

/// Milliseconds between two looks at what was said: nearly at once for a person.
const RECORD_MS: u64 = 200;
/// Bytes of lines in one request after which it takes nothing of a further attempt.
const RECORD_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Records {
    look_at: Timestamp,
    /// Attempts of this look that were not looked at yet.
    left: VecDeque<Ticket>,
    /// What was taken and is not known to be kept. It is tried again until it is, or its attempt has ended, whose settlement
    /// has all lines and the newest progress.
    taken: Vec<(Ticket, Record)>,
    under_way: bool,
}

impl Records {
    pub(super) fn new(moment: Moment) -> Self {
        Self { look_at: moment.steady, left: VecDeque::new(), taken: Vec::new(), under_way: false }
    }
}

impl Core {
    pub(super) fn next_record_at(&self) -> Option<Timestamp> {
        if self.attempts.open.is_empty() || self.records.under_way {
            return None;
        }
        Some(self.tries_at(Verb::Record, self.records.look_at))
    }

    pub(super) fn decide_records(&mut self, moment: Moment) {
        let records = &mut self.records;
        if records.under_way || !self.trouble.allows(Verb::Record, moment.steady) {
            return;
        }
        if records.look_at <= moment.steady && !self.attempts.open.is_empty() {
            records.look_at = moment.steady.after_ms(RECORD_MS);
            if records.left.is_empty() {
                records.left.extend(self.attempts.open.keys());
            }
            self.decide_hand_back(moment);
        }
        self.take_said();
        let records = &mut self.records;
        if records.taken.is_empty() {
            // Nothing is left that a trouble was about.
            return self.worked(Verb::Record);
        }
        records.under_way = true;
        let batch = records.taken.iter().map(|(_, record)| record.clone()).collect();
        self.actions.push(Action::Record(batch));
    }

    /// Takes what attempts said, up to a bound.
    fn take_said(&mut self) {
        let open = &self.attempts.open;
        self.records.taken.retain(|(ticket, _)| open.contains_key(ticket));
        let before = self.records.taken.len();
        let mut bytes: usize =
            self.records.taken.iter().map(|(_, record)| size_bytes(&record.log.lines)).sum();
        while bytes < RECORD_BYTES_MAX {
            let Some(ticket) = self.records.left.pop_front() else { return };
            let Some(attempt) = open.get(&ticket) else { continue };
            // What was taken before has to be kept before what follows.
            let is_taken = self.records.taken[..before].iter().any(|(taken, _)| *taken == ticket);
            if attempt.standing != Standing::Ours || is_taken {
                continue;
            }
            let Some(said) = attempt.live.take_unrecorded() else { continue };
            bytes += size_bytes(&said.lines);
            let log = LogPiece { first_line: said.first_line, lines: said.lines };
            let record = Record { held: attempt.held, log, progress: said.progress };
            self.records.taken.push((ticket, record));
        }
    }

    /// The store answered a record.
    pub(super) fn recorded(&mut self, answer: Result<Vec<bool>, StoreError>, moment: Moment) {
        self.records.under_way = false;
        let answers = match answer {
            Ok(answers) => answers,
            Err(error) => return self.failed(Verb::Record, &error, moment.steady),
        };
        self.worked(Verb::Record);
        for ((ticket, record), kept) in std::mem::take(&mut self.records.taken).into_iter().zip(answers) {
            if !kept {
                self.stale(ticket);
                continue;
            }
            if let Some(attempt) = self.attempts.open.get_mut(&ticket) {
                let lines = u32::try_from(record.log.lines.len()).unwrap_or(u32::MAX);
                attempt.lines_recorded = record.log.first_line.saturating_add(lines);
            }
            self.emit(Event::AttemptSaid { task_id: record.held.task });
        }
    }
}

fn size_bytes(lines: &[LogLine]) -> usize {
    lines.iter().map(|line| line.context.len() + line.message.len()).sum()
}
