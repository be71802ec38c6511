//! Extend: the heartbeat.

use crate::support::{Harness, NOW, at, begin, ended, id, new_task, on_each_store};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::{Held, Lease};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::extend::{Extend, Extended};

on_each_store! {
    a_lease_that_is_extended_ends_later
    a_wanted_cancel_is_told
    what_does_not_run_is_stale
    a_batch_is_answered_in_its_order
}

const KEPT: Extended = Extended::Kept { cancel_requested: false };

async fn a_lease_that_is_extended_ends_later(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let before = store.seen(id(1)).await;
    assert_eq!(store.extend(held, at(30)).await, KEPT);
    assert_eq!(store.seen(id(1)).await, before, "nothing else is changed");
    assert_eq!(store.rescue(at(29), at(29)).await, []);
    assert_eq!(store.rescue(at(30), at(30)).await.len(), 1);
}

async fn a_wanted_cancel_is_told(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.cancel(id(1), NOW).await;
    for _ in 0..2 {
        assert_eq!(store.extend(held, at(30)).await, Extended::Kept { cancel_requested: true });
    }
}

async fn what_does_not_run_is_stale(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let lease = Lease::from_bits(987_654_321);
    for stale in [Held { lease, ..held }, Held { attempt: 2, ..held }, Held { task: id(9), ..held }] {
        assert_eq!(store.extend(stale, Timestamp::MAX).await, Extended::Stale);
    }
    let rescued = store.rescue(at(15), at(15)).await;
    assert_eq!(rescued.len(), 1, "nothing stale put the end of the lease off");
    assert_eq!(store.extend(held, at(40)).await, Extended::Stale, "it was rescued");

    let second = store.claim_one(at(15)).await.held;
    assert_eq!(store.extend(held, at(99)).await, Extended::Stale, "another attempt runs");
    assert_eq!(store.rescue(at(30), at(30)).await[0].held, second, "under its own lease");
    store.cancel(id(1), at(30)).await;
    let other = store.started(new_task(2), at(30)).await;
    store.apply(ended(other, Outcome::Interrupted, at(31))).await;
    assert_eq!(store.extend(other, at(99)).await, Extended::Stale, "it ended");
}

async fn a_batch_is_answered_in_its_order(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=3).map(new_task), NOW).await;
    let mut held: Vec<Held> = store.claim(begin(NOW)).await.tasks.iter().map(|task| task.held).collect();
    held.reverse();
    held[1].attempt = 9;
    store.cancel(id(1), NOW).await;
    let extended = store.store.extend(Extend { held, lease_until: at(60) }).await.unwrap();
    assert_eq!(extended, [KEPT, Extended::Stale, Extended::Kept { cancel_requested: true }]);
    assert_eq!(store.rescue(at(59), at(59)).await.len(), 1, "the one that was not extended");
    let none = Extend { held: Vec::new(), lease_until: NOW };
    assert_eq!(store.store.extend(none).await, Ok(Vec::new()));
}
