//! What is there when a store is opened again, as after a crash: all that was answered. For stores that outlive their process.

use crate::support::{
    Fixture, Harness, KEEP_NO_ENDED, NOW, Sqlite, ask, at, begin, block_on, ended, id, idempotency, job,
    line, new_task, progress, unique,
};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::limits::LOSSES_UNTIL_ALONE;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::attempt::Held;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::{EnqueueRefusal, How, NewTask};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::prune::{Prune, Retention};
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::settle::Settled;

/// Makes tests of the functions that are named, for each store that outlives its process.
macro_rules! on_each_durable_store {
    ($($test:ident)*) => {
        mod sqlite {
            $(
                #[test]
                fn $test() {
                    super::block_on(super::$test::<super::Sqlite>());
                }
            )*
        }
    };
}

on_each_durable_store! {
    all_that_can_be_seen_is_there
    what_ran_is_still_to_be_settled
    what_ran_still_takes_its_place
    what_is_paused_stays_paused
    what_was_due_is_due
    what_was_counted_is_counted
    keys_are_held
    a_place_is_not_used_again
}

/// A store with something in it, opened again.
async fn reopened<F: Fixture>(fill: impl AsyncFnOnce(&Harness<'_, F::Store>)) -> F {
    let fixture = F::open();
    fill(&Harness::new(fixture.store())).await;
    fixture.reopen()
}

async fn all_that_can_be_seen_is_there<F: Fixture>() {
    let mut before = Vec::new();
    let fixture = reopened::<F>(async |store| {
        let configured = |number| NewTask { configuration: Some(vec![9]), ..new_task(number) };
        store.finished(NewTask { label: Some("L".to_owned()), ..new_task(1) }, Outcome::Completed, NOW).await;
        store.finished(NewTask { tags: vec!["t".to_owned()], ..configured(2) }, Outcome::Rejected, NOW).await;
        store.finished(new_task(3), Outcome::Failed, NOW).await;
        let held = store.started(configured(4), NOW).await;
        let log = LogPiece { first_line: 0, lines: vec![line("said")] };
        store.record(Record { held, log, progress: Some(progress(50)) }).await;
        store.cancel(id(4), NOW).await;
        store.enqueue([new_task(5), NewTask { expires_at: Some(at(1)), ..new_task(6) }], NOW).await;
        store.cancel(id(5), NOW).await;
        store.expire(at(1)).await;
        store.enqueue([configured(7)], at(2)).await;
        for number in 1..=7 {
            before.push(store.seen(id(number)).await);
        }
    })
    .await;
    let store = Harness::new(fixture.store());
    for (number, before) in (1..=7).zip(before) {
        assert_eq!(store.seen(id(number)).await, before);
    }
    store.check().await;
    assert_eq!(store.list_ids(Filter::default(), NOW).await, [7, 6, 5, 4, 3, 2, 1].map(id));
    assert_eq!(store.overview().await.jobs[&job("echo")].concurrency_max, Some(1_000));
    assert_eq!(store.claim_one(at(2)).await.configuration, Some(vec![9]));
}

async fn what_ran_is_still_to_be_settled<F: Fixture>() {
    let mut running = Vec::new();
    let fixture = reopened::<F>(async |store| {
        store.enqueue((1..=3).map(new_task), NOW).await;
        running.extend(store.claim(begin(NOW)).await.tasks.iter().map(|task| task.held));
        store.extend(running[1], at(60)).await;
    })
    .await;
    let store = Harness::new(fixture.store());
    let stale = Held { attempt: 2, ..running[0] };
    assert_eq!(store.settle(ended(stale, Outcome::Completed, at(1))).await, Settled::Stale);
    store.apply(ended(running[0], Outcome::Completed, at(1))).await;
    let rescued = store.rescue(at(15), at(15)).await;
    assert_eq!(rescued.iter().map(|one| one.held).collect::<Vec<_>>(), [running[2]]);
    assert_eq!(store.rescue(Timestamp::MAX, at(15)).await[0].held, running[1]);
    store.check().await;
}

async fn what_ran_still_takes_its_place<F: Fixture>() {
    let fixture = reopened::<F>(async |store| {
        store.enqueue((1..=3).map(|number| NewTask { concurrency_max: 2, ..new_task(number) }), NOW).await;
        store.claim_one(NOW).await;
    })
    .await;
    let store = Harness::new(fixture.store());
    assert_eq!(store.claim_ids(at(1)).await, [id(2)]);
    assert_eq!(store.claim_ids(at(1)).await, []);
}

async fn what_is_paused_stays_paused<F: Fixture>() {
    let fixture = reopened::<F>(async |store| {
        store.pause(Some("never-used"), true).await;
        store.pause(Some("echo"), true).await;
        store.pause(None, true).await;
        store.enqueue([new_task(1)], NOW).await;
    })
    .await;
    let store = Harness::new(fixture.store());
    let overview = store.overview().await;
    assert!(
        overview.paused && overview.jobs[&job("echo")].paused && overview.jobs[&job("never-used")].paused
    );
    assert_eq!(store.claim_ids(NOW).await, []);
    store.pause(Some("echo"), false).await;
    assert_eq!(store.claim_ids(NOW).await, []);
    store.pause(None, false).await;
    assert_eq!(store.claim_ids(NOW).await, [id(1)]);
}

async fn what_was_due_is_due<F: Fixture>() {
    let fixture = reopened::<F>(async |store| {
        let due = |number, seconds| NewTask { run_at: at(seconds), ..new_task(number) };
        store.enqueue([due(1, 10), due(2, 20), due(3, 0), due(4, 30)], NOW).await;
        store.claim(Claim { tasks_max: 0, ..begin(at(10)) }).await;
    })
    .await;
    let store = Harness::new(fixture.store());
    let claimed = store.claim(begin(at(-3_600))).await;
    let ids: Vec<_> = claimed.tasks.iter().map(|task| task.held.task).collect();
    assert_eq!((ids, claimed.next_due_at), ([3, 1].map(id).to_vec(), Some(at(20))));
    assert_eq!(store.claim_ids(at(30)).await, [2, 4].map(id));
}

async fn what_was_counted_is_counted<F: Fixture>() {
    let fixture = reopened::<F>(async |store| {
        store.enqueue([new_task(1)], NOW).await;
        for _ in 0..LOSSES_UNTIL_ALONE {
            store.claim_one(NOW).await;
            store.rescue(Timestamp::MAX, NOW).await;
        }
    })
    .await;
    let store = Harness::new(fixture.store());
    let claimed = store.claim(Claim { idle: true, ..begin(NOW) }).await;
    assert!(claimed.tasks[0].alone);
    assert_eq!(claimed.tasks[0].held.attempt, LOSSES_UNTIL_ALONE + 1);
}

async fn keys_are_held<F: Fixture>() {
    let keyed = |number| NewTask { idempotency: idempotency("k", 1), ..new_task(number) };
    let sole = |number| NewTask { unique: unique("u", UniquePolicy::Reject), ..new_task(number) };
    let fixture = reopened::<F>(async |store| {
        store.finished(keyed(1), Outcome::Completed, NOW).await;
        store.enqueue([sole(2)], NOW).await;
    })
    .await;
    let store = Harness::new(fixture.store());
    assert_eq!(store.enqueue([keyed(3)], NOW).await[0].how, How::Known);
    let refusal = EnqueueRefusal::UniqueConflict { task_id: id(2), state: State::Queued };
    assert_eq!(store.refused(ask([sole(4)], NOW)).await, (0, refusal));
}

async fn a_place_is_not_used_again<F: Fixture>() {
    let fixture = reopened::<F>(async |store| {
        store.enqueue((1..=3).map(new_task), NOW).await;
        store.cancel(id(3), NOW).await;
        let retention = Retention { store_bytes_max: 0, ..KEEP_NO_ENDED };
        assert_eq!(store.prune(Prune { retention, now: NOW, tasks_max: 9, after: 0 }).await, 1);
    })
    .await;
    let store = Harness::new(fixture.store());
    store.enqueue([new_task(4)], NOW).await;
    assert_eq!(store.task(id(4)).await.summary.place, 4);
}
