//! Cancel: what it does to a task in each state.

use crate::support::{Harness, NOW, at, begin, ended, id, job, new_task, on_each_store};
use mainworker_domain::lifecycle::{Refusal, State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::{Cancel, Cancelled, CancelledTask};
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::retry::Retried;

on_each_store! {
    a_queued_task_is_cancelled_at_once
    a_running_task_is_to_be_told
    a_task_between_attempts_is_cancelled_at_once
    a_cancel_can_be_repeated
    a_task_that_ended_otherwise_is_refused
    each_of_a_batch_is_decided_by_itself
    a_wanted_cancel_ends_with_its_attempt
    a_cancelled_task_gives_up_its_configuration
}

async fn a_queued_task_is_cancelled_at_once(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1), NewTask { run_at: at(60), ..new_task(2) }], NOW).await;
    for number in 1..=2 {
        assert_eq!(store.cancel(id(number), at(5)).await, Cancelled::Now);
        let summary = store.task(id(number)).await.summary;
        assert_eq!((summary.state, summary.outcome), (State::Cancelled, Some(Outcome::Cancelled)));
        assert_eq!((summary.finished_at, summary.attempts), (Some(at(5)), 0));
    }
    let claimed = store.claim(begin(Timestamp::MAX)).await;
    assert!(claimed.tasks.is_empty() && claimed.next_due_at.is_none());
}

async fn a_running_task_is_to_be_told(store: &Harness<'_, impl Store>) {
    store.started(new_task(1), NOW).await;
    assert_eq!(store.cancel(id(1), at(5)).await, Cancelled::Requested { attempt: 1 });
    let summary = store.task(id(1)).await.summary;
    assert_eq!((summary.state, summary.cancel_requested), (State::Running, true));
    assert_eq!((summary.outcome, summary.finished_at), (None, None));
}

async fn a_task_between_attempts_is_cancelled_at_once(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Failed, NOW).await;
    assert_eq!(store.cancel(id(1), at(1)).await, Cancelled::Now);
    let view = store.task(id(1)).await;
    assert_eq!(view.summary.outcome, Some(Outcome::Cancelled));
    assert_eq!(view.attempts[0].outcome, Some(Outcome::Failed));
}

async fn a_cancel_can_be_repeated(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.cancel(id(1), at(1)).await;
    assert_eq!(store.cancel(id(1), at(2)).await, Cancelled::Already);
    store.apply(ended(held, Outcome::Cancelled, at(3))).await;
    let before = store.seen(id(1)).await;
    assert_eq!(store.cancel(id(1), at(4)).await, Cancelled::Already);
    assert_eq!(store.seen(id(1)).await, before);
}

async fn a_task_that_ended_otherwise_is_refused(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Completed, NOW).await;
    store.finished(new_task(2), Outcome::Rejected, NOW).await;
    store.enqueue([NewTask { expires_at: Some(at(1)), ..new_task(3) }], NOW).await;
    store.expire(at(1)).await;
    for (number, state) in [(1, State::Completed), (2, State::Failed), (3, State::Expired)] {
        let before = store.seen(id(number)).await;
        let refused = Cancelled::Refused(Refusal::NotCancellable { state });
        assert_eq!(store.cancel(id(number), at(2)).await, refused);
        assert_eq!(store.seen(id(number)).await, before);
    }
}

async fn each_of_a_batch_is_decided_by_itself(store: &Harness<'_, impl Store>) {
    store.started(new_task(1), NOW).await;
    store.finished(new_task(3), Outcome::Rejected, NOW).await;
    store.enqueue([NewTask { job: job("other"), ..new_task(2) }], NOW).await;
    let tasks = vec![id(2), id(9), id(1), id(2), id(1), id(3)];
    let answers = store.store.cancel(Cancel { tasks, now: NOW, by: None }).await.unwrap();
    let answer = |how, name: &str| CancelledTask { how, job: Some(job(name)) };
    let refused = Cancelled::Refused(Refusal::NotCancellable { state: State::Failed });
    let expected = [
        answer(Cancelled::Now, "other"),
        CancelledTask { how: Cancelled::Unknown, job: None },
        answer(Cancelled::Requested { attempt: 1 }, "echo"),
        answer(Cancelled::Already, "other"),
        answer(Cancelled::Already, "echo"),
        answer(refused, "echo"),
    ];
    assert_eq!(answers, expected);
}

async fn a_wanted_cancel_ends_with_its_attempt(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.cancel(id(1), NOW).await;
    store.apply(ended(held, Outcome::Failed, NOW)).await;
    assert_eq!(store.retry(id(1), NOW).await, Retried::Queued);
    let second = store.claim_one(NOW).await.held;
    assert!(!store.task(id(1)).await.summary.cancel_requested, "that wish was for the first");
    store.apply(ended(second, Outcome::Interrupted, NOW)).await;
    assert_eq!(store.state(id(1)).await, State::Queued);
}

async fn a_cancelled_task_gives_up_its_configuration(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { configuration: Some(vec![1]), ..new_task(1) }, new_task(2)], NOW).await;
    store.cancel(id(1), NOW).await;
    store.cancel(id(2), NOW).await;
    let gone = Refusal::ConfigurationGone { state: State::Cancelled };
    assert_eq!(store.retry(id(1), NOW).await, Retried::Refused(gone));
    assert_eq!(store.retry(id(2), NOW).await, Retried::Queued, "it never had any");
}
