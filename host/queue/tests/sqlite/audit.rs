//! Whether the tables agree with one another, as seen by somebody who knows nothing of the program that wrote them.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// What finds a row only if something is wrong.
const WRONG: &[(&str, &str)] = &[
    (
        "the counts of a job are not those of its tasks",
        "SELECT name FROM job WHERE (queued, running, completed, failed, cancelled, expired) != (
            (SELECT count(*) FROM task WHERE job = job.id AND state = 0 AND place NOT IN (SELECT place FROM lease)),
            (SELECT count(*) FROM task WHERE job = job.id AND state = 0 AND place IN (SELECT place FROM lease)),
            (SELECT count(*) FROM task WHERE job = job.id AND state = 1),
            (SELECT count(*) FROM task WHERE job = job.id AND state = 2),
            (SELECT count(*) FROM task WHERE job = job.id AND state = 3),
            (SELECT count(*) FROM task WHERE job = job.id AND state = 4))",
    ),
    (
        "an open task is not in exactly one of four places, or one that ended is in one",
        "SELECT place FROM task WHERE (state = 0) != (SELECT count(*) FROM (
            SELECT place FROM ready UNION ALL SELECT place FROM waiting UNION ALL SELECT place FROM lease
            UNION ALL SELECT place FROM blocked) AS one
            WHERE one.place = task.place)",
    ),
    (
        "a row beside a task does not say what the task says",
        "SELECT place FROM ready WHERE (place, job, order_key) NOT IN (SELECT place, job, order_key FROM task)
         UNION ALL SELECT place FROM waiting
            WHERE (place, job, order_key, run_at) NOT IN (SELECT place, job, order_key, run_at FROM task)
         UNION ALL SELECT place FROM blocked
            WHERE (place, job, order_key) NOT IN (SELECT place, job, order_key FROM task)
               OR (place, key) NOT IN (SELECT place, key FROM concurrency_key)
         UNION ALL SELECT lease.place FROM lease LEFT JOIN task USING (place)
            WHERE lease.attempt IS NOT task.attempts + 1",
    ),
    (
        "a task and its content are not both there",
        "SELECT place FROM task WHERE place NOT IN (SELECT place FROM content)
         UNION ALL SELECT place FROM content WHERE place NOT IN (SELECT place FROM task)",
    ),
    (
        "a configuration is there that should not be, or the other way round",
        "SELECT place FROM task WHERE (configuration = 1) != (place IN (SELECT place FROM configuration))
         UNION ALL SELECT place FROM configuration WHERE place NOT IN (SELECT place FROM task)
         UNION ALL SELECT place FROM task WHERE configuration = 1 AND state IN (1, 3, 4)",
    ),
    (
        "the attempts of a task that ended are not numbered from 1",
        "SELECT place FROM task WHERE attempts != (SELECT count(*) FROM attempt
            WHERE key > place * 1048576 AND key <= place * 1048576 + task.attempts AND number = key - place * 1048576)
         UNION ALL SELECT key FROM attempt WHERE key / 1048576 NOT IN (SELECT place FROM task)",
    ),
    (
        "a task that completed did not complete",
        "SELECT place FROM task WHERE (state = 1) != (outcome = 1)
         UNION ALL SELECT place FROM task WHERE state = 1
            AND 1 != (SELECT outcome FROM attempt WHERE key = place * 1048576 + task.attempts)
         UNION ALL SELECT key FROM attempt WHERE result IS NOT NULL AND outcome != 1",
    ),
    (
        "a tag or a label is not where it is looked for",
        "SELECT place FROM content, json_each(tags) WHERE (value, place) NOT IN (SELECT tag, place FROM tag)
         UNION ALL SELECT place FROM tag WHERE NOT EXISTS (
            SELECT 1 FROM content, json_each(content.tags) WHERE content.place = tag.place AND value = tag.tag)
         UNION ALL SELECT place FROM content WHERE label NOT NULL AND (label, place) NOT IN (SELECT label, place FROM label)
         UNION ALL SELECT place FROM label WHERE (label, place) NOT IN (SELECT label, place FROM content WHERE label NOT NULL)",
    ),
    (
        "an outcome or an expiry is not where it is looked for",
        "SELECT place FROM task WHERE (outcome > 1) != (place IN (SELECT place FROM outcome))
         UNION ALL SELECT place FROM outcome WHERE (outcome, place) NOT IN (SELECT outcome, place FROM task)
         UNION ALL SELECT place FROM task
            WHERE (state = 0 AND expires_at IS NOT NULL) != (place IN (SELECT place FROM expiry))
         UNION ALL SELECT place FROM expiry
            WHERE (expires_at, place) NOT IN (SELECT expires_at, place FROM task WHERE expires_at NOT NULL)",
    ),
    (
        "a key is not held by the task that should hold it",
        "SELECT place FROM content JOIN task USING (place)
            WHERE (idempotency_key NOT NULL) != (place IN (SELECT place FROM idempotency_key))
         UNION ALL SELECT place FROM idempotency_key JOIN task USING (place) JOIN content USING (place)
            WHERE (idempotency_key.source, key) IS NOT (task.source, content.idempotency_key)
         UNION ALL SELECT place FROM content JOIN task USING (place)
            WHERE (unique_key NOT NULL AND state = 0) != (place IN (SELECT place FROM unique_key))
         UNION ALL SELECT place FROM unique_key JOIN task USING (place) JOIN content USING (place)
            WHERE (unique_key.job, key) IS NOT (task.job, content.unique_key)",
    ),
    (
        "something is left of a task that is gone",
        "SELECT place FROM log WHERE place NOT IN (SELECT place FROM task)
         UNION ALL SELECT place FROM tag WHERE place NOT IN (SELECT place FROM task)
         UNION ALL SELECT place FROM idempotency_key WHERE place NOT IN (SELECT place FROM task)
         UNION ALL SELECT place FROM unique_key WHERE place NOT IN (SELECT place FROM task)",
    ),
    (
        "what a task says it has beside its row is not there, or the other way round",
        "SELECT place FROM task WHERE (beside & 1 != 0) != (place IN (SELECT place FROM origin))
         UNION ALL SELECT place FROM origin WHERE place NOT IN (SELECT place FROM task)
         UNION ALL SELECT place FROM task WHERE (beside & 4 != 0) != (place IN (SELECT place FROM concurrency_key))
         UNION ALL SELECT place FROM concurrency_key WHERE place NOT IN (SELECT place FROM task)
         UNION ALL SELECT place FROM task WHERE (beside & 2 != 0)
            != (place IN (SELECT place FROM origin WHERE schedule NOT NULL))
         UNION ALL SELECT place FROM origin WHERE (schedule NOT NULL) != ((schedule, place) IN (SELECT * FROM scheduled))
         UNION ALL SELECT place FROM scheduled WHERE place NOT IN (SELECT place FROM origin WHERE schedule NOT NULL)
         UNION ALL SELECT place FROM task WHERE (beside & 2 != 0 AND state = 0) != (place IN (SELECT place FROM schedule_open))
         UNION ALL SELECT place FROM schedule_open WHERE (schedule, place) NOT IN (SELECT * FROM scheduled)
         UNION ALL SELECT place FROM origin WHERE schedule NOT NULL AND schedule NOT IN (SELECT id FROM schedule_name)
         UNION ALL SELECT id FROM schedule WHERE name NOT IN (SELECT id FROM schedule_name)
         UNION ALL SELECT at FROM occurrence WHERE schedule NOT IN (SELECT id FROM schedule)
         UNION ALL SELECT place FROM origin WHERE actor NOT NULL AND actor NOT IN (SELECT id FROM actor)",
    ),
    (
        "a task is blocked although its key has room, and none before it is ready",
        "SELECT place FROM blocked
            WHERE (SELECT count(*) FROM lease JOIN task USING (place) JOIN concurrency_key USING (place)
               WHERE task.job = blocked.job AND concurrency_key.key = blocked.key)
               < (SELECT key_running_max FROM job WHERE id = blocked.job)
            AND NOT EXISTS (SELECT 1 FROM ready JOIN concurrency_key USING (place)
               WHERE ready.job = blocked.job AND concurrency_key.key = blocked.key
               AND (ready.order_key, ready.place) < (blocked.order_key, blocked.place))",
    ),
    (
        "the tasks of a revision are not those that were accepted with it",
        "SELECT job FROM revision_use WHERE (job, revision, open, kept) NOT IN (
            SELECT task.job, content.revision, sum(state = 0), count(*) FROM task JOIN content USING (place) GROUP BY 1, 2)
         UNION ALL SELECT place FROM task JOIN content USING (place)
            WHERE (job, content.revision) NOT IN (SELECT job, revision FROM revision_use)",
    ),
    (
        "a revision is current and not kept, or not the one alone that was not superseded",
        "SELECT job FROM deployment WHERE (job, revision) NOT IN (SELECT job, revision FROM deployed WHERE superseded_at IS NULL)
         UNION ALL SELECT job FROM deployed
            WHERE superseded_at IS NULL AND (job, revision) NOT IN (SELECT job, revision FROM deployment)
         UNION ALL SELECT job FROM deployed WHERE job NOT IN (SELECT id FROM job) OR revision NOT IN (SELECT id FROM revision)
         UNION ALL SELECT job FROM deployment WHERE former NOT NULL AND former NOT IN (SELECT id FROM revision)
         UNION ALL SELECT number FROM deployment_history WHERE job NOT IN (SELECT id FROM job)
            OR revision NOT IN (SELECT id FROM revision) OR former NOT IN (SELECT id FROM revision)",
    ),
    (
        "an actor is missing",
        "SELECT number FROM audit WHERE actor NOT IN (SELECT id FROM actor)
         UNION ALL SELECT job FROM deployed WHERE deployed_by NOT IN (SELECT id FROM actor)
         UNION ALL SELECT job FROM deployment WHERE actor NOT IN (SELECT id FROM actor)
         UNION ALL SELECT number FROM deployment_history WHERE actor NOT IN (SELECT id FROM actor)
         UNION ALL SELECT number FROM token WHERE created_by NOT IN (SELECT id FROM actor)",
    ),
    (
        "a name is missing",
        "SELECT place FROM task WHERE job NOT IN (SELECT id FROM job) OR source NOT IN (SELECT id FROM source)
         UNION ALL SELECT place FROM content WHERE revision NOT IN (SELECT id FROM revision)
         UNION ALL SELECT place FROM lease WHERE host NOT IN (SELECT id FROM host)
         UNION ALL SELECT key FROM attempt
            WHERE host NOT IN (SELECT id FROM host) OR revision NOT IN (SELECT id FROM revision)",
    ),
    ("a place was given that is still to be given", "SELECT place FROM task WHERE place > (SELECT last_place FROM store)"),
];

/// Panics with what is wrong in the store in `folder`. It may be open elsewhere.
pub(crate) fn audit(folder: &Path) {
    let connection = look_into(folder);
    let check: String = connection.query_one("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    for (problem, sql) in WRONG {
        let mut statement = connection.prepare(sql).unwrap();
        let found: Vec<String> = statement
            .raw_query()
            .mapped(|row| row.get_ref(0).map(|value| format!("{value:?}")))
            .map(Result::unwrap)
            .collect();
        assert!(found.is_empty(), "{problem}: {found:?}");
    }
}

/// One number out of the store in `folder`.
pub(crate) fn number(folder: &Path, sql: &str) -> i64 {
    look_into(folder).query_one(sql, [], |row| row.get(0)).unwrap()
}

/// A connection of somebody else to the database in `folder`.
pub(crate) fn look_into(folder: &Path) -> Connection {
    // With the right to write, since nobody may have the database open, and then its log of writes is there to be read.
    Connection::open_with_flags(folder.join("queue.sqlite3"), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}
