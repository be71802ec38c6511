//! A process that dies while its scheduler brings about runs: afterwards each occurrence has one task, and none is missing.

use crate::child;
use crate::stage::{NOW, Stage, soon};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::{Definition, ScheduleName};
use mainworker_queue::dispatch::Clock;
use mainworker_queue::scheduler::{Looked, NotMade, ScheduleHost, Scheduler};
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::enqueue::NewTask;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::yield_now;

const SCHEDULES: usize = 5;
/// So much faster than the world: a run each millisecond or so of each schedule.
const SPEED: u64 = 200;

/// A fast clock that goes on while nobody runs: its beginning is kept beside the store.
struct FastClock {
    began: Instant,
    began_at: Timestamp,
}

impl FastClock {
    fn open(folder: &Path) -> Self {
        let unix_ms =
            || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let file = folder.join("clock");
        let first = std::fs::read_to_string(&file).ok().and_then(|text| text.parse::<u64>().ok());
        let first = first.unwrap_or_else(|| {
            let first = unix_ms();
            std::fs::write(&file, first.to_string()).unwrap();
            first
        });
        Self { began: Instant::now(), began_at: NOW.after_ms((unix_ms() - first) * SPEED) }
    }
}

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.began_at.after_ms(u64::try_from(self.began.elapsed().as_millis()).unwrap() * SPEED)
    }

    fn steady(&self) -> Timestamp {
        self.now()
    }
}

/// Says how many runs it brought about.
struct Speaking(Arc<crate::stage::TestHost>, AtomicU64);

impl ScheduleHost for Speaking {
    async fn task(
        &self,
        name: &ScheduleName,
        definition: &Definition,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> Result<Box<NewTask>, NotMade> {
        // Ids of one process are not those of another.
        let mut task = self.0.task(name, definition, occurrence, now).await?;
        let (process, number) =
            (u128::from(std::process::id()), u128::from(self.1.fetch_add(1, Ordering::SeqCst)));
        task.id = mainworker_domain::task_id::TaskId::from_bytes(((process << 64) | number).to_be_bytes());
        Ok(task)
    }

    fn fired(&self, looked: Looked) {
        let mut said = std::io::stdout();
        for _ in &looked.wanted {
            // Nobody reads on once enough was said; the kill comes then.
            let _ = writeln!(said, "ran {}", looked.name);
        }
    }

    fn hindered(&self, _: &ScheduleName, _: &str) {}

    fn store_failed(&self, _: &StoreError) {}
}

fn schedule(store: &Arc<SqliteStore>, clock: &Arc<FastClock>, wake: &Arc<Notify>) -> Scheduler {
    let host = Stage::new(Arc::clone(store)).host;
    let host = Arc::new(Speaking(host, AtomicU64::new(0)));
    let zones = jiff::tz::TimeZoneDatabase::bundled();
    Scheduler::start(Arc::clone(store), host, zones, Arc::clone(clock) as _, Arc::clone(wake))
}

/// Lets a scheduler run until the process is killed.
#[tokio::main(flavor = "current_thread")]
async fn work(folder: &Path) {
    let store = Arc::new(SqliteStore::open(folder, NOW).unwrap());
    let (clock, wake) = (Arc::new(FastClock::open(folder)), Arc::new(Notify::new()));
    let _scheduler = schedule(&store, &clock, &wake);
    loop {
        // It would look by itself when a run is due; this is to be in the middle of something.
        wake.notify_one();
        yield_now().await;
    }
}

#[test]
fn a_process_that_is_killed_doubles_and_loses_no_run() {
    if let Some(folder) = child::folder() {
        return work(&folder);
    }
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    audit_after_kills(folder.path());
}

#[tokio::main(flavor = "current_thread")]
async fn audit_after_kills(folder: &Path) {
    let names: Vec<String> = (0..SCHEDULES).map(|number| format!("schedule-{number}")).collect();
    {
        let stage = Stage::new(Arc::new(SqliteStore::open(folder, NOW).unwrap()));
        let each_second = r#"{ "job": "echo", "runEveryMs": 1000, "missed": "all" }"#;
        stage.apply(names.iter().map(|name| (name.as_str(), each_second))).await;
    }
    // Killed at another moment each time.
    for lines in [1, 7, 150, 33, 400, 2, 90] {
        let mut child = child::again("kills::a_process_that_is_killed_doubles_and_loses_no_run", folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(said.filter(|line| line.starts_with("ran ")).take(lines).count(), lines);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let store = Arc::new(SqliteStore::open(folder, NOW).unwrap());
    let (clock, wake) = (Arc::new(FastClock::open(folder)), Arc::new(Notify::new()));
    let end = clock.now();
    let scheduler = schedule(&store, &clock, &wake);
    let done = async {
        while store.schedules().await.unwrap().iter().any(|row| row.evaluated_to < end) {
            wake.notify_one();
            yield_now().await;
        }
    };
    soon("the last look", done).await;
    scheduler.stop().await;

    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for task in Stage::new(Arc::clone(&store)).tasks().await {
        let seconds = (task.occurrence.unwrap().as_ms() - NOW.as_ms()) / 1_000;
        found.entry(task.schedule.unwrap().to_string()).or_default().push(seconds);
    }
    assert_eq!(found.len(), SCHEDULES);
    for row in store.schedules().await.unwrap() {
        let ran = found.remove(row.name.as_str()).unwrap();
        // Oldest first, in the order of acceptance: each second since the beginning, once.
        let expected: Vec<i64> = (1..=i64::try_from(ran.len()).unwrap()).collect();
        let mut ran = ran;
        ran.sort_unstable();
        assert_eq!(ran, expected, "{}", row.name);
        assert_eq!(row.runs, u64::try_from(expected.len()).unwrap(), "{}", row.name);
        let last = (row.evaluated_to.as_ms() - NOW.as_ms()) / 1_000;
        assert_eq!(expected.last(), Some(&last), "{}", row.name);
    }
}
