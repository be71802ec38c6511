//! Enqueue: idempotency keys, and unique keys with what each policy does.

use crate::support::{Harness, NOW, ask, at, ended, id, idempotency, job, new_task, on_each_store, unique};
use mainworker_domain::lifecycle::{Refusal, State};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::{EnqueueRefusal, Enqueued, How, NewTask};
use mainworker_queue::verbs::retry::Retried;

on_each_store! {
    a_task_is_known_by_its_key_for_as_long_as_it_is_kept
    an_idempotency_key_with_other_content_is_a_conflict
    an_idempotency_key_belongs_to_its_source
    a_unique_key_is_rejected_while_it_is_held
    a_unique_key_belongs_to_its_job
    a_task_holds_its_unique_key_between_attempts
    a_task_that_ended_holds_no_unique_key
    replace_takes_the_place_of_a_queued_task
    replace_yields_to_a_running_task
    replace_leaves_the_task_of_another_source
    existing_is_the_task_that_is_there
}

fn keyed(number: u128, content: u8) -> NewTask {
    NewTask { idempotency: idempotency("k", content), ..new_task(number) }
}

fn sole(number: u128, policy: UniquePolicy) -> NewTask {
    NewTask { unique: unique("u", policy), ..new_task(number) }
}

async fn refused_by(store: &Harness<'_, impl Store>, task: NewTask, holder: TaskId, state: State) {
    let refusal = EnqueueRefusal::UniqueConflict { task_id: holder, state };
    assert_eq!(store.refused(ask([task], NOW)).await, (0, refusal));
}

async fn a_task_is_known_by_its_key_for_as_long_as_it_is_kept(store: &Harness<'_, impl Store>) {
    let known = [Enqueued { id: id(1), how: How::Known }];
    let held = store.started(keyed(1, 1), NOW).await;
    assert_eq!(store.enqueue([keyed(2, 1)], at(1)).await, known, "it runs");
    store.apply(ended(held, Outcome::Completed, NOW)).await;
    assert_eq!(store.enqueue([keyed(3, 1)], at(2)).await, known, "it is completed");
    assert_eq!(store.claim_ids(at(3)).await, [], "nothing runs again");

    store.enqueue([NewTask { idempotency: idempotency("l", 1), ..new_task(4) }], NOW).await;
    store.cancel(id(4), NOW).await;
    let again = NewTask { idempotency: idempotency("l", 1), ..new_task(5) };
    assert_eq!(store.enqueue([again], NOW).await, [Enqueued { id: id(4), how: How::Known }]);
}

async fn an_idempotency_key_with_other_content_is_a_conflict(store: &Harness<'_, impl Store>) {
    store.finished(keyed(1, 1), Outcome::Completed, NOW).await;
    let conflict = EnqueueRefusal::IdempotencyConflict { task_id: id(1) };
    assert_eq!(store.refused(ask([keyed(2, 2)], NOW)).await, (0, conflict));
}

async fn an_idempotency_key_belongs_to_its_source(store: &Harness<'_, impl Store>) {
    let others = NewTask { source: "ci".to_owned(), ..keyed(2, 2) };
    // Another job of the same source is other content; another source is another key.
    let conflict = EnqueueRefusal::IdempotencyConflict { task_id: id(1) };
    store.enqueue([keyed(1, 1)], NOW).await;
    assert_eq!(store.enqueue([others], NOW).await, [Enqueued { id: id(2), how: How::New }]);
    let of_other_job = NewTask { job: job("other"), ..keyed(3, 3) };
    assert_eq!(store.refused(ask([of_other_job], NOW)).await, (0, conflict));
}

async fn a_unique_key_is_rejected_while_it_is_held(store: &Harness<'_, impl Store>) {
    store.enqueue([sole(1, UniquePolicy::Replace)], NOW).await;
    refused_by(store, sole(2, UniquePolicy::Reject), id(1), State::Queued).await;
    store.claim_one(NOW).await;
    refused_by(store, sole(2, UniquePolicy::Reject), id(1), State::Running).await;
}

async fn a_unique_key_belongs_to_its_job(store: &Harness<'_, impl Store>) {
    let other = NewTask { job: job("other"), ..sole(2, UniquePolicy::Reject) };
    let other_key = NewTask { unique: unique("v", UniquePolicy::Reject), ..new_task(3) };
    let other_source = NewTask { source: "ci".to_owned(), ..sole(4, UniquePolicy::Reject) };
    for task in [sole(1, UniquePolicy::Reject), other, other_key] {
        assert_eq!(store.enqueue([task], NOW).await[0].how, How::New);
    }
    refused_by(store, other_source, id(1), State::Queued).await;
}

