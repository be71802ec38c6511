//! When to claim, and how many.
//!
//! A claim goes out whenever there is room and a reason: a wake, an attempt that was settled, a task that is due, a claim
//! that said there is more. Room is one attempt a slot, and as many again as will probably end before the next claim has
//! answered, so that a driver finds its next attempt without waiting for a commit. That is what each slot ended beyond
//! its first within some milliseconds, so slow attempts are not claimed ahead of their time.

use super::pace::Pace;
use super::trouble::Verb;
use super::{Action, Core, Moment};
use crate::attempt::Lease;
use crate::dispatch::backlog::{Assignment, Withdraw};
use crate::runner::StopReason;
use crate::store::StoreError;
use crate::verbs::claim::{Claim, Claimed, ClaimedTask};
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::{Reason, State, Timestamp};
use mainworker_domain::task_id::TaskId;

/// Attempts to claim ahead: what ended within so many milliseconds …
const AHEAD_MS: u64 = 8;
/// … or within twice the time that a claim takes, if that is longer; but not of more milliseconds than these.
const AHEAD_MS_MAX: u64 = 100;
/// Tasks in one claim at the most. A transaction of so many takes some milliseconds, which is what others wait for it.
const CLAIM_MAX: usize = 1_024;
/// Ends that wait for the store, above which nothing more is begun.
const ENDED_MAX: usize = 4 * CLAIM_MAX;
/// Milliseconds after which one looks for tasks if nobody said that there are some. Nothing depends on it.
const LOOK_MS: u64 = 1_000;
/// Milliseconds until the next claim after one that was told there is more and got nothing, if nothing runs here: tasks that
/// became due are made ready in batches.
const LOOK_AGAIN_IDLE_MS: u64 = 1;
/// The same if something runs, at first: then what is there may also be too large for the room that is left.
const LOOK_AGAIN_BUSY_MS: u64 = 10;
/// Milliseconds in the backlog after which an attempt is handed back: attempts are slower than they were, and a task that
/// waits here cannot be overtaken, paused or run by others.
const HAND_BACK_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Claims {
    under_way: Option<UnderWay>,
    /// There may be something to claim.
    wanted: bool,
    /// When to claim whether that is so or not.
    look_at: Timestamp,
    empty_looks: u32,
    /// Milliseconds that the last claim took.
    took_ms: u64,
    pub(super) pace: Pace,
    /// Cancels of attempts that are not known here; the claim that is under way may bring them.
    stops: Vec<(TaskId, u32)>,
}

#[derive(Debug)]
struct UnderWay {
    since: Timestamp,
    lease_until: Timestamp,
    idle: bool,
}

impl Claims {
    pub(super) fn new(moment: Moment) -> Self {
        Self {
            under_way: None,
            wanted: true,
            look_at: moment.steady,
            empty_looks: 0,
            took_ms: 0,
            pace: Pace::new(moment.steady),
            stops: Vec::new(),
        }
    }

    pub(super) fn wake(&mut self) {
        self.wanted = true;
    }

    /// A task will be due then.
    pub(super) fn look_at(&mut self, due_at: Timestamp) {
        self.look_at = self.look_at.min(due_at);
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }
}

impl Core {
    pub(super) fn decide_claim(&mut self, moment: Moment) {
        if self.claims.look_at <= moment.steady {
            self.claims.wanted = true;
            self.claims.look_at = Timestamp::MAX;
        }
        let ahead = self.ahead(moment.steady);
        let open = self.attempts.open.len();
        // Half of what is claimed ahead is left to run while the next claim is under way.
        let enough = open > self.options.slots + ahead / 2;
        let room = (self.options.slots + ahead).saturating_sub(open).min(CLAIM_MAX);
        let allowed = self.trouble.allows(Verb::Claim, moment.steady);
        if !self.is_claim_possible() || !allowed || enough || room == 0 {
            return;
        }
        let lease_until = moment.steady.after_ms(self.options.lease_ms);
        let idle = self.attempts.is_idle();
        self.claims.under_way = Some(UnderWay { since: moment.steady, lease_until, idle });
        self.claims.wanted = false;
        self.actions.push(Action::Claim(Claim {
            now: moment.now,
            lease: Lease::from_bits(moment.bits),
            lease_until,
            host: self.options.host.clone(),
            tasks_max: room,
            memory_bytes_max: self.memory_left_bytes(ahead),
            idle,
        }));
    }

    /// The store answered a claim.
    pub(super) fn claimed(&mut self, answer: Result<Claimed, StoreError>, moment: Moment) {
        let Some(under_way) = self.claims.under_way.take() else { return };
        self.claims.took_ms = moment.steady.ms_since(under_way.since);
        let stops = std::mem::take(&mut self.claims.stops);
        let claimed = match answer {
            Ok(claimed) => claimed,
            Err(error) => {
                self.claims.wanted = true;
                return self.failed(Verb::Claim, &error, moment.steady);
            }
        };
        self.worked(Verb::Claim);
        self.look_again(&claimed, under_way.idle, moment);
        for expired in claimed.expired {
            let (state, reason) = (State::Expired, Reason::Expired);
            self.emit(Event::TaskChanged { task_id: expired.id, job: expired.job, state, reason });
        }
        self.open_claimed(claimed.tasks, &under_way, &stops, moment);
    }

