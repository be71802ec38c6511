//! Begin, cancel, retry by hand, expire.

use super::{Next, OrderKey, Reason, Refusal, SealedConfiguration, State, Task, Timestamp, Transition};
use crate::outcome::Outcome;

/// Begins the next attempt.
///
/// Whether the task is due is not asked again: it was when it became ready, and the clock may have gone back since.
///
/// # Errors
/// [`Refusal::NotQueued`]; [`Refusal::TimeIsOver`] for one that is to [`expire`].
pub fn claim(task: &Task, now: Timestamp) -> Result<Transition, Refusal> {
    if task.state != State::Queued {
        return Err(Refusal::NotQueued { state: task.state });
    }
    if let Some(expires_at) = task.expires_at
        && task.is_past_expiry(now)
    {
        return Err(Refusal::TimeIsOver { expires_at });
    }
    let attempt = task.attempts.saturating_add(1);
    Ok(Transition {
        next: Next::Running { attempt },
        outcome: task.outcome,
        count: None,
        reason: Reason::Claimed,
    })
}

/// What a cancel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a cancel that nobody writes down did not happen"]
pub enum Cancel {
    /// It had no attempt running and is cancelled.
    Now(Transition),
    /// It runs: write down that a cancel is wanted ([`Task::cancel_requested`]) and tell its attempt. The attempt's end decides.
    Requested,
    /// It was cancelled before, or a cancel is wanted already. Not an error: a client repeats what it got no answer to.
    Already,
}

/// Cancels a task.
///
/// A cancel that was taken ends in `cancelled`, or in `completed` if the attempt was faster.
///
/// # Errors
/// [`Refusal::NotCancellable`] for one that ended otherwise.
pub fn cancel(task: &Task) -> Result<Cancel, Refusal> {
    match task.state {
        State::Queued => Ok(Cancel::Now(Transition {
            next: Next::Cancelled,
            outcome: Some(Outcome::Cancelled),
            count: None,
            reason: Reason::Cancelled,
        })),
        State::Running if task.cancel_requested => Ok(Cancel::Already),
        State::Running => Ok(Cancel::Requested),
        State::Cancelled => Ok(Cancel::Already),
        State::Completed | State::Failed | State::Expired => {
            Err(Refusal::NotCancellable { state: task.state })
        }
    }
}

/// Gives a task that ended without a result a new life: see [`Transition::starts_anew`]. Its expiry is lifted because whoever
/// retries wants it run now.
///
/// # Errors
/// [`Refusal::NotRetryable`] for one that has not ended, or has its result; [`Refusal::ConfigurationGone`]. The store adds
/// `unique_conflict`, which only it can see.
pub fn retry(task: &Task, delay_ms: u64, now: Timestamp) -> Result<Transition, Refusal> {
    match task.state {
        State::Failed | State::Cancelled | State::Expired => {}
        State::Queued | State::Running | State::Completed => {
            return Err(Refusal::NotRetryable { state: task.state });
        }
    }
    if task.configuration == SealedConfiguration::Deleted {
        return Err(Refusal::ConfigurationGone { state: task.state });
    }
    let run_at = now.after_ms(delay_ms);
    Ok(Transition {
        next: Next::Queued { run_at, order_key: OrderKey::new(run_at, task.priority) },
        outcome: None,
        count: None,
        reason: Reason::RetriedByHand,
    })
}

/// Ends a task that did not begin in time. The word of an earlier attempt stays beside the state.
///
/// # Errors
/// [`Refusal::NotQueued`]; [`Refusal::TimeIsLeft`] for one that may still begin.
pub fn expire(task: &Task, now: Timestamp) -> Result<Transition, Refusal> {
    if task.state != State::Queued {
        return Err(Refusal::NotQueued { state: task.state });
    }
    if !task.is_past_expiry(now) {
        return Err(Refusal::TimeIsLeft);
    }
    Ok(Transition { next: Next::Expired, outcome: task.outcome, count: None, reason: Reason::Expired })
}

#[cfg(test)]
mod tests {
    use super::super::{Enqueue, Tally};
    use super::*;
    use crate::manifest::Retry;

    const NOW: Timestamp = Timestamp::from_ms(1_000_000);
    const LATER: Timestamp = Timestamp::from_ms(1_060_000);

    fn queued() -> Task {
        let retry = Retry::default();
        let enqueue =
            Enqueue { run_at: None, priority: 0, expires_at: Some(LATER), retry, configured: false };
        Task::enqueued(enqueue, NOW)
    }

    fn at(state: State) -> Task {
        Task { state, ..queued() }
    }

