//! The plan of each statement, pinned: on a store with nothing in it and on a full one, without statistics, with true ones and
//! after false ones were found. A planner that finds another one some day would be noticed by its users otherwise.

use super::open::forget_statistics;
use super::schema;
use super::sql::{self, Sql};
use rusqlite::Connection;

/// What is read from one end to the other, and why it is short.
const SCANNED: [(Sql, &str); 14] = [
    (sql::JOBS, "SCAN job"),
    (sql::SOURCES, "SCAN source"),
    (sql::REVISIONS, "SCAN revision"),
    (sql::HOSTS, "SCAN host"),
    (sql::ACTORS, "SCAN actor"),
    // A thousand that are in use, and those that were.
    (sql::TOKENS, "SCAN token > SEARCH actor USING INTEGER PRIMARY KEY (rowid=?)"),
    (sql::TOKENS_IN_USE, "SCAN token"),
    // A thousand at the most.
    (sql::SCHEDULES, "SCAN schedule > SEARCH schedule_name USING INTEGER PRIMARY KEY (rowid=?)"),
    (sql::COUNT_SCHEDULES, "SCAN schedule USING COVERING INDEX sqlite_autoindex_schedule_1"),
    // As many as there are jobs.
    (
        sql::DEPLOYMENTS,
        "SCAN deployment > SEARCH deployed USING PRIMARY KEY (job=? AND revision=?) > REVISION > \
         CORRELATED SCALAR SUBQUERY 1 > SEARCH who USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    // Revisions that are kept, some of each job.
    (sql::DEPLOYED, "SCAN deployed USING INDEX deployed_newest > REVISION"),
    // Once, when the store is opened.
    (sql::REVISION_USES, "SCAN revision_use"),
    (sql::LEASES, "SCAN lease"),
    // One row of it.
    (sql::NEXT_DUE, "SCAN waiting"),
];

/// Each way into the tables that grow.
const PINNED: [(Sql, &str); 59] = [
    (sql::ROW_BY_PLACE, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?) > CONTENT"),
    (sql::READY_ROW, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?) > CONTENT"),
    (sql::ROW_BY_ID, "SEARCH task USING INDEX task_id (id=?) > CONTENT"),
    (
        sql::ROW_BY_UNIQUE_KEY,
        "SEARCH unique_key USING PRIMARY KEY (job=? AND key=?) > \
         SEARCH task USING INTEGER PRIMARY KEY (rowid=?) > CONTENT",
    ),
    (
        sql::KNOWN,
        "SEARCH idempotency_key USING PRIMARY KEY (source=? AND key=?) > \
         SEARCH task USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (sql::DUE, "SEARCH waiting USING PRIMARY KEY (run_at<?)"),
    (sql::READY, "SEARCH ready USING PRIMARY KEY (job=? AND (order_key,place)>(?,?))"),
    (sql::REMOVE_READY_TO, "SEARCH ready USING PRIMARY KEY (job=? AND (order_key,place)<(?,?))"),
    (
        sql::PAST_EXPIRY,
        "SEARCH expiry USING PRIMARY KEY (expires_at<?) > CORRELATED SCALAR SUBQUERY 1 > \
         SEARCH lease USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (sql::OLDEST, "SEARCH task USING INTEGER PRIMARY KEY (rowid>?)"),
    (sql::NEXT_LINE, "SEARCH log USING INDEX log_place (place=? AND attempt=?)"),
    (sql::LOG, "SEARCH log USING INDEX log_place (place=? AND (attempt,first_line)>(?,?))"),
    (sql::LOG_BEFORE, "SEARCH log USING COVERING INDEX log_place (place=? AND attempt=? AND first_line<?)"),
    (sql::DELETE_ATTEMPTS, "SEARCH attempt USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    (sql::ATTEMPTS, "SEARCH attempt USING INTEGER PRIMARY KEY (rowid>? AND rowid<?) > ATTEMPTS"),
    (sql::CONTENTS, "SEARCH content USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    (sql::DELETE_LOGS, "SEARCH log USING INDEX log_place (place>? AND place<?)"),
    (sql::DELETE_CONFIGURATIONS, "SEARCH configuration USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    (
        sql::SCHEDULE_BY_ID,
        "SEARCH schedule USING INTEGER PRIMARY KEY (rowid=?) > SEARCH schedule_name USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        sql::SCHEDULE_BY_NAME,
        "SEARCH schedule_name USING COVERING INDEX sqlite_autoindex_schedule_name_1 (name=?) > \
         SEARCH schedule USING INDEX sqlite_autoindex_schedule_1 (name=?)",
    ),
    (sql::OCCURRENCE, "SEARCH occurrence USING PRIMARY KEY (schedule=? AND at=?)"),
    (sql::OCCURRENCES, "SEARCH occurrence USING PRIMARY KEY (schedule=?)"),
    (sql::DELETE_OCCURRENCES, "SEARCH occurrence USING PRIMARY KEY (schedule=?)"),
    (
        sql::SCHEDULE_OPEN,
        "SEARCH schedule_open USING PRIMARY KEY (schedule=?) > \
         SEARCH lease USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
    ),
    (sql::OPEN_PLACES, "SEARCH schedule_open USING PRIMARY KEY (schedule=?)"),
    (
        sql::CLOSE_RUN,
        "SEARCH schedule_open USING PRIMARY KEY (schedule=? AND place=?) > SCALAR SUBQUERY 1 > \
         SEARCH origin USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        sql::DELETE_SCHEDULED,
        "SEARCH scheduled USING PRIMARY KEY (schedule=? AND place=?) > LIST SUBQUERY 2 > \
         SEARCH origin USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    ),
    (sql::PLACES_BY_SCHEDULE, "SEARCH scheduled USING PRIMARY KEY (schedule=? AND place<?)"),
    (sql::CONCURRENCY_KEY, "SEARCH concurrency_key USING INTEGER PRIMARY KEY (rowid=?)"),
    (sql::FIRST_BLOCKED, "SEARCH blocked USING PRIMARY KEY (job=? AND key=?)"),
    (sql::REMOVE_BLOCKED, "SEARCH blocked USING PRIMARY KEY (job=? AND key=? AND order_key=? AND place=?)"),
    (sql::DELETE_CONCURRENCY_KEYS, "SEARCH concurrency_key USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    (sql::AUDIT, "SEARCH audit USING INTEGER PRIMARY KEY (rowid<?) > ACTOR"),
    (sql::AUDIT_BY_ACTOR, "SEARCH audit USING INDEX audit_actor (actor=? AND rowid<?) > ACTOR"),
    (
        sql::AUDIT_BY_OBJECT,
        "SEARCH audit USING INDEX audit_object (object_kind=? AND object=? AND rowid<?) > ACTOR",
    ),
    (
        sql::PRUNE_AUDIT,
        "SEARCH audit USING INTEGER PRIMARY KEY (rowid=?) > LIST SUBQUERY 1 > \
         SEARCH audit USING COVERING INDEX audit_at (at<?)",
    ),
    (sql::DEPLOYED_REVISION, "SEARCH deployed USING PRIMARY KEY (job=? AND revision=?) > REVISION"),
    (sql::DEPLOYED_OF_JOB, "SEARCH deployed USING INDEX deployed_newest (job=?) > REVISION"),
    (sql::COLLECTABLE, "SEARCH deployed USING INDEX deployed_newest (job>?)"),
    (sql::REMOVE_DEPLOYED, "SEARCH deployed USING PRIMARY KEY (job=? AND revision=?)"),
    (
        sql::SUPERSEDE,
        "SEARCH deployed USING PRIMARY KEY (job=? AND revision=?) > SCALAR SUBQUERY 1 > \
         SEARCH deployment USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        sql::REMOVE_OLD_CHANGES,
        "SEARCH deployment_history USING INTEGER PRIMARY KEY (rowid=?) > LIST SUBQUERY 1 > \
         SEARCH deployment_history USING COVERING INDEX deployment_history_job (job=?)",
    ),
    (
        sql::HISTORY,
        "SEARCH history USING INDEX deployment_history_job (job=?) > ACTOR > \
         SEARCH revision USING INTEGER PRIMARY KEY (rowid=?) > \
         SEARCH former USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
    ),
    (sql::DEPTH, "SEARCH origin USING INTEGER PRIMARY KEY (rowid=?)"),
    (
        sql::ORIGIN,
        "SEARCH origin USING INTEGER PRIMARY KEY (rowid=?) > \
         SEARCH actor USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
    ),
    (sql::DELETE_ORIGINS, "SEARCH origin USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    (sql::DELETE_CONTENTS, "SEARCH content USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    (sql::DELETE_TASKS, "SEARCH task USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    (sql::SUMMARY_BY_ID, "SEARCH task USING INDEX task_id (id=?) > CONTENT > NAMES > NEWEST"),
    (sql::SUMMARY_BY_PLACE, "SEARCH task USING INTEGER PRIMARY KEY (rowid=?) > CONTENT > NAMES > NEWEST"),
    (sql::RAN, "SEARCH attempt USING INTEGER PRIMARY KEY (rowid=?)"),
    (sql::PLACES, "SEARCH task USING INTEGER PRIMARY KEY (rowid<?)"),
    (sql::CREATED_FROM_PLACE, "SEARCH task USING INTEGER PRIMARY KEY (rowid>?)"),
    (
        sql::PLACES_BY_JOB_STATE,
        "SEARCH task USING COVERING INDEX task_job_state (job=? AND state=? AND rowid<?)",
    ),
    (sql::PLACES_BY_SOURCE, "SEARCH task USING COVERING INDEX task_source (source=? AND rowid<?)"),
    (sql::PLACES_BY_LABEL, "SEARCH label USING PRIMARY KEY (label=? AND place<?)"),
    (sql::PLACES_BY_OUTCOME, "SEARCH outcome USING PRIMARY KEY (outcome=? AND place<?)"),
    (sql::PLACES_BY_TAG, "SEARCH tag USING PRIMARY KEY (tag=? AND place<?)"),
    (sql::PLACES_RUNNING, "SEARCH lease USING INTEGER PRIMARY KEY (rowid<?)"),
];

/// What the words in capitals stand for.
const PARTS: [(&str, &str); 6] = [
    ("ACTOR", "SEARCH actor USING INTEGER PRIMARY KEY (rowid=?)"),
    ("CONTENT", "SEARCH content USING INTEGER PRIMARY KEY (rowid=?)"),
    (
        "NAMES",
        "SEARCH job USING INTEGER PRIMARY KEY (rowid=?) > SEARCH source USING INTEGER PRIMARY KEY (rowid=?) > \
         SEARCH revision USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        "NEWEST",
        "SEARCH lease USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN > SEARCH origin USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN > \
         SEARCH schedule_name USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN > CORRELATED SCALAR SUBQUERY 1 > \
         SEARCH attempt USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        "REVISION",
        "SEARCH job USING INTEGER PRIMARY KEY (rowid=?) > SEARCH revision USING INTEGER PRIMARY KEY (rowid=?) > \
         SEARCH actor USING INTEGER PRIMARY KEY (rowid=?) > \
         SEARCH revision_use USING PRIMARY KEY (job=? AND revision=?) LEFT-JOIN",
    ),
    (
        "ATTEMPTS",
        "SEARCH revision USING INTEGER PRIMARY KEY (rowid=?) > SEARCH host USING INTEGER PRIMARY KEY (rowid=?)",
    ),
];

/// 20,000 tasks of 40 jobs, in every state.
const FILL: &str = "
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
    INSERT INTO task SELECT n, randomblob(16), n % 40, n % 5, n % 5, n % 16, 0, 0, 0, 0, n, n, n, n, n, 0, 1 FROM n;
    INSERT INTO origin SELECT place, 1, 1, place % 7, place FROM task;
    INSERT INTO schedule_name SELECT place, 'schedule' || place FROM task LIMIT 1000;
    INSERT INTO schedule SELECT place, place, NULL, '{}', 1, 0, 1, 1, 1, 1, NULL, 0, 0, NULL, NULL, NULL FROM task LIMIT 1000;
    INSERT INTO occurrence SELECT place % 7, place, 'enqueued', NULL FROM task;
    INSERT INTO scheduled SELECT place % 7, place FROM task;
    INSERT INTO concurrency_key SELECT place, 'key' || place FROM task;
    INSERT INTO blocked SELECT job, 'key' || place % 100, order_key, place FROM task;
    INSERT INTO schedule_open SELECT place % 7, place FROM task;
    INSERT INTO actor SELECT place, 'token:' || place FROM task;
    INSERT INTO audit SELECT place, place, place % 9, 'paused', 'job', place % 40, NULL FROM task;
    INSERT INTO token SELECT place, 'token' || place, NULL, NULL, '[]', x'00', 1, 1, NULL, place % 2, NULL FROM task LIMIT 1000;
    INSERT INTO content SELECT place, 1, 0, 5, 1, 1, 1, NULL, NULL, 'label', '[\"tag\"]', NULL, NULL, '{}' FROM task;
    INSERT INTO ready SELECT job, order_key, place FROM task WHERE state = 0;
    INSERT INTO waiting SELECT run_at, place, job, order_key FROM task WHERE state = 0;
    INSERT INTO revision_use SELECT place % 40, place, 1, 1 FROM task LIMIT 1000;
    INSERT INTO deployed SELECT place % 40, place, x'00', '1.0.0', '', '', '', '', '', 1, 1, 1, place, 1 FROM task LIMIT 1000;
    INSERT INTO deployment SELECT place, 1, NULL, 0, 1, 1 FROM task LIMIT 40;
    INSERT INTO deployment_history SELECT place, place % 40, 1, 1, 'deployed', 1, '1.0.0', NULL, '[]' FROM task LIMIT 8000;
    INSERT INTO lease SELECT place, 1, 1, 1, 1, 1, 0, NULL, NULL FROM task WHERE place % 500 = 0;
    INSERT INTO attempt SELECT place * 1048576 + 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL,
        NULL FROM task;
    INSERT INTO log SELECT place, 1, 0, 1, '[]' FROM task;
    INSERT INTO tag SELECT 'tag', place FROM task;
    INSERT INTO label SELECT 'label', place FROM task;
    INSERT INTO outcome SELECT outcome, place FROM task;
    INSERT INTO expiry SELECT expires_at, place FROM task;
    INSERT INTO idempotency_key SELECT source, 'key' || place, place, x'00' FROM task;
    INSERT INTO unique_key SELECT job, 'key' || place, place FROM task;
";

/// As if it had been analyzed when it was nearly empty.
const LIE: &str = "
    ANALYZE;
    UPDATE sqlite_stat1 SET stat = '2 2 2 2';
    DELETE FROM sqlite_stat4;
    ANALYZE sqlite_schema;
";

#[test]
fn plans_depend_neither_on_what_is_there_nor_on_statistics() {
    for (store, sql) in [
        ("empty", String::new()),
        ("empty, analyzed", "ANALYZE".to_owned()),
        ("full", FILL.to_owned()),
        ("full, analyzed", format!("{FILL} ANALYZE;")),
        ("full, with false statistics until it is opened", format!("{FILL} {LIE}")),
    ] {
        let connection = Connection::open_in_memory().unwrap();
        for step in schema::STEPS {
            connection.execute_batch(step).unwrap();
        }
        connection.execute_batch(&sql).unwrap();
        if sql.ends_with(LIE) {
            assert_eq!(plan(&connection, sql::OLDEST.text()), "SCAN task", "it is misled");
            forget_statistics(&connection).unwrap();
        }
        for (index, (name, text)) in sql::ALL.iter().enumerate() {
            let found = plan(&connection, text);
            let is = |(sql, _): &&(Sql, &str)| sql.index() == index;
            if let Some((_, scan)) = SCANNED.iter().find(is) {
                assert_eq!(found, in_full(scan), "{name} on a store that is {store}");
                continue;
            }
            assert!(!found.contains("SCAN "), "{name} on a store that is {store}: {found}");
            assert!(!found.contains("TEMP B-TREE"), "{name} on a store that is {store}: {found}");
            if let Some((_, pinned)) = PINNED.iter().find(is) {
                assert_eq!(found, in_full(pinned), "{name} on a store that is {store}");
            }
        }
    }
}

fn in_full(plan: &str) -> String {
    PARTS.iter().fold(plan.to_owned(), |plan, (part, long)| plan.replace(part, long))
}

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>();
    steps.unwrap().join(" > ")
}
