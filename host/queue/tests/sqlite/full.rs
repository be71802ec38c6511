//! A disk that is full: nothing is half done, what is there can be read, and all goes on when there is room again.

use crate::audit::audit;
use crate::support::{Harness, NOW, ask, at, begin, block_on, ended, id, new_folder, new_task};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::enqueue::{EnqueueError, NewTask};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::settle::Settled;
use std::path::Path;

/// Pages of the small store: an empty one has some sixty.
const PAGES_MAX: u32 = 120;

fn open_small(folder: &Path) -> SqliteStore {
    SqliteStore::open_bounded(folder, NOW, Some(PAGES_MAX)).unwrap()
}

fn large(number: u128) -> NewTask {
    NewTask { payload: format!("\"{}\"", "x".repeat(10_000)), ..new_task(number) }
}

/// Takes large tasks after the one with this number, two at a time, until there is no room; answers the number of the last.
async fn fill(store: &SqliteStore, after: u128) -> u128 {
    let mut last = after;
    loop {
        match store.enqueue(ask([large(last + 1), large(last + 2)], NOW)).await {
            Ok(_) => last += 2,
            Err(EnqueueError::Store(StoreError::Full { doing, .. })) => {
                assert_eq!(doing, "take tasks");
                return last;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_batch_for_which_there_is_no_room_leaves_nothing() {
    let folder = new_folder();
    let store = open_small(folder.path());
    block_on(async {
        let filled = fill(&store, 0).await;
        assert!(filled > 4);
        let harness = Harness::new(&store);
        assert_eq!(
            harness.list_ids(Filter::default(), NOW).await,
            (1..=filled).rev().map(id).collect::<Vec<_>>()
        );
        harness.check().await;
        assert_eq!(fill(&store, filled).await, filled, "it is as full as before");
        harness.check().await;
        drop(store);
        audit(folder.path());

        let store = SqliteStore::open(folder.path(), NOW).unwrap();
        let harness = Harness::new(&store);
        harness.check().await;
        harness.enqueue([large(filled + 1)], NOW).await;
        assert_eq!(harness.task(id(filled + 1)).await.summary.place, u64::try_from(filled).unwrap() + 1);
        assert_eq!(harness.claim_ids(NOW).await, (1..=filled + 1).map(id).collect::<Vec<_>>());
    });
    audit(folder.path());
}

#[test]
fn what_needs_room_fails_and_what_needs_none_does_not() {
    let folder = new_folder();
    let store = open_small(folder.path());
    block_on(async {
        fill(&store, 0).await;
        let harness = Harness::new(&store);
        // All of them wait for the writer together, so that they may be in one transaction.
        let (refused, paused, cancelled, refused_too) = tokio::join!(
            store.enqueue(ask([large(1_001), large(1_002)], NOW)),
            harness.pause(Some("echo"), true),
            harness.cancel(id(1), NOW),
            store.enqueue(ask([large(1_003), large(1_004)], NOW)),
        );
        assert_eq!((paused, harness.state(id(1)).await), ((), State::Cancelled), "{cancelled:?}");
        for refused in [refused, refused_too] {
            assert!(matches!(refused, Err(EnqueueError::Store(StoreError::Full { .. }))), "{refused:?}");
        }
        harness.check().await;
        assert_eq!(store.task(id(1_001)).await, Ok(None));
    });
    drop(store);
    audit(folder.path());
}

#[test]
fn an_attempt_that_cannot_be_settled_can_be_later() {
    let folder = new_folder();
    let store = open_small(folder.path());
    block_on(async {
        let harness = Harness::new(&store);
        let held = harness.started(new_task(1_000), NOW).await;
        fill(&store, 0).await;
        let mut settle = ended(held, Outcome::Completed, at(1));
        settle.result = Some(format!("\"{}\"", "x".repeat(1_000_000)));
        let refused = store.settle(vec![settle.clone()]).await;
        assert!(matches!(refused, Err(StoreError::Full { doing: "settle attempts", .. })), "{refused:?}");
        assert_eq!(harness.state(id(1_000)).await, State::Running);
        harness.check().await;
        drop(store);

        let store = SqliteStore::open(folder.path(), NOW).unwrap();
        let harness = Harness::new(&store);
        assert!(matches!(harness.settle(settle.clone()).await, Settled::Applied(_)));
        assert_eq!(harness.task(id(1_000)).await.result, settle.result);
        assert_ne!(harness.claim(begin(at(1))).await.tasks, []);
        harness.check().await;
    });
    audit(folder.path());
}
