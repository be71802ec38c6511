//! What the files take, and that it is given back.

use crate::audit::{audit, number};
use crate::support::{Harness, KEEP_ALL, NOW, at, begin, block_on, ended, id, new_folder, new_task};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::prune::{Prune, Pruned, Retention};
use std::fs;

fn large(number: u128) -> NewTask {
    NewTask { payload: format!("\"{}\"", "x".repeat(20_000)), tags: vec!["t".to_owned()], ..new_task(number) }
}

#[test]
fn the_log_of_writes_does_not_grow_for_ever() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    let log = folder.path().join("queue.sqlite3-wal");
    let mut largest = 0;
    block_on(async {
        let harness = Harness::new(&store);
        for batch in 0..40_u128 {
            harness.enqueue((1..=50).map(|task| large(batch * 50 + task)), NOW).await;
            largest = largest.max(fs::metadata(&log).unwrap().len());
        }
        // 40 MB were written in 40 transactions.
        assert!(largest < 24 << 20, "{largest}");
        assert!(harness.overview().await.store_bytes > 40_000_000);
    });
}

#[test]
fn the_oldest_that_ended_go_when_there_are_too_many_bytes() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.enqueue((1..=400).map(large), NOW).await;
        let claimed = harness.claim(Claim { tasks_max: 300, ..begin(NOW) }).await;
        let settles = claimed.tasks.iter().map(|task| ended(task.held, Outcome::Completed, NOW));
        store.settle(settles.collect()).await.unwrap();
        let before = harness.overview().await.store_bytes;
        let retention = Retention { store_bytes_max: before / 2, ..KEEP_ALL };
        let prune = Prune { retention, now: at(1), tasks_max: 50, after: 0 };

        let step = store.prune(prune).await.unwrap();
        assert_eq!(step, Pruned { tasks: 50, next: Some(50) }, "a step looks at no more");
        let pruned = 50 + harness.prune(Prune { after: 50, ..prune }).await;
        let after = harness.overview().await.store_bytes;
        assert!(after <= before / 2 && after > before / 3, "{before} {after}");
        // Half of the bytes are those of 200 tasks.
        assert!((190..=240).contains(&pruned), "{pruned}");
        let pruned = u128::from(pruned);
        assert_eq!(store.task(id(pruned)).await, Ok(None));
        assert_eq!(harness.state(id(pruned + 1)).await, State::Completed);

        let none = Retention { store_bytes_max: 0, ..KEEP_ALL };
        harness.prune(Prune { retention: none, ..prune }).await;
        let overview = harness.overview().await;
        assert_eq!(
            (overview.count(State::Completed), overview.count(State::Queued)),
            (0, 100),
            "open ones stay"
        );
        harness.check().await;
    });
    drop(store);
    audit(folder.path());
}

#[test]
fn pages_are_given_back_step_by_step() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.enqueue((1..=1_000).map(large), NOW).await;
        let tasks = (1..=1_000).map(id).collect();
        store.cancel(mainworker_queue::verbs::cancel::Cancel { tasks, now: NOW, by: None }).await.unwrap();
        let retention = Retention { cancelled_ms: 0, ..KEEP_ALL };
        let prune = Prune { retention, now: at(1), tasks_max: 100, after: 0 };
        let pages = || number(folder.path(), "PRAGMA page_count");
        let most = pages();
        assert_eq!(harness.prune(prune).await, 1_000);
        let mut before = pages();
        assert!(before < most);
        // Steps that find nothing to delete go on giving back, until little is free.
        while before > 1_500 {
            store.prune(prune).await.unwrap();
            let now = pages();
            assert!(now < before && before - now <= 256 + 1, "{before} {now}");
            before = now;
        }
        harness.check().await;
    });
    drop(store);
    audit(folder.path());
}
