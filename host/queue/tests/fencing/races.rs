//! The same, from threads of their own: whoever comes first, each attempt ends once.

use crate::support::{
    Harness, KEEP_NO_ENDED, NOW, at, begin, block_on, ended, fire, id, new_task, on_each_store, put, schedule,
};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::prune::Prune;
use mainworker_queue::verbs::rescue::Rescue;
use mainworker_queue::verbs::retry::Retried;
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

on_each_store! {
    claims_share_the_tasks_among_them
    an_attempt_is_settled_or_rescued
    a_cancel_is_fulfilled_or_too_late
    a_task_is_retried_or_deleted
    two_schedulers_make_one_task_of_each_occurrence
}

const TASKS: u128 = 120;

/// Runs both at once.
fn race<A: Send, B: Send>(
    one: impl Future<Output = A> + Send,
    other: impl Future<Output = B> + Send,
) -> (A, B) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let one = scope.spawn(|| {
            start.wait();
            block_on(one)
        });
        let other = scope.spawn(|| {
            start.wait();
            block_on(other)
        });
        (one.join().unwrap(), other.join().unwrap())
    })
}

async fn all_started(store: &Harness<'_, impl Store>) -> Vec<Held> {
    store.enqueue((1..=TASKS).map(new_task), NOW).await;
    let claimed = store.claim(Claim { tasks_max: 1_000, ..begin(NOW) }).await.tasks;
    claimed.iter().map(|task| task.held).collect()
}

async fn claims_share_the_tasks_among_them(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=TASKS).map(new_task), NOW).await;
    let claim_all = async || {
        let mut begun: Vec<TaskId> = Vec::new();
        loop {
            let claimed = store.claim(Claim { tasks_max: 3, ..begin(NOW) }).await;
            begun.extend(claimed.tasks.iter().map(|task| task.held.task));
            if !claimed.more {
                return begun;
            }
        }
    };
    let (one, other) = race(claim_all(), claim_all());
    let all: BTreeSet<_> = one.iter().chain(&other).copied().collect();
    assert_eq!(one.len() + other.len(), all.len(), "none began twice");
    assert_eq!(all, (1..=TASKS).map(id).collect());
}

async fn an_attempt_is_settled_or_rescued(store: &Harness<'_, impl Store>) {
    let held = all_started(store).await;
    let settle = async {
        let mut applied = BTreeSet::new();
        for &held in &held {
            if store.settle(ended(held, Outcome::Completed, at(16))).await.state().is_some() {
                applied.insert(held.task);
            }
        }
        applied
    };
    let rescue = async {
        let mut rescued = BTreeSet::new();
        loop {
            let some = Rescue { leases_until: at(15), tasks_max: 2, now: at(16) };
            let some = store.store.rescue(some).await.unwrap();
            if some.is_empty() {
                return rescued;
            }
            rescued.extend(some.iter().map(|one| one.held.task));
        }
    };
    let (applied, rescued) = race(settle, rescue);
    assert!(applied.is_disjoint(&rescued), "{:?}", applied.intersection(&rescued));
    assert_eq!(applied.len() + rescued.len(), held.len());
    for held in held {
        let state = if applied.contains(&held.task) { State::Completed } else { State::Queued };
        assert_eq!(store.state(held.task).await, state);
    }
}

async fn a_cancel_is_fulfilled_or_too_late(store: &Harness<'_, impl Store>) {
    let held = all_started(store).await;
    let settle = async {
        for &held in &held {
            store.apply(ended(held, Outcome::Failed, at(1))).await;
        }
    };
    let cancel = async {
        for held in held.iter().rev() {
            let cancelled = store.cancel(held.task, at(1)).await;
            assert!(matches!(cancelled, Cancelled::Now | Cancelled::Requested { .. }), "{cancelled:?}");
        }
    };
    race(settle, cancel);
    for held in held {
        assert_eq!(store.state(held.task).await, State::Cancelled, "whichever came first");
    }
}

async fn a_task_is_retried_or_deleted(store: &Harness<'_, impl Store>) {
    for held in all_started(store).await {
        store.apply(ended(held, Outcome::Rejected, NOW)).await;
    }
    let retry = async {
        let mut retried = BTreeSet::new();
        for number in (1..=TASKS).rev() {
            match store.retry(id(number), at(9)).await {
                Retried::Queued => _ = retried.insert(id(number)),
                other => assert_eq!(other, Retried::Unknown),
            }
        }
        retried
    };
    let retention = KEEP_NO_ENDED;
    let prune = store.prune(Prune { retention, now: at(9), tasks_max: 2, after: 0 });
    let (retried, deleted) = race(retry, prune);
    assert_eq!(u64::try_from(retried.len()).unwrap() + deleted, u64::try_from(TASKS).unwrap());
    let claimed = store.claim(Claim { tasks_max: 1_000, ..begin(Timestamp::MAX) }).await.tasks;
    assert_eq!(claimed.iter().map(|task| task.held.task).collect::<BTreeSet<_>>(), retried);
}

async fn two_schedulers_make_one_task_of_each_occurrence(store: &Harness<'_, impl Store>) {
    store.put(put("nightly", "{}"), NOW).await;
    let last = i64::try_from(TASKS).unwrap();
    // Each looks, and fires what is due on what it saw, until there is nothing left.
    let look = async |first: u128| {
        loop {
            let row = store.schedule(&schedule("nightly")).await.row;
            let seconds = (row.evaluated_to.as_ms() - NOW.as_ms()) / 1_000 + 1;
            if seconds > last {
                return;
            }
            let task = new_task(first + u128::try_from(seconds).unwrap());
            store.store.fire(fire(&row, [(at(seconds), task)], at(seconds))).await.unwrap();
        }
    };
    race(look(1_000), look(5_000));
    let tasks = store.list(Filter::default(), NOW).await;
    let occurrences: Vec<_> = tasks.iter().rev().map(|task| task.occurrence.unwrap()).collect();
    assert_eq!(occurrences, (1..=last).map(at).collect::<Vec<_>>());
    assert_eq!(store.schedule(&schedule("nightly")).await.row.runs, u64::try_from(TASKS).unwrap());
}
