//! Retry by hand: a new life.

use crate::support::{
    Harness, NOW, ask, at, ended, id, idempotency, job, line, new_task, on_each_store, unique,
};
use mainworker_domain::lifecycle::{Reason, Refusal, State};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::{EnqueueRefusal, How, NewTask};
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::retry::{Retried, RetriedTask, Retry};
use mainworker_queue::verbs::settle::Settled;

on_each_store! {
    a_task_that_ended_without_a_result_is_queued_again
    what_was_counted_begins_anew_and_the_numbers_go_on
    it_goes_behind_those_that_wait
    a_delay_is_waited_for
    what_has_not_ended_or_has_a_result_is_refused
    a_task_whose_configuration_is_gone_is_refused
    its_unique_key_may_be_held_by_another
    it_takes_its_unique_key_again
    each_of_a_batch_is_decided_by_itself
    an_attempt_of_the_former_life_is_stale
    its_idempotency_key_stays_its_own
}

async fn a_task_that_ended_without_a_result_is_queued_again(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Rejected, NOW).await;
    store.enqueue([new_task(2)], NOW).await;
    store.cancel(id(2), NOW).await;
    store.enqueue([NewTask { expires_at: Some(at(1)), ..new_task(3) }], NOW).await;
    store.expire(at(1)).await;
    for number in 1..=3 {
        assert_eq!(store.retry(id(number), at(10)).await, Retried::Queued);
        let view = store.task(id(number)).await;
        assert_eq!((view.summary.state, view.summary.outcome), (State::Queued, None));
        assert_eq!((view.summary.run_at, view.summary.finished_at), (at(10), None));
        assert_eq!(view.summary.expires_at, None, "whoever retries it wants it run");
    }
    assert_eq!(store.claim_ids(at(10)).await, [1, 2, 3].map(id));
}

async fn what_was_counted_begins_anew_and_the_numbers_go_on(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    for number in 1..=3 {
        let now = at(i64::from(number) * 100);
        let held = store.claim_one(now).await.held;
        let log = LogPiece { first_line: 0, lines: vec![line("first life")] };
        store.record(Record { held, log, progress: None }).await;
        store.apply(ended(held, Outcome::Failed, now)).await;
    }
    assert_eq!(store.retry(id(1), at(1_000)).await, Retried::Queued);
    for number in 4..=6 {
        let now = at(i64::from(number) * 1_000);
        let claimed = store.claim_one(now).await;
        assert_eq!((claimed.held.attempt, claimed.attempt_for_job), (number, number - 3));
        let applied = store.apply(ended(claimed.held, Outcome::Failed, now)).await;
        assert_eq!(applied.transition.reason == Reason::AttemptsUsedUp, number == 6);
    }
    assert_eq!(store.task(id(1)).await.attempts.len(), 6, "the rows of the former life stay");
    assert_eq!(store.messages(id(1)).await.len(), 3);
}

async fn it_goes_behind_those_that_wait(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Rejected, NOW).await;
    store.enqueue([new_task(2)], at(5)).await;
    store.retry(id(1), at(6)).await;
    assert_eq!(store.claim_ids(at(6)).await, [id(2), id(1)]);
}

async fn a_delay_is_waited_for(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Rejected, NOW).await;
    let retry = Retry { tasks: vec![id(1)], delay_ms: 5_000, now: at(1), by: None };
    let queued = RetriedTask { how: Retried::Queued, job: Some(job("echo")) };
    assert_eq!(store.store.retry(retry).await, Ok(vec![queued]));
    assert_eq!(store.task(id(1)).await.summary.run_at, at(6));
    assert_eq!(store.claim_ids(at(5)).await, []);
    assert_eq!(store.claim_ids(at(6)).await, [id(1)]);
}

async fn what_has_not_ended_or_has_a_result_is_refused(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Completed, NOW).await;
    store.started(new_task(2), NOW).await;
    store.enqueue([new_task(3)], NOW).await;
    for (number, state) in [(1, State::Completed), (2, State::Running), (3, State::Queued)] {
        let before = store.seen(id(number)).await;
        let refused = Retried::Refused(Refusal::NotRetryable { state });
        assert_eq!(store.retry(id(number), at(1)).await, refused);
        assert_eq!(store.seen(id(number)).await, before);
    }
}