async fn a_task_holds_its_unique_key_between_attempts(store: &Harness<'_, impl Store>) {
    for (number, outcome) in [(1, Outcome::Failed), (2, Outcome::Interrupted), (3, Outcome::Lost)] {
        let key = || unique(&format!("u{number}"), UniquePolicy::Reject);
        let held = store.started(NewTask { unique: key(), ..new_task(number) }, NOW).await;
        store.apply(ended(held, outcome, NOW)).await;
        refused_by(store, NewTask { unique: key(), ..new_task(9) }, id(number), State::Queued).await;
        store.cancel(id(number), NOW).await;
    }
}

async fn a_task_that_ended_holds_no_unique_key(store: &Harness<'_, impl Store>) {
    store.finished(sole(1, UniquePolicy::Reject), Outcome::Completed, NOW).await;
    store.finished(sole(2, UniquePolicy::Reject), Outcome::Rejected, NOW).await;
    store.enqueue([sole(3, UniquePolicy::Reject)], NOW).await;
    store.cancel(id(3), NOW).await;
    store.enqueue([NewTask { expires_at: Some(at(1)), ..sole(4, UniquePolicy::Reject) }], NOW).await;
    store.expire(at(1)).await;
    assert_eq!(store.enqueue([sole(5, UniquePolicy::Existing)], at(1)).await[0].how, How::New);
}

async fn replace_takes_the_place_of_a_queued_task(store: &Harness<'_, impl Store>) {
    let first = NewTask { configuration: Some(vec![1]), run_at: at(60), ..sole(1, UniquePolicy::Reject) };
    store.enqueue([first], NOW).await;
    let replaced = store.enqueue([sole(2, UniquePolicy::Replace)], at(5)).await;
    assert_eq!(replaced, [Enqueued { id: id(2), how: How::Replaced(id(1)) }]);

    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.outcome), (State::Cancelled, Some(Outcome::Cancelled)));
    assert_eq!(view.summary.finished_at, Some(at(5)));
    let gone = Refusal::ConfigurationGone { state: State::Cancelled };
    assert_eq!(store.retry(id(1), at(6)).await, Retried::Refused(gone));
    refused_by(store, sole(3, UniquePolicy::Reject), id(2), State::Queued).await;
    assert_eq!(store.claim_ids(at(100)).await, [id(2)], "only the new one runs");
}

async fn replace_yields_to_a_running_task(store: &Harness<'_, impl Store>) {
    store.started(sole(1, UniquePolicy::Replace), NOW).await;
    refused_by(store, sole(2, UniquePolicy::Replace), id(1), State::Running).await;
    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.cancel_requested), (State::Running, false));
}

async fn existing_is_the_task_that_is_there(store: &Harness<'_, impl Store>) {
    let existing = [Enqueued { id: id(1), how: How::Existing }];
    store.enqueue([sole(1, UniquePolicy::Existing)], NOW).await;
    let before = store.seen(id(1)).await;
    assert_eq!(store.enqueue([sole(2, UniquePolicy::Existing)], at(1)).await, existing);
    assert_eq!(store.seen(id(1)).await, before);
    store.claim_one(at(2)).await;
    assert_eq!(store.enqueue([sole(3, UniquePolicy::Existing)], at(3)).await, existing);
    assert_eq!(store.store.task(id(3)).await, Ok(None));
}

async fn replace_leaves_the_task_of_another_source(store: &Harness<'_, impl Store>) {
    store.enqueue([sole(1, UniquePolicy::Reject)], NOW).await;
    let others = |number| NewTask { source: "other".to_owned(), ..sole(number, UniquePolicy::Replace) };
    refused_by(store, others(2), id(1), State::Queued).await;
    assert_eq!(store.state(id(1)).await, State::Queued);

    // In one batch as well.
    let batch = [NewTask { unique: unique("v", UniquePolicy::Reject), ..new_task(3) }, others(4)];
    let batch = batch.map(|task| NewTask { unique: unique("v", UniquePolicy::Replace), ..task });
    let refusal = EnqueueRefusal::UniqueConflict { task_id: id(3), state: State::Queued };
    assert_eq!(store.refused(ask(batch, NOW)).await, (1, refusal));
}
