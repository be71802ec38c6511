//! What is true of the rows of the database, as queries for what breaks it.

use anyhow::{Context as _, Result};
use rusqlite::Connection;

/// The attempts that ended, with the place of their task, which is in the upper bits of their key.
const ENDED: &str = "CREATE TEMP TABLE ended (place INTEGER, number INTEGER, outcome INTEGER, result TEXT); \
                     INSERT INTO ended SELECT key >> 20, number, outcome, result FROM attempt; \
                     CREATE INDEX temp.ended_place ON ended (place, number)";

/// What holds at any moment: each query names the tasks, or the jobs, for which it does not.
const ALWAYS: &[(&str, &str)] = &[
    (
        "its attempts are not numbered 1 to n",
        "SELECT lower(hex(task.id)) FROM task LEFT JOIN (SELECT place, count(*) AS n, min(number) AS first, max(number) \
         AS last FROM ended GROUP BY place) AS a ON a.place = task.place \
         WHERE coalesce(a.n, 0) <> task.attempts OR (a.n > 0 AND (a.first <> 1 OR a.last <> a.n))",
    ),
    (
        "a completed attempt is not its last, or not its end",
        "SELECT lower(hex(task.id)) FROM ended JOIN task USING (place) \
         WHERE ended.outcome = 1 AND (ended.number <> task.attempts OR task.state <> 1 OR task.outcome <> 1)",
    ),
    (
        "it is completed, and its last attempt is not",
        "SELECT lower(hex(task.id)) FROM task LEFT JOIN ended ON ended.place = task.place \
         AND ended.number = task.attempts WHERE task.state = 1 AND ended.outcome IS NOT 1",
    ),
    (
        "an attempt has a result that did not complete, or none though it did",
        "SELECT lower(hex(task.id)) FROM ended JOIN task USING (place) \
         WHERE (ended.outcome = 1) <> (ended.result IS NOT NULL)",
    ),
    (
        "it is in none, or in several, of: ready, waiting, running, ended",
        "SELECT lower(hex(id)) FROM task LEFT JOIN (SELECT place, count(*) AS n FROM (SELECT place FROM ready UNION ALL \
         SELECT place FROM waiting UNION ALL SELECT place FROM blocked UNION ALL SELECT place FROM lease) GROUP BY place) AS found USING (place) \
         WHERE (state <> 0) + coalesce(found.n, 0) <> 1",
    ),
    (
        "the attempt that runs is not the next one",
        "SELECT lower(hex(task.id)) FROM lease JOIN task USING (place) WHERE lease.attempt <> task.attempts + 1",
    ),
    (
        "its content is not there",
        "SELECT lower(hex(id)) FROM task WHERE place NOT IN (SELECT place FROM content)",
    ),
    (
        "its configuration is not there, or is there and should be gone",
        "SELECT lower(hex(id)) FROM task WHERE (configuration = 1) <> (place IN (SELECT place FROM configuration)) \
         OR (configuration = 1 AND state IN (1, 3, 4))",
    ),
    (
        "its place is one that may be given again",
        "SELECT lower(hex(task.id)) FROM task, store WHERE task.place > store.last_place",
    ),
    (
        "it is not found by its idempotency key, or by another",
        "SELECT lower(hex(id)) FROM task JOIN content USING (place) LEFT JOIN (SELECT place, \
         group_concat(source || ' ' || key) AS found FROM idempotency_key GROUP BY place) USING (place) \
         WHERE found IS NOT task.source || ' ' || content.idempotency_key",
    ),
    (
        "it holds a unique key though it has ended, or none though it has not",
        "SELECT lower(hex(id)) FROM task JOIN content USING (place) LEFT JOIN (SELECT place, \
         group_concat(job || ' ' || key) AS found FROM unique_key GROUP BY place) USING (place) \
         WHERE found IS NOT iif(task.state = 0, task.job || ' ' || content.unique_key, NULL)",
    ),
    (
        "it is not found by its expiry, or by another",
        "SELECT lower(hex(id)) FROM task LEFT JOIN (SELECT place, group_concat(expires_at) AS found FROM expiry GROUP BY place) \
         USING (place) WHERE found IS NOT iif(state = 0, CAST(task.expires_at AS TEXT), NULL)",
    ),
    (
        "it is not found by its outcome, or by another",
        "SELECT lower(hex(id)) FROM task LEFT JOIN (SELECT place, group_concat(outcome) AS found FROM outcome GROUP BY place) \
         USING (place) WHERE found IS NOT iif(task.outcome > 1, CAST(task.outcome AS TEXT), NULL)",
    ),
    (
        "it is not found by its label, or by another",
        "SELECT lower(hex(id)) FROM task JOIN content USING (place) LEFT JOIN (SELECT place, group_concat(label) AS found \
         FROM label GROUP BY place) USING (place) WHERE found IS NOT content.label",
    ),
    (
        "it is not found by its tags, or by others",
        "SELECT lower(hex(id)) FROM task JOIN content USING (place) LEFT JOIN (SELECT place, group_concat(tag) AS found FROM \
         (SELECT place, tag FROM tag ORDER BY place, tag) GROUP BY place) USING (place) WHERE found IS NOT \
         (SELECT group_concat(value) FROM (SELECT value FROM json_each(coalesce(content.tags, '[]')) ORDER BY value))",
    ),
    (
        "its job counts other numbers of tasks",
        "SELECT name FROM job WHERE (queued, running, completed, failed, cancelled, expired) IS NOT (SELECT \
         (SELECT count(*) FROM task WHERE job = job.id AND state = 0) - (SELECT count(*) FROM lease JOIN task USING (place) WHERE task.job = job.id), \
         (SELECT count(*) FROM lease JOIN task USING (place) WHERE task.job = job.id), \
         (SELECT count(*) FROM task WHERE task.job = job.id AND state = 1), \
         (SELECT count(*) FROM task WHERE task.job = job.id AND state = 2), \
         (SELECT count(*) FROM task WHERE task.job = job.id AND state = 3), \
         (SELECT count(*) FROM task WHERE task.job = job.id AND state = 4))",
    ),
];

