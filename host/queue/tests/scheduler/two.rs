//! Two schedulers on one store: each occurrence becomes one task, and none is left out.

use crate::stage::{NOW, Stage, at, soon};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tempfile::TempDir;
use tokio::task::yield_now;

const SCHEDULES: usize = 12;
const SECONDS: i64 = 40;

async fn each_occurrence_becomes_one_task<S: Store>(store: Arc<S>) {
    let (clock, next_task) = (Arc::default(), Arc::new(AtomicU64::new(1)));
    let first = Stage::beside(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&next_task));
    let second = Stage::beside(Arc::clone(&store), clock, next_task);
    let names: Vec<String> = (0..SCHEDULES).map(|number| format!("schedule-{number:02}")).collect();
    let each_second = r#"{ "job": "echo", "runEveryMs": 1000, "missed": "all" }"#;
    first.apply(names.iter().map(|name| (name.as_str(), each_second))).await;
    let schedulers = [first.scheduler(), second.scheduler()];
    for _ in 0..SECONDS {
        first.pass(1);
        second.wake.notify_one();
        // Sometimes they look at the same second, sometimes one is late.
        yield_now().await;
    }
    let done = async {
        while store.schedules().await.unwrap().iter().any(|row| row.evaluated_to < at(SECONDS)) {
            first.wake.notify_one();
            second.wake.notify_one();
            yield_now().await;
        }
    };
    soon("the last look", done).await;
    for scheduler in schedulers {
        scheduler.stop().await;
    }
    let mut found: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for task in first.tasks().await {
        found.entry(task.schedule.unwrap().to_string()).or_default().push(task.occurrence.unwrap());
    }
    let expected: Vec<Timestamp> = (1..=SECONDS).map(at).collect();
    assert_eq!(found.len(), SCHEDULES);
    for (name, mut occurrences) in found {
        occurrences.sort_unstable();
        assert_eq!(occurrences, expected, "{name}");
    }
    for row in store.schedules().await.unwrap() {
        assert_eq!(row.runs, u64::try_from(SECONDS).unwrap(), "{}", row.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    each_occurrence_becomes_one_task(Arc::new(MemoryStore::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sqlite() {
    // What a disk keeps is not what this is about.
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    each_occurrence_becomes_one_task(Arc::new(SqliteStore::open(folder.path(), NOW).unwrap())).await;
}
