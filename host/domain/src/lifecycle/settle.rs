//! What follows from the end of an attempt.

use super::backoff::{Jitter, backoff_ms, wait_asked_ms};
use super::{Count, Next, OrderKey, Reason, Refusal, State, Task, Timestamp, Transition};
use crate::limits::MODULE_UNAVAILABLE_MAX;
use crate::outcome::{AttemptEnd, Outcome};

/// How an attempt ended, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The word.
    pub outcome: Outcome,
    /// Milliseconds that a job which asked to be tried again wants to wait at least; otherwise of no effect.
    pub retry_after_ms: u64,
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, retry_after_ms: 0 }
    }
}

impl From<&AttemptEnd> for Ending {
    fn from(end: &AttemptEnd) -> Self {
        let retry_after_ms = match end {
            AttemptEnd::RetryAsked { after_ms, .. } => *after_ms,
            _ => 0,
        };
        Self { outcome: end.outcome(), retry_after_ms }
    }
}

/// What an outcome means for the task. Every outcome has its line here; a new one does not compile without.
enum Meaning {
    Done,
    Unwanted,
    /// No attempt can end otherwise.
    Hopeless,
    /// The next attempt may end otherwise. A broken host is among them: a payload may be what breaks it, so it must count.
    MayWork,
    MayWorkLater,
    /// Not the task's doing, and nothing of it ran.
    NoModule,
    /// Not the task's doing.
    Interrupted,
    /// Perhaps the task's doing.
    Lost,
}

impl Meaning {
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Done,
            Outcome::Cancelled => Self::Unwanted,
            Outcome::Rejected | Outcome::Refused => Self::Hopeless,
            Outcome::Failed
            | Outcome::Trapped
            | Outcome::TimedOut
            | Outcome::OverCpu
            | Outcome::OutOfMemory
            | Outcome::OverLimit
            | Outcome::HostError => Self::MayWork,
            Outcome::RetryAsked => Self::MayWorkLater,
            Outcome::ModuleUnavailable => Self::NoModule,
            Outcome::Interrupted => Self::Interrupted,
            Outcome::Lost => Self::Lost,
        }
    }

    fn count(&self) -> Option<Count> {
        match self {
            Self::Done | Self::Unwanted | Self::Hopeless | Self::MayWork | Self::MayWorkLater => {
                Some(Count::Attempt)
            }
            Self::NoModule => Some(Count::ModuleUnavailable),
            Self::Interrupted => None,
            Self::Lost => Some(Count::Loss),
        }
    }
}