/// What holds once every task has ended.
const AT_LAST: &[(&str, &str)] = &[
    ("it has not ended", "SELECT lower(hex(id)) FROM task WHERE state = 0"),
    ("it has a lease", "SELECT lower(hex(task.id)) FROM lease JOIN task USING (place)"),
];

/// The rules that are broken: each with a task's id, as hexadecimal digits, or a job's name.
///
/// # Errors
/// A database that cannot be asked.
pub(super) fn broken(database: &Connection, ended: bool) -> Result<Vec<(&'static str, String)>> {
    database.execute_batch(ENDED)?;
    let mut broken = Vec::new();
    for (rule, sql) in ALWAYS.iter().chain(if ended { AT_LAST } else { &[] }) {
        let mut statement = database.prepare(sql).with_context(|| format!("cannot ask whether {rule}"))?;
        let found = statement.query_map([], |row| row.get::<_, String>(0))?;
        for found in found {
            broken.push((*rule, found?));
        }
    }
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::digest::Digest;
    use mainworker_domain::job_name::JobName;
    use mainworker_domain::lifecycle::{Ending, Jitter, Timestamp};
    use mainworker_domain::manifest::Retry;
    use mainworker_domain::outcome::{Outcome, Usage};
    use mainworker_domain::task_id::TaskId;
    use mainworker_domain::task_options::UniquePolicy;
    use mainworker_queue::attempt::{Figures, Lease};
    use mainworker_queue::sqlite::SqliteStore;
    use mainworker_queue::store::Store;
    use mainworker_queue::verbs::claim::{Claim, ClaimedTask};
    use mainworker_queue::verbs::enqueue::{Enqueue, Idempotency, NewTask, Unique};
    use mainworker_queue::verbs::record::LogPiece;
    use mainworker_queue::verbs::settle::Settle;
    use std::collections::BTreeSet;
    use std::fs;
    use tempfile::TempDir;

    const NOW: Timestamp = Timestamp::from_ms(1_500_000_000_000);

    fn new_task(number: u8) -> NewTask {
        NewTask {
            id: TaskId::from_bytes([number; 16]),
            job: JobName::parse("echo").unwrap(),
            source: "api".to_owned(),
            revision: Digest::from_sha256([7; 32]),
            payload: "{}".to_owned(),
            configuration: Some(vec![number; 8]),
            priority: 0,
            run_at: NOW,
            expires_at: Some(NOW.after_ms(60_000)),
            timeout_ms: None,
            label: Some("label".to_owned()),
            tags: vec!["b".to_owned(), "a".to_owned()],
            idempotency: Some(Idempotency { key: format!("key {number}"), fingerprint: [number; 32] }),
            unique: Some(Unique { key: format!("unique {number}"), policy: UniquePolicy::Reject }),
            retry: Retry { max_attempts: 1, base_ms: 1_000, cap_ms: 1_000 },
            concurrency_max: 10,
            memory_bytes_max: 1,
            parent: None,
            depth: 0,
            by: None,
            concurrency_key: None,
        }
    }

    fn claim(tasks_max: usize) -> Claim {
        Claim {
            now: NOW,
            lease: Lease::from_bits(1),
            lease_until: NOW.after_ms(15_000),
            host: "host".to_owned(),
            tasks_max,
            memory_bytes_max: u64::MAX,
            idle: true,
        }
    }

    fn settle(task: &ClaimedTask, outcome: Outcome) -> Settle {
        Settle {
            held: task.held,
            ending: Ending::from(outcome),
            figures: Figures { started_at: NOW, finished_at: NOW, usage: Usage::default(), ran: None },
            result: (outcome == Outcome::Completed).then(|| "{}".to_owned()),
            error: None,
            log: LogPiece::default(),
            progress: None,
            asked: Vec::new(),
            now: NOW,
            jitter: Jitter::from_bits(0),
        }
    }

    /// A store with a task that completed, one that failed, one that runs, one that is ready and one that waits.
    async fn fill(folder: &TempDir) {
        let store = SqliteStore::open(folder.path(), NOW).unwrap();
        let waits = NewTask { run_at: NOW.after_ms(1_000), ..new_task(5) };
        let tasks = (1..5).map(new_task).chain([waits]).collect();
        store.enqueue(Enqueue { tasks, now: NOW, open_max: 10 }).await.unwrap();
        let claimed = store.claim(claim(3)).await.unwrap().tasks;
        let outcomes = [Outcome::Completed, Outcome::Failed];
        let settles = claimed.iter().zip(outcomes).map(|(task, outcome)| settle(task, outcome));
        store.settle(settles.collect()).await.unwrap();
    }

    /// A copy of the filled store, to be damaged.
    fn open(filled: &TempDir) -> (TempDir, Connection) {
        let folder = TempDir::new().unwrap();
        for entry in fs::read_dir(filled.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let database = Connection::open(folder.path().join("queue.sqlite3")).unwrap();
        (folder, database)
    }

    /// The rules that a database breaks, each once.
    fn broken_by(filled: &TempDir, damage: &str, ended: bool) -> Vec<&'static str> {
        let (_folder, database) = open(filled);
        database.execute_batch(damage).unwrap();
        let mut rules: Vec<_> = broken(&database, ended).unwrap().into_iter().map(|(rule, _)| rule).collect();
        rules.dedup();
        rules
    }

    #[tokio::test]
    async fn each_rule_is_broken_by_some_damage_and_none_without() {
        let filled = TempDir::new().unwrap();
        fill(&filled).await;
        assert_eq!(broken_by(&filled, "", false), [""; 0]);
        assert_eq!(broken_by(&filled, "", true), AT_LAST.iter().map(|(rule, _)| *rule).collect::<Vec<_>>());
        let damages = [
            ("UPDATE task SET attempts = 2 WHERE state = 2", "its attempts are not numbered 1 to n"),
            ("UPDATE attempt SET number = 2 WHERE outcome <> 1", "its attempts are not numbered 1 to n"),
            (
                "UPDATE task SET state = 2, outcome = 3 WHERE state = 1",
                "a completed attempt is not its last, or not its end",
            ),
            (
                "INSERT INTO attempt SELECT key + 1, number + 1, 3, revision, host, started_at, finished_at, wait_ms, wall_us, \
                 cpu_us, peak_memory_bytes, http_calls, http_bytes_in, http_bytes_out, log_bytes, log_lines_dropped, output_bytes, \
                 NULL, NULL, NULL, NULL, NULL, NULL FROM attempt WHERE outcome = 1; UPDATE task SET attempts = 2 WHERE state = 1",
                "a completed attempt is not its last, or not its end",
            ),
            (
                "UPDATE attempt SET outcome = 3, result = NULL WHERE outcome = 1",
                "it is completed, and its last attempt is not",
            ),
            (
                "UPDATE attempt SET result = '{}' WHERE outcome <> 1",
                "an attempt has a result that did not complete, or none though it did",
            ),
            ("DELETE FROM ready", "it is in none, or in several, of: ready, waiting, running, ended"),
            ("DELETE FROM waiting", "it is in none, or in several, of: ready, waiting, running, ended"),
            (
                "INSERT INTO waiting SELECT 1, place, 1, 1 FROM lease",
                "it is in none, or in several, of: ready, waiting, running, ended",
            ),
            ("UPDATE lease SET attempt = 2", "the attempt that runs is not the next one"),
            ("DELETE FROM content WHERE place = 2", "its content is not there"),
            (
                "DELETE FROM configuration WHERE place = 3",
                "its configuration is not there, or is there and should be gone",
            ),
            ("UPDATE store SET last_place = 4", "its place is one that may be given again"),
            (
                "DELETE FROM idempotency_key WHERE place = 1",
                "it is not found by its idempotency key, or by another",
            ),
            (
                "UPDATE idempotency_key SET key = 'other' WHERE place = 1",
                "it is not found by its idempotency key, or by another",
            ),
            (
                "DELETE FROM unique_key",
                "it holds a unique key though it has ended, or none though it has not",
            ),
            (
                "INSERT INTO unique_key VALUES (1, 'unique 1', 1)",
                "it holds a unique key though it has ended, or none though it has not",
            ),
            ("DELETE FROM expiry", "it is not found by its expiry, or by another"),
            ("DELETE FROM outcome", "it is not found by its outcome, or by another"),
            ("DELETE FROM label WHERE place = 4", "it is not found by its label, or by another"),
            ("DELETE FROM tag WHERE place = 4 AND tag = 'a'", "it is not found by its tags, or by others"),
            ("UPDATE job SET queued = queued + 1", "its job counts other numbers of tasks"),
            ("UPDATE job SET running = running + 1", "its job counts other numbers of tasks"),
        ];
        let mut shown = BTreeSet::new();
        for (damage, rule) in damages {
            let found = broken_by(&filled, damage, false);
            assert!(found.contains(&rule), "{damage}: {found:?}");
            shown.insert(rule);
        }
        assert_eq!(
            shown,
            ALWAYS.iter().map(|(rule, _)| *rule).collect(),
            "a rule that nothing breaks shows nothing"
        );
    }
}
