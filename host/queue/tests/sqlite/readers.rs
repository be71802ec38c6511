//! Reading has connections of its own.

use crate::support::{Harness, NOW, block_on, id, new_folder, new_task};
use mainworker_domain::lifecycle::State;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::list::Filter;
use rusqlite::Connection;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[test]
fn reading_does_not_wait_for_the_writer() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.enqueue([new_task(1)], NOW).await;
        // Somebody holds the right to write, so that the writer waits in the midst of its work.
        let other = Connection::open(folder.path().join("queue.sqlite3")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut enqueued = pin!(harness.enqueue([new_task(2)], NOW));
        assert!(enqueued.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(harness.state(id(1)).await, State::Queued);
        assert_eq!(harness.list_ids(Filter::default(), NOW).await, [id(1)]);
        assert_eq!(harness.overview().await.count(State::Queued), 1);
        assert_eq!(store.task(id(2)).await, Ok(None));
        other.execute_batch("ROLLBACK").unwrap();
        enqueued.await;
        assert_eq!(harness.list_ids(Filter::default(), NOW).await, [2, 1].map(id));
    });
}

#[test]
fn writing_does_not_wait_for_somebody_who_reads() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.enqueue([new_task(1)], NOW).await;
        let other = Connection::open(folder.path().join("queue.sqlite3")).unwrap();
        other.execute_batch("BEGIN").unwrap();
        let count = || other.query_one("SELECT count(*) FROM task", [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count(), 1);
        harness.enqueue((2..=50).map(new_task), NOW).await;
        assert_eq!(count(), 1, "it sees what was there when it began");
    });
}

#[test]
fn many_who_ask_at_a_time_are_all_answered() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.enqueue((1..=20).map(new_task), NOW).await;
        let mut asked: Vec<_> = (1..=20).map(|number| Box::pin(store.task(id(number)))).collect();
        let mut context = Context::from_waker(Waker::noop());
        let answered: Vec<_> = asked.iter_mut().map(|future| future.as_mut().poll(&mut context)).collect();
        for ((number, answer), future) in (1..=20).zip(answered).zip(asked) {
            // The first may be answered already.
            let answer = match answer {
                Poll::Ready(answer) => answer,
                Poll::Pending => future.await,
            };
            assert_eq!(answer.unwrap().unwrap().summary.id, id(number));
        }
    });
}