    #[test]
    fn a_task_is_due_from_its_time_on_and_never_before_it_came() {
        let due = |run_at| {
            let enqueue =
                Enqueue { run_at, priority: 9, expires_at: None, retry: Retry::default(), configured: true };
            Task::enqueued(enqueue, NOW)
        };
        let early = due(Some(Timestamp::MIN));
        assert_eq!((early.run_at, early.order_key), (NOW, due(None).order_key), "the past is now");
        let late = due(Some(LATER));
        assert!(!late.is_due(NOW) && late.is_due(LATER));
    }

    #[test]
    fn each_claim_has_its_own_number() {
        let task = Task { attempts: 6, tally: Tally { attempts: 2, ..Tally::default() }, ..queued() };
        let claimed = claim(&task, NOW).unwrap();
        assert_eq!(claimed.next, Next::Running { attempt: 7 });
        assert_eq!(task.after(&claimed).attempt_for_job(), 3, "what does not count is left out");
        for state in State::ALL.into_iter().filter(|&state| state != State::Queued) {
            assert_eq!(claim(&at(state), NOW), Err(Refusal::NotQueued { state }));
        }
    }

    #[test]
    fn a_ready_task_stays_ready_when_the_clock_goes_back() {
        assert!(claim(&queued(), Timestamp::MIN).is_ok());
    }

    #[test]
    fn an_expiry_ends_what_waits_and_not_what_runs() {
        let waits = queued();
        assert_eq!(expire(&waits, NOW), Err(Refusal::TimeIsLeft));
        assert_eq!(claim(&waits, LATER), Err(Refusal::TimeIsOver { expires_at: LATER }));
        let waited = Task { outcome: Some(Outcome::Failed), ..waits };
        let expired = expire(&waited, LATER).unwrap();
        assert_eq!((expired.next, expired.outcome), (Next::Expired, Some(Outcome::Failed)));
        assert!(expired.deletes_configuration());
        assert_eq!(expire(&Task { expires_at: None, ..waits }, Timestamp::MAX), Err(Refusal::TimeIsLeft));
        for state in State::ALL.into_iter().filter(|&state| state != State::Queued) {
            assert_eq!(expire(&at(state), LATER), Err(Refusal::NotQueued { state }));
        }
    }

    #[test]
    fn a_cancel_is_taken_until_the_task_has_ended() {
        let Ok(Cancel::Now(cancelled)) = cancel(&queued()) else { panic!("it has no attempt to wait for") };
        assert_eq!((cancelled.next, cancelled.outcome), (Next::Cancelled, Some(Outcome::Cancelled)));
        assert!(cancelled.deletes_configuration());
        let runs = at(State::Running);
        assert_eq!(cancel(&runs), Ok(Cancel::Requested));
        assert_eq!(cancel(&Task { cancel_requested: true, ..runs }), Ok(Cancel::Already));
        assert_eq!(cancel(&at(State::Cancelled)), Ok(Cancel::Already));
        for state in [State::Completed, State::Failed, State::Expired] {
            let refused = cancel(&at(state)).unwrap_err();
            assert_eq!(
                (refused, refused.code()),
                (Refusal::NotCancellable { state }, Some("not_cancellable"))
            );
        }
    }

    #[test]
    fn a_retry_by_hand_is_a_new_life() {
        for state in [State::Failed, State::Cancelled, State::Expired] {
            let tally = Tally { attempts: 5, losses: 2, module_unavailable: 1 };
            let over = Task { tally, attempts: 8, outcome: Some(Outcome::Lost), ..at(state) };
            let again = retry(&over, 0, LATER).unwrap();
            let task = over.after(&again);
            assert_eq!((task.state, task.run_at, task.outcome), (State::Queued, LATER, None), "{state}");
            assert_eq!((task.tally, task.expires_at), (Tally::default(), None), "{state}");
            assert_eq!(task.attempts, 8, "an attempt of the former life is not one of this");
            assert!(!task.runs_alone() && claim(&task, LATER).is_ok(), "{state}");
            assert_eq!(over.after(&retry(&over, 5, NOW).unwrap()).run_at, NOW.after_ms(5));
        }
        for state in [State::Queued, State::Running, State::Completed] {
            let refused = retry(&at(state), 0, NOW).unwrap_err();
            assert_eq!((refused, refused.code()), (Refusal::NotRetryable { state }, Some("not_retryable")));
        }
    }

    #[test]
    fn without_its_configuration_a_task_is_not_retried() {
        let waits = Task { configuration: SealedConfiguration::Kept, ..queued() };
        let expired = waits.after(&expire(&waits, LATER).unwrap());
        assert_eq!(expired.configuration, SealedConfiguration::Deleted);
        let refused = retry(&expired, 0, LATER).unwrap_err();
        assert_eq!(refused.code(), Some("configuration_gone"));
        assert_eq!(
            refused.to_string(),
            "the configuration of the task was deleted when it was `expired`, expected it to be kept"
        );
        let failed = Task { state: State::Failed, ..waits };
        assert!(retry(&failed, 0, LATER).is_ok(), "a failed task keeps it");
    }
}
