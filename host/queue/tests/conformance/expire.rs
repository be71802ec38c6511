//! Expire: queued tasks whose time is over.

use crate::support::{Harness, NOW, at, at_ms, begin, ended, id, job, new_task, on_each_store};
use mainworker_domain::lifecycle::{Refusal, State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::expire::{Expire, Expired};
use mainworker_queue::verbs::retry::Retried;

on_each_store! {
    a_task_expires_when_its_time_is_reached
    those_whose_time_was_over_first_go_first
    only_what_is_queued_expires
    the_word_of_an_earlier_attempt_stays
    an_expired_task_gives_up_its_configuration
    a_task_without_an_expiry_waits_for_ever
}

fn until(number: u128, seconds: i64) -> NewTask {
    NewTask { expires_at: Some(at(seconds)), ..new_task(number) }
}

async fn a_task_expires_when_its_time_is_reached(store: &Harness<'_, impl Store>) {
    // One that is ready, and one that is not due yet: no claim would meet it.
    let waits = NewTask { run_at: at(500), job: job("other"), ..until(2, 10) };
    store.enqueue([until(1, 10), waits], NOW).await;
    assert_eq!(store.expire(at_ms(9_999)).await, []);
    let expired = store.store.expire(Expire { now: at(10), tasks_max: 9 }).await.unwrap();
    let expected = [Expired { id: id(1), job: job("echo") }, Expired { id: id(2), job: job("other") }];
    assert_eq!(expired, expected);
    let summary = store.task(id(2)).await.summary;
    assert_eq!((summary.state, summary.finished_at), (State::Expired, Some(at(10))));
    assert_eq!((summary.outcome, summary.expires_at), (None, Some(at(10))));
    let claimed = store.claim(begin(at(600))).await;
    assert!(claimed.tasks.is_empty() && claimed.expired.is_empty() && claimed.next_due_at.is_none());
}

async fn those_whose_time_was_over_first_go_first(store: &Harness<'_, impl Store>) {
    store.enqueue([until(1, 30), until(2, 10), until(3, 20), until(4, 10), until(5, 90)], NOW).await;
    let expire = async |tasks_max| {
        let expired = store.store.expire(Expire { now: at(30), tasks_max }).await.unwrap();
        expired.iter().map(|expired| expired.id).collect::<Vec<_>>()
    };
    assert_eq!(expire(3).await, [id(2), id(4), id(3)]);
    assert_eq!(expire(3).await, [id(1)]);
    assert_eq!(expire(3).await, []);
}

async fn only_what_is_queued_expires(store: &Harness<'_, impl Store>) {
    store.finished(until(1, 10), Outcome::Completed, NOW).await;
    store.enqueue([until(2, 10)], NOW).await;
    store.cancel(id(2), NOW).await;
    let held = store.started(until(3, 10), NOW).await;
    assert_eq!(store.expire(at(60)).await, []);
    assert_eq!(store.state(id(3)).await, State::Running);
    store.apply(ended(held, Outcome::Completed, at(61))).await;
}

async fn the_word_of_an_earlier_attempt_stays(store: &Harness<'_, impl Store>) {
    store.finished(until(1, 10), Outcome::Trapped, NOW).await;
    assert_eq!(store.expire(at(10)).await, [id(1)]);
    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.outcome), (State::Expired, Some(Outcome::Trapped)));
    assert_eq!(view.error().map(|error| error.code.as_str()), Some("code-trapped"));
}

async fn an_expired_task_gives_up_its_configuration(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { configuration: Some(vec![1]), ..until(1, 10) }], NOW).await;
    store.expire(at(10)).await;
    let gone = Refusal::ConfigurationGone { state: State::Expired };
    assert_eq!(store.retry(id(1), at(11)).await, Retried::Refused(gone));
}

async fn a_task_without_an_expiry_waits_for_ever(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    assert_eq!(store.expire(Timestamp::MAX).await, []);
    assert_eq!(store.state(id(1)).await, State::Queued);
}
