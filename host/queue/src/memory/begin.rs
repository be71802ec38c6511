//! Attempts begin.

use super::rows::{LeaseRow, Rows, TaskRow};
use crate::attempt::Held;
use crate::verbs::claim::{Claim, Claimed, ClaimedTask, PROMOTED_MAX};
use crate::verbs::task::AttemptView;
use mainworker_domain::lifecycle::{self, State, Timestamp};
use mainworker_domain::outcome::Usage;

impl Rows {
    pub(super) fn claim(&mut self, claim: &Claim) -> Claimed {
        let promoted = self.promote(claim.now);
        let mut claimed = Claimed { more: promoted == PROMOTED_MAX, ..Claimed::default() };
        let mut running = self.running_by_job();
        let mut running_by_key = self.running_by_key();
        let mut memory_left_bytes = claim.memory_bytes_max;
        let mut stopped = false;

        for place in self.ready_in_order() {
            let (paused, jobs) = (self.paused, &self.jobs);
            let Some(row) = self.tasks.get_mut(&place) else { continue };
            let job = jobs.get(&row.accepted.job);
            let concurrency_max = job.and_then(|job| job.concurrency_max).unwrap_or(0);
            let its_running = running.entry(row.accepted.job.clone()).or_default();
            if paused || job.is_some_and(|job| job.paused) || *its_running >= concurrency_max {
                continue;
            }
            let key = row.key();
            let key_running_max = job.and_then(|job| job.key_running_max).unwrap_or(0);
            let key_running = key.as_ref().and_then(|key| running_by_key.get(key)).copied().unwrap_or(0);
            if key.is_some() && key_running >= key_running_max {
                continue;
            }
            if stopped || claimed.tasks.len() >= claim.tasks_max {
                claimed.more = true;
                break;
            }

            let Ok(transition) = lifecycle::claim(&row.life, claim.now) else {
                if let Ok(transition) = lifecycle::expire(&row.life, claim.now) {
                    claimed.expired.push(row.expire(&transition, claim.now));
                }
                continue;
            };
            let alone = row.life.runs_alone();
            let nothing_runs = claim.idle && claimed.tasks.is_empty();
            if !nothing_runs && (alone || row.accepted.memory_bytes_max > memory_left_bytes) {
                claimed.more = true;
                break;
            }

            row.go(&transition, claim.now);
            claimed.tasks.push(row.begin(claim, alone));
            *its_running += 1;
            if let Some(key) = key {
                *running_by_key.entry(key).or_default() += 1;
            }
            memory_left_bytes = memory_left_bytes.saturating_sub(row.accepted.memory_bytes_max);
            stopped = alone;
        }

        let waiting = self.tasks.values().filter(|row| row.life.state == State::Queued && !row.ready);
        claimed.next_due_at = waiting.map(|row| row.life.run_at).min();
        claimed
    }

    /// Makes those ready that are due, those that are so for the longest time first; answers how many.
    fn promote(&mut self, now: Timestamp) -> usize {
        let mut due: Vec<_> =
            self.tasks.iter_mut().filter(|(_, row)| !row.ready && row.life.is_due(now)).collect();
        due.sort_by_key(|(place, row)| (row.life.run_at, **place));
        due.truncate(PROMOTED_MAX);
        for (_, row) in &mut due {
            row.ready = true;
        }
        due.len()
    }

    /// The places of the tasks that are ready, in the order in which they are next.
    fn ready_in_order(&self) -> Vec<u64> {
        let ready = self.tasks.iter().filter(|(_, row)| row.ready);
        let mut order: Vec<_> = ready.map(|(&place, row)| (row.life.order_key, place)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, place)| place).collect()
    }
}

impl TaskRow {
    /// What a claim adds to a task whose next attempt it began.
    fn begin(&mut self, claim: &Claim, alone: bool) -> ClaimedTask {
        let held = Held { task: self.accepted.id, attempt: self.life.attempts, lease: claim.lease };
        self.lease = Some(LeaseRow { lease: claim.lease, until: claim.lease_until });
        self.progress = None;
        self.attempts.push(AttemptView {
            number: held.attempt,
            outcome: None,
            started_at: claim.now,
            finished_at: None,
            wait_ms: claim.now.ms_since(self.life.run_at),
            usage: Usage::default(),
            revision: self.accepted.revision,
            host: claim.host.clone(),
            error: None,
        });
        let accepted = self.accepted.clone();
        ClaimedTask {
            held,
            job: accepted.job,
            source: accepted.source,
            revision: accepted.revision,
            payload: accepted.payload,
            configuration: accepted.configuration,
            due_at: self.life.run_at,
            timeout_ms: accepted.timeout_ms,
            tags: accepted.tags,
            attempt_for_job: self.life.attempt_for_job(),
            max_attempts: self.life.retry.max_attempts,
            memory_bytes_max: accepted.memory_bytes_max,
            alone,
            parent: accepted.parent,
            depth: accepted.depth,
        }
    }
}