    fn open_claimed(
        &mut self,
        tasks: Vec<ClaimedTask>,
        under_way: &UnderWay,
        stops: &[(TaskId, u32)],
        moment: Moment,
    ) {
        if self.attempts.is_idle() {
            self.heartbeat_begins(moment.steady);
        }
        let too_late = self.lapses_at(under_way.lease_until) <= moment.steady;
        let mut start = Vec::with_capacity(tasks.len());
        let mut back = Vec::new();
        for task in tasks {
            let (ticket, live) = self.attempts.open(&task, moment.now, under_way.lease_until);
            if stops.contains(&(task.held.task, task.held.attempt)) {
                live.stop(StopReason::Cancelled);
            }
            if too_late || self.drain.is_some() || live.stop_requested().is_some() {
                back.push(ticket);
            } else {
                start.push(Assignment { ticket, task, live, since: moment.steady });
            }
        }
        self.lease_begins(under_way.lease_until);
        self.withdrawn(back, moment);
        if !start.is_empty() {
            self.actions.push(Action::Start(start));
        }
    }

    /// Notes when the next claim is of use, after this answer.
    fn look_again(&mut self, claimed: &Claimed, idle: bool, moment: Moment) {
        self.claims.look_at = moment.steady.after_ms(LOOK_MS);
        let found = !claimed.tasks.is_empty();
        if claimed.more && !found {
            let delay_ms =
                if idle { LOOK_AGAIN_IDLE_MS } else { LOOK_AGAIN_BUSY_MS << self.claims.empty_looks.min(6) };
            self.claims.empty_looks += 1;
            self.claims.look_at(moment.steady.after_ms(delay_ms));
        } else {
            self.claims.empty_looks = 0;
            self.claims.wanted |= claimed.more;
        }
        if let Some(due_at) = claimed.next_due_at {
            self.due_at(due_at, moment);
        }
    }

    /// A task will be due, by the wall clock. If that jumps, the task is found by the next look.
    pub(super) fn due_at(&mut self, due_at: Timestamp, moment: Moment) {
        // Not at once: what is due already was seen, or is for the next look.
        self.claims.look_at(moment.steady.after_ms(due_at.ms_since(moment.now).max(1)));
    }

    /// Somebody wrote down that an attempt is to be cancelled.
    pub(super) fn stop_attempt(&mut self, task: TaskId, attempt: u32) {
        match self.attempts.find_open(task, attempt) {
            Some((ticket, open)) => {
                let live = open.live.clone();
                self.actions.push(Action::Stop { ticket, live, reason: StopReason::Cancelled });
            }
            None if self.claims.is_under_way() => self.claims.stops.push((task, attempt)),
            None => {}
        }
    }

    /// Attempts that stand still in the backlog are handed back.
    pub(super) fn decide_hand_back(&mut self, moment: Moment) {
        let since_ms = moment.steady.as_ms().saturating_sub(HAND_BACK_MS.cast_signed());
        self.actions.push(Action::Withdraw(Withdraw::Since(Timestamp::from_ms(since_ms))));
    }

    pub(super) fn next_claim_at(&self) -> Option<Timestamp> {
        if self.claims.is_under_way() || self.drain.is_some() || self.attempts.is_one_alone() {
            return None;
        }
        Some(self.tries_at(Verb::Claim, self.claims.look_at))
    }

    /// Ends after which there is room for the next claim; none if it waits for something else.
    pub(super) fn ends_until_claim(&self) -> Option<usize> {
        if !self.is_claim_possible() {
            return None;
        }
        let ahead = self.ahead(self.claims.pace.newest());
        let enough = self.options.slots + ahead / 2;
        Some(self.attempts.open.len().saturating_sub(enough).max(1))
    }

    /// Whether a claim may go out if there is room.
    fn is_claim_possible(&self) -> bool {
        self.claims.wanted
            && !self.claims.is_under_way()
            && self.drain.is_none()
            && !self.attempts.is_one_alone()
            && self.attempts.ended.len() < ENDED_MAX
            && !self.trouble.is_at(&[Verb::Settle, Verb::Extend])
    }

    /// How many attempts to claim ahead of their start.
    fn ahead(&self, steady: Timestamp) -> usize {
        let window_ms = (2 * self.claims.took_ms).clamp(AHEAD_MS, AHEAD_MS_MAX);
        let ends = self.claims.pace.within(window_ms, steady);
        ends.saturating_sub(self.options.slots).min(self.options.prefetch_max)
    }

    /// Memory that a claim may take, in bytes. What is claimed ahead will begin when what runs has ended, so it is given the
    /// memory of so many more slots; the backlog sees to it that what runs at a time stays within the limit.
    fn memory_left_bytes(&self, ahead: usize) -> u64 {
        let slots = self.options.slots as u128;
        let allowed = u128::from(self.options.memory_bytes_max) * (slots + ahead as u128) / slots;
        u64::try_from(allowed.saturating_sub(self.attempts.open_bytes())).unwrap_or(u64::MAX)
    }
}
