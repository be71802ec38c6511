//! Overview: the counts, whatever happened to the tasks.

use crate::support::{Harness, NOW, at, ended, id, job, new_task, on_each_store, unique};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::overview::Overview;

on_each_store! {
    an_empty_store_has_no_jobs
    the_counts_follow_every_verb
    jobs_are_counted_apart
}

/// How many tasks are in each state, in the order of [`State::ALL`].
fn counts(overview: &Overview) -> [u64; 6] {
    State::ALL.map(|state| overview.count(state))
}

async fn an_empty_store_has_no_jobs(store: &Harness<'_, impl Store>) {
    let overview = store.overview().await;
    assert!(overview.jobs.is_empty() && !overview.paused);
}

async fn the_counts_follow_every_verb(store: &Harness<'_, impl Store>) {
    let expect = async |expected: [u64; 6], verb: &str| {
        assert_eq!(counts(&store.overview().await), expected, "after {verb}");
        store.check().await;
    };
    let sole = |number, policy| NewTask { unique: unique("u", policy), ..new_task(number) };
    store.enqueue([new_task(1), new_task(2), sole(3, UniquePolicy::Reject)], NOW).await;
    expect([3, 0, 0, 0, 0, 0], "enqueue").await;
    store.enqueue([sole(4, UniquePolicy::Replace)], NOW).await;
    expect([3, 0, 0, 0, 1, 0], "replace").await;
    let first = store.claim_one(NOW).await.held;
    expect([2, 1, 0, 0, 1, 0], "claim").await;
    store.rescue(Timestamp::MAX, NOW).await;
    expect([3, 0, 0, 0, 1, 0], "rescue").await;
    let again = store.claim_one(NOW).await.held;
    assert_eq!(again.task, first.task);
    let mut settle = ended(again, Outcome::Completed, NOW);
    settle.asked = vec![new_task(5), NewTask { expires_at: Some(at(5)), ..new_task(6) }];
    store.apply(settle).await;
    expect([4, 0, 1, 0, 1, 0], "settle with tasks asked for").await;
    store.expire(at(5)).await;
    expect([3, 0, 1, 0, 1, 1], "expire").await;
    let held = store.claim_one(at(5)).await.held;
    store.cancel(held.task, at(5)).await;
    expect([2, 1, 1, 0, 1, 1], "a wanted cancel").await;
    store.apply(ended(held, Outcome::Failed, at(5))).await;
    expect([2, 0, 1, 0, 2, 1], "its end").await;
    store.cancel(id(5), at(5)).await;
    expect([1, 0, 1, 0, 3, 1], "cancel").await;
    store.retry(id(6), at(6)).await;
    expect([2, 0, 1, 0, 3, 0], "retry").await;
    store.cancel(id(6), at(6)).await;
    let held = store.claim_one(at(6)).await.held;
    store.apply(ended(held, Outcome::Rejected, at(6))).await;
    expect([0, 0, 1, 1, 4, 0], "a failure").await;
    store.enqueue([NewTask { expires_at: Some(at(7)), ..new_task(7) }], at(6)).await;
    let claimed = store.claim(Claim { ..crate::support::begin(at(8)) }).await;
    assert_eq!(claimed.expired.len(), 1);
    expect([0, 0, 1, 1, 4, 1], "a claim that came too late").await;
}

async fn jobs_are_counted_apart(store: &Harness<'_, impl Store>) {
    let of = |name, number, concurrency_max| NewTask { job: job(name), concurrency_max, ..new_task(number) };
    store.enqueue([of("a", 1, 1), of("a", 2, 7), of("b", 3, 4)], NOW).await;
    store.pause(Some("b"), true).await;
    store.claim_one(NOW).await;
    let overview = store.overview().await;
    assert_eq!(overview.jobs.keys().cloned().collect::<Vec<_>>(), [job("a"), job("b")]);
    let a = &overview.jobs[&job("a")];
    assert_eq!((a.count(State::Queued), a.count(State::Running)), (1, 1));
    assert_eq!((a.paused, a.concurrency_max), (false, Some(7)));
    let b = &overview.jobs[&job("b")];
    assert_eq!((b.count(State::Queued), b.paused, b.concurrency_max), (1, true, Some(4)));
}
