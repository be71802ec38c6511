//! Pause and resume.

use crate::support::{Harness, NOW, at, begin, ended, id, job, new_task, on_each_store};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::extend::Extended;

on_each_store! {
    of_a_paused_job_nothing_begins
    a_paused_job_holds_up_no_other
    tasks_of_a_paused_job_are_taken_cancelled_and_expired
    what_runs_goes_on
    while_everything_is_paused_nothing_begins
    the_two_are_apart
    both_can_be_repeated
    a_job_may_be_paused_before_its_first_task
    what_becomes_due_meanwhile_is_ready_afterwards
}

fn of(name: &str, number: u128) -> NewTask {
    NewTask { job: job(name), ..new_task(number) }
}

async fn of_a_paused_job_nothing_begins(store: &Harness<'_, impl Store>) {
    store.enqueue([of("a", 1), of("a", 2)], NOW).await;
    store.pause(Some("a"), true).await;
    let claimed = store.claim(begin(NOW)).await;
    assert!(claimed.tasks.is_empty() && !claimed.more, "{claimed:?}");
    store.pause(Some("a"), false).await;
    assert_eq!(store.claim_ids(NOW).await, [id(1), id(2)]);
}

async fn a_paused_job_holds_up_no_other(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=300).map(|number| NewTask { priority: 9, ..of("a", number) }), NOW).await;
    store.enqueue([of("b", 901), of("c", 902)], NOW).await;
    store.pause(Some("a"), true).await;
    store.pause(Some("c"), true).await;
    assert_eq!(store.claim_ids(NOW).await, [id(901)]);
}

async fn tasks_of_a_paused_job_are_taken_cancelled_and_expired(store: &Harness<'_, impl Store>) {
    store.pause(Some("a"), true).await;
    store.enqueue([of("a", 1), NewTask { expires_at: Some(at(5)), ..of("a", 2) }, of("a", 3)], NOW).await;
    assert_eq!(store.cancel(id(1), NOW).await, Cancelled::Now);
    assert_eq!(store.expire(at(5)).await, [id(2)]);
    store.pause(Some("a"), false).await;
    assert_eq!(store.claim_ids(at(6)).await, [id(3)]);
}

async fn what_runs_goes_on(store: &Harness<'_, impl Store>) {
    let held = store.started(of("a", 1), NOW).await;
    store.pause(Some("a"), true).await;
    store.pause(None, true).await;
    assert_eq!(store.state(id(1)).await, State::Running);
    assert_eq!(store.extend(held, at(60)).await, Extended::Kept { cancel_requested: false });
    store.apply(ended(held, Outcome::Completed, at(1))).await;
    assert_eq!(store.state(id(1)).await, State::Completed);
}

async fn while_everything_is_paused_nothing_begins(store: &Harness<'_, impl Store>) {
    store.enqueue([of("a", 1), of("b", 2)], NOW).await;
    store.pause(None, true).await;
    store.enqueue([of("c", 3)], NOW).await;
    let claimed = store.claim(begin(NOW)).await;
    assert!(claimed.tasks.is_empty() && !claimed.more, "{claimed:?}");
    store.pause(None, false).await;
    assert_eq!(store.claim_ids(NOW).await, [1, 2, 3].map(id));
}

async fn the_two_are_apart(store: &Harness<'_, impl Store>) {
    store.enqueue([of("a", 1), of("b", 2)], NOW).await;
    store.pause(Some("a"), true).await;
    store.pause(None, true).await;
    store.pause(Some("b"), false).await;
    assert_eq!(store.claim_ids(NOW).await, [], "a resumed job is still stopped with all others");
    store.pause(None, false).await;
    assert_eq!(store.claim_ids(NOW).await, [id(2)], "a paused job stays paused");
    let overview = store.overview().await;
    assert!(!overview.paused && overview.jobs[&job("a")].paused && !overview.jobs[&job("b")].paused);
}

async fn both_can_be_repeated(store: &Harness<'_, impl Store>) {
    store.enqueue([of("a", 1)], NOW).await;
    for _ in 0..2 {
        store.pause(Some("a"), true).await;
    }
    store.pause(Some("a"), false).await;
    store.pause(Some("a"), false).await;
    assert_eq!(store.claim_ids(NOW).await, [id(1)]);
}

async fn a_job_may_be_paused_before_its_first_task(store: &Harness<'_, impl Store>) {
    store.pause(Some("a"), true).await;
    let overview = store.overview().await;
    assert!(overview.jobs[&job("a")].paused);
    assert_eq!(overview.jobs[&job("a")].concurrency_max, None);
    store.enqueue([of("a", 1)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, []);
    assert_eq!(store.overview().await.jobs[&job("a")].concurrency_max, Some(1_000));
}

async fn what_becomes_due_meanwhile_is_ready_afterwards(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { run_at: at(10), ..of("a", 1) }], NOW).await;
    store.pause(Some("a"), true).await;
    assert_eq!(store.claim(begin(at(10))).await.next_due_at, None, "it is due");
    store.pause(Some("a"), false).await;
    assert_eq!(store.claim_ids(at(-3_600)).await, [id(1)], "and stays so, whatever the clock says");
}