async fn a_task_whose_configuration_is_gone_is_refused(store: &Harness<'_, impl Store>) {
    let configured = |number| NewTask { configuration: Some(vec![1]), ..new_task(number) };
    store.enqueue([NewTask { expires_at: Some(at(1)), ..configured(1) }, configured(2)], NOW).await;
    store.expire(at(1)).await;
    store.cancel(id(2), NOW).await;
    for (number, state) in [(1, State::Expired), (2, State::Cancelled)] {
        let before = store.seen(id(number)).await;
        let refused = Retried::Refused(Refusal::ConfigurationGone { state });
        assert_eq!(store.retry(id(number), at(2)).await, refused);
        assert_eq!(store.seen(id(number)).await, before);
    }
}

async fn its_unique_key_may_be_held_by_another(store: &Harness<'_, impl Store>) {
    let sole = |number, policy| NewTask { unique: unique("u", policy), ..new_task(number) };
    store.enqueue([sole(1, UniquePolicy::Replace)], NOW).await;
    store.enqueue([sole(2, UniquePolicy::Replace)], NOW).await;
    let conflict = Retried::UniqueConflict { task_id: id(2) };
    let before = store.seen(id(1)).await;
    assert_eq!(store.retry(id(1), at(1)).await, conflict, "whatever its own policy is");
    let held = store.claim_one(NOW).await.held;
    assert_eq!(store.retry(id(1), at(1)).await, conflict, "it runs");
    assert_eq!(store.seen(id(1)).await, before);
    store.apply(ended(held, Outcome::Completed, NOW)).await;
    assert_eq!(store.retry(id(1), at(2)).await, Retried::Queued);

    // Another job's key of the same name is another key.
    let other = |number| NewTask { job: job("other"), ..sole(number, UniquePolicy::Reject) };
    store.enqueue([other(3)], at(3)).await;
    store.cancel(id(3), at(3)).await;
    assert_eq!(store.retry(id(3), at(3)).await, Retried::Queued);
}

async fn it_takes_its_unique_key_again(store: &Harness<'_, impl Store>) {
    let sole = |number| NewTask { unique: unique("u", UniquePolicy::Reject), ..new_task(number) };
    store.finished(sole(1), Outcome::Rejected, NOW).await;
    store.retry(id(1), at(1)).await;
    let refusal = EnqueueRefusal::UniqueConflict { task_id: id(1), state: State::Queued };
    assert_eq!(store.refused(ask([sole(2)], at(2))).await, (0, refusal));
    let held = store.claim_one(at(3)).await.held;
    store.apply(ended(held, Outcome::Completed, at(3))).await;
    assert_eq!(store.enqueue([sole(2)], at(4)).await[0].how, How::New);
}

async fn each_of_a_batch_is_decided_by_itself(store: &Harness<'_, impl Store>) {
    let sole = |number| NewTask { unique: unique("u", UniquePolicy::Reject), ..new_task(number) };
    for number in 1..=2 {
        store.finished(sole(number), Outcome::Rejected, NOW).await;
    }
    store.finished(NewTask { job: job("other"), ..new_task(3) }, Outcome::Rejected, NOW).await;
    let tasks = vec![id(9), id(2), id(1), id(2), id(3)];
    let answers = store.store.retry(Retry { tasks, delay_ms: 0, now: at(1), by: None }).await.unwrap();
    let answer = |how, name: &str| RetriedTask { how, job: Some(job(name)) };
    let expected = [
        RetriedTask { how: Retried::Unknown, job: None },
        answer(Retried::Queued, "echo"),
        answer(Retried::UniqueConflict { task_id: id(2) }, "echo"),
        answer(Retried::Refused(Refusal::NotRetryable { state: State::Queued }), "echo"),
        answer(Retried::Queued, "other"),
    ];
    assert_eq!(answers, expected);
}

async fn an_attempt_of_the_former_life_is_stale(store: &Harness<'_, impl Store>) {
    let held = store.finished(new_task(1), Outcome::Rejected, NOW).await;
    store.retry(id(1), at(1)).await;
    assert_eq!(store.settle(ended(held, Outcome::Completed, at(2))).await, Settled::Stale);
    let second = store.claim_one(at(3)).await.held;
    assert_eq!(store.settle(ended(held, Outcome::Completed, at(4))).await, Settled::Stale);
    store.apply(ended(second, Outcome::Completed, at(5))).await;
}

async fn its_idempotency_key_stays_its_own(store: &Harness<'_, impl Store>) {
    let keyed = |number| NewTask { idempotency: idempotency("k", 1), ..new_task(number) };
    store.finished(keyed(1), Outcome::Rejected, NOW).await;
    store.retry(id(1), at(1)).await;
    let known = store.enqueue([keyed(2)], at(2)).await;
    assert_eq!((known[0].id, known[0].how), (id(1), How::Known));
}