/// Decides what becomes of a task whose attempt ended. Whoever calls has made sure that it is the task's own attempt: number
/// and lease are the store's to compare.
///
/// If a cancel is wanted, an attempt that completed all the same is completed, since its work is done and what it asked for
/// must not be lost; any other end is `cancelled`.
///
/// # Errors
/// [`Refusal::NotRunning`].
pub fn settle(task: &Task, ending: Ending, now: Timestamp, jitter: Jitter) -> Result<Transition, Refusal> {
    if task.state != State::Running {
        return Err(Refusal::NotRunning { state: task.state });
    }
    let meaning = Meaning::of(ending.outcome);
    let count = meaning.count();
    let tally = task.tally.plus(count);
    let step = |next, reason| Transition { next, outcome: Some(ending.outcome), count, reason };
    let wait = |ms, reason| {
        let run_at = now.after_ms(ms);
        step(Next::Queued { run_at, order_key: OrderKey::new(run_at, task.priority) }, reason)
    };
    // It had its turn and lost it without its doing, so it keeps the better of its old place and a new one.
    let again = |reason| {
        let order_key = task.order_key.min(OrderKey::new(now, task.priority));
        step(Next::Queued { run_at: now, order_key }, reason)
    };
    let attempts_left = tally.attempts < task.retry.max_attempts;

    Ok(match meaning {
        Meaning::Done => step(Next::Completed, Reason::Completed),
        // The attempt's own row keeps its own word; the task's is the one that its owner asked for.
        _ if task.cancel_requested => {
            Transition { outcome: Some(Outcome::Cancelled), ..step(Next::Cancelled, Reason::Cancelled) }
        }
        Meaning::Unwanted => step(Next::Cancelled, Reason::Cancelled),
        Meaning::Hopeless => step(Next::Failed, Reason::NeverRetried),
        Meaning::MayWork | Meaning::MayWorkLater if !attempts_left => {
            step(Next::Failed, Reason::AttemptsUsedUp)
        }
        Meaning::MayWork => wait(backoff_ms(&task.retry, tally.attempts, jitter), Reason::RetryByPolicy),
        Meaning::MayWorkLater => {
            let ms = wait_asked_ms(&task.retry, ending.retry_after_ms, tally.attempts, jitter);
            wait(ms, Reason::RetryAsked)
        }
        Meaning::NoModule if tally.module_unavailable >= MODULE_UNAVAILABLE_MAX => {
            step(Next::Failed, Reason::ModuleStayedAway)
        }
        Meaning::NoModule => {
            let ms = backoff_ms(&task.retry, tally.module_unavailable, jitter);
            wait(ms, Reason::ModuleUnavailable)
        }
        Meaning::Interrupted => again(Reason::HandedBack),
        // It began alone, since that is how a task with so many losses begins.
        Meaning::Lost if task.runs_alone() => step(Next::Failed, Reason::LostAlone),
        Meaning::Lost => again(Reason::Lost),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Enqueue, Tally, claim};
    use super::*;
    use crate::limits::LOSSES_UNTIL_ALONE;
    use crate::manifest::Retry;

    const POLICY: Retry = Retry { max_attempts: 3, base_ms: 10_000, cap_ms: 60_000 };
    const HALF: Jitter = Jitter::from_bits(1 << 63);
    const ENQUEUED: Timestamp = Timestamp::from_ms(1_000_000);
    const NOW: Timestamp = Timestamp::from_ms(2_000_000);

    fn running() -> Task {
        let enqueue =
            Enqueue { run_at: None, priority: 3, expires_at: None, retry: POLICY, configured: true };
        let task = Task::enqueued(enqueue, ENQUEUED);
        task.after(&claim(&task, ENQUEUED).unwrap())
    }

    fn end(task: &Task, ending: impl Into<Ending>) -> Transition {
        settle(task, ending.into(), NOW, HALF).unwrap()
    }

    /// Milliseconds until it is due, for one that waits.
    fn waits_ms(transition: &Transition) -> Option<u64> {
        match transition.next {
            Next::Queued { run_at, .. } => Some(run_at.ms_since(NOW)),
            _ => None,
        }
    }

    #[test]
    fn each_outcome_has_its_consequence() {
        use {Outcome as O, Reason as R, State as S};
        let retry = (S::Queued, R::RetryByPolicy, S::Failed, R::AttemptsUsedUp, Some(Count::Attempt));
        let both = |state, reason, count| (state, reason, state, reason, count);
        let rows = [
            (O::Completed, both(S::Completed, R::Completed, Some(Count::Attempt))),
            (O::Rejected, both(S::Failed, R::NeverRetried, Some(Count::Attempt))),
            (O::Failed, retry),
            (O::RetryAsked, (S::Queued, R::RetryAsked, S::Failed, R::AttemptsUsedUp, Some(Count::Attempt))),
            (O::Trapped, retry),
            (O::TimedOut, retry),
            (O::OverCpu, retry),
            (O::OutOfMemory, retry),
            (O::OverLimit, retry),
            (O::Refused, both(S::Failed, R::NeverRetried, Some(Count::Attempt))),
            (O::ModuleUnavailable, both(S::Queued, R::ModuleUnavailable, Some(Count::ModuleUnavailable))),
            (O::HostError, retry),
            (O::Cancelled, both(S::Cancelled, R::Cancelled, Some(Count::Attempt))),
            (O::Interrupted, both(S::Queued, R::HandedBack, None)),
            (O::Lost, both(S::Queued, R::Lost, Some(Count::Loss))),
        ];
        assert_eq!(rows.map(|(outcome, _)| outcome), Outcome::ALL);

        let first = running();
        let last = Task { tally: Tally { attempts: POLICY.max_attempts - 1, ..first.tally }, ..first };
        for (outcome, (with_left, its_reason, with_none, last_reason, count)) in rows {
            for (task, state, reason) in [(first, with_left, its_reason), (last, with_none, last_reason)] {
                let transition = end(&task, outcome);
                assert_eq!((transition.next.state(), transition.reason), (state, reason), "{outcome}");
                assert_eq!((transition.outcome, transition.count), (Some(outcome), count), "{outcome}");
                assert_eq!(transition.commits_asked_tasks(), outcome == O::Completed, "{outcome}");
                let deleted = matches!(state, S::Completed | S::Cancelled);
                assert_eq!(transition.deletes_configuration(), deleted, "{outcome}");
                assert!(!transition.starts_anew(), "{outcome}");
            }
        }
    }

    #[test]
    fn a_wanted_cancel_yields_only_to_a_result() {
        let task = Task { cancel_requested: true, ..running() };
        for outcome in Outcome::ALL {
            let transition = end(&task, outcome);
            let expected = match outcome {
                Outcome::Completed => (Next::Completed, Some(Outcome::Completed)),
                _ => (Next::Cancelled, Some(Outcome::Cancelled)),
            };
            assert_eq!((transition.next, transition.outcome), expected, "{outcome}");
        }
    }

    #[test]
    fn an_attempt_that_is_not_running_settles_nothing() {
        for state in State::ALL.into_iter().filter(|&state| state != State::Running) {
            let task = Task { state, ..running() };
            let refused = settle(&task, Outcome::Completed.into(), NOW, HALF);
            assert_eq!(refused, Err(Refusal::NotRunning { state }));
        }
    }

    #[test]
    fn the_waits_grow_with_the_attempts_that_count() {
        let mut task = running();
        assert_eq!(waits_ms(&end(&task, Outcome::Failed)), Some(5_000));
        task.tally = Tally { attempts: 1, losses: 2, module_unavailable: 7 };
        assert_eq!(waits_ms(&end(&task, Outcome::Trapped)), Some(10_000));
        assert_eq!(waits_ms(&end(&task, Outcome::ModuleUnavailable)), Some(30_000), "it counts by itself");
        let asked = AttemptEnd::RetryAsked { after_ms: 100_000, message: String::new() };
        assert_eq!(waits_ms(&end(&task, &asked)), Some(105_000));
    }

    #[test]
    fn after_two_losses_a_task_runs_alone_and_the_next_fails_it() {
        let mut task = running();
        for losses in 1..=LOSSES_UNTIL_ALONE {
            assert!(!task.runs_alone());
            let transition = end(&task, Outcome::Lost);
            assert_eq!((transition.next.state(), waits_ms(&transition)), (State::Queued, Some(0)));
            task = task.after(&transition);
            assert_eq!(task.tally, Tally { losses, ..Tally::default() }, "no attempt is used up");
            task = task.after(&claim(&task, NOW).unwrap());
        }
        assert!(task.runs_alone());
        assert_eq!(end(&task, Outcome::Failed).next.state(), State::Queued, "it may still work");
        let transition = end(&task, Outcome::Lost);
        assert_eq!((transition.next, transition.reason), (Next::Failed, Reason::LostAlone));
        assert_eq!(transition.outcome, Some(Outcome::Lost));
    }

    #[test]
    fn a_module_that_stays_away_fails_its_tasks_in_the_end() {
        let task = Task { retry: Retry { max_attempts: 1, ..POLICY }, ..running() };
        assert_eq!(end(&task, Outcome::ModuleUnavailable).next.state(), State::Queued);
        let tally = Tally { module_unavailable: MODULE_UNAVAILABLE_MAX - 1, ..task.tally };
        let transition = end(&Task { tally, ..task }, Outcome::ModuleUnavailable);
        assert_eq!((transition.next, transition.reason), (Next::Failed, Reason::ModuleStayedAway));
    }

    #[test]
    fn what_was_not_the_tasks_doing_does_not_cost_it_its_place() {
        let task = running();
        for outcome in [Outcome::Interrupted, Outcome::Lost] {
            let kept = Next::Queued { run_at: NOW, order_key: task.order_key };
            assert_eq!(end(&task, outcome).next, kept, "{outcome}");
            // The clock went back by an hour, so that its old place would be behind all that come now.
            let before = Timestamp::from_ms(500_000);
            let moved = settle(&task, outcome.into(), before, HALF).unwrap().next;
            let order_key = OrderKey::new(before, task.priority);
            assert_eq!(moved, Next::Queued { run_at: before, order_key }, "{outcome}");
        }
        let Next::Queued { run_at, order_key } = end(&task, Outcome::Failed).next else { panic!() };
        assert_eq!(order_key, OrderKey::new(run_at, task.priority), "a retry waits like a new task");
    }
}
