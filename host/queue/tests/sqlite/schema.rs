//! Stores that former versions made. Each schema has a fixture that was written by it; a new step adds one and edits none.

use crate::audit::{audit, number};
use crate::support::{
    Harness, KEEP_NO_ENDED, NOW, at, begin, block_on, collect, deploy, fire, id, module, new_folder,
    new_revision, new_task, put, rollback, schedule,
};
use mainworker_domain::audit::Actor;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::audit::AuditFilter;
use mainworker_queue::verbs::deployments::{Change, JobRevisions, RolledBack};
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::fire::RunFate;
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::prune::Prune;
use rusqlite::Connection;
use std::path::Path;

/// Makes the database of a fixture.
fn restore(folder: &Path, sql: &str, version: u32) {
    let connection = Connection::open(folder.join("queue.sqlite3")).unwrap();
    connection.execute_batch("PRAGMA application_id = 0x4D57524B; PRAGMA journal_mode = WAL;").unwrap();
    connection.execute_batch(sql).unwrap();
    connection.pragma_update(None, "user_version", version).unwrap();
}

#[test]
fn a_store_of_schema_1_opens() {
    let folder = new_folder();
    restore(folder.path(), include_str!("schema_1.sql"), 1);
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.check().await;
        let states: Vec<_> =
            harness.list(Filter::default(), NOW).await.iter().map(|task| task.state).collect();
        assert_eq!(
            states,
            [
                State::Queued,
                State::Expired,
                State::Cancelled,
                State::Running,
                State::Queued,
                State::Failed,
                State::Completed
            ]
        );
        assert_eq!(harness.messages(id(4)).await, [(1, "said".to_owned())]);
        assert_eq!(
            harness.list_ids(Filter { label: Some("L".to_owned()), ..Filter::default() }, NOW).await,
            [id(1)]
        );
        let rejected = Filter { outcome: Some(Outcome::Rejected), ..Filter::default() };
        assert_eq!(harness.list_ids(rejected, NOW).await, [id(2)]);
        assert_eq!(store.kept("key check").await, Ok(Some(vec![7])));
        // What the schema learned since then holds of former tasks too, and of new ones.
        let former = harness.task(id(4)).await;
        assert_eq!((former.depth, former.requested_by), (0, None));
        harness.enqueue([NewTask { depth: 2, by: Some(Actor::Operator), ..new_task(8) }], NOW).await;
        let new = harness.task(id(8)).await;
        assert_eq!((new.depth, new.requested_by), (2, Some(Actor::Operator)));
        let begun: Vec<_> = harness
            .claim(begin(Timestamp::MAX))
            .await
            .tasks
            .iter()
            .map(|task| (task.held.task, task.depth))
            .collect();
        assert_eq!(begun, [(id(8), 2), (id(3), 0)]);
    });
    assert_eq!(number(folder.path(), "PRAGMA user_version"), 3);
    drop(store);
    audit(folder.path());
}

#[test]
fn a_store_of_schema_2_opens() {
    let folder = new_folder();
    restore(folder.path(), include_str!("schema_2.sql"), 2);
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.check().await;
        let first = harness.task(id(1)).await;
        assert_eq!((first.depth, first.requested_by), (1, Some(Actor::Operator)));
        let view = harness.schedule(&schedule("nightly")).await;
        assert_eq!((view.row.runs, view.row.evaluated_to), (1, at(2)));
        assert_eq!(view.occurrences[0].task, Some(harness.task(id(5)).await.summary));
        let again = fire(&view.row, [(at(1), new_task(8))], at(9));
        assert_eq!(harness.fire(again).await.fates, [RunFate::Known]);
        let tokens = store.tokens().await.unwrap();
        let states: Vec<_> = tokens.iter().map(|row| (row.revoked_at, row.last_used_at)).collect();
        assert_eq!(states, [(None, Some(at(4))), (Some(at(1)), None)]);
        assert_eq!(harness.audit(AuditFilter::default()).await[0].number, 5);
        assert_eq!(harness.claim_ids(at(9)).await, [id(5)], "the fourth is blocked");
        harness.rescue(Timestamp::MAX, at(9)).await;
        assert_eq!(harness.claim_ids(at(9)).await, [3, 5].map(id));
        harness.put(put("daily", "{}"), NOW).await;
        assert_eq!(harness.audit(AuditFilter::default()).await[0].number, 6);
        // Nothing is deployed there, and its tasks need what they were accepted with.
        assert_eq!(store.deployments().await, Ok(Vec::new()));
        assert_eq!(harness.revisions("echo").await, JobRevisions::default());
        harness.deploy(deploy(7, None, at(10))).await;
        harness.deploy(deploy(8, Some(7), at(11))).await;
        let open: Vec<_> =
            harness.revisions("echo").await.revisions.iter().map(|row| row.open_tasks).collect();
        assert_eq!(open, [0, 3]);
        assert_eq!(harness.collect(collect(0)).await, []);
        let prune = Prune { retention: KEEP_NO_ENDED, now: at(20), tasks_max: 100, after: 0 };
        assert_eq!(harness.prune(prune).await, 3);
        assert_eq!(harness.collect(collect(0)).await, [], "three are still open");
    });
    drop(store);
    audit(folder.path());
}

#[test]
fn a_store_of_schema_3_opens() {
    let folder = new_folder();
    restore(folder.path(), include_str!("schema_3.sql"), 3);
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        let harness = Harness::new(&store);
        harness.check().await;
        let current = store.deployments().await.unwrap();
        assert_eq!((current.len(), &current[0].revision, current[0].since), (1, &new_revision(2), at(4)));
        let found = harness.revisions("echo").await;
        let rows: Vec<_> = found
            .revisions
            .iter()
            .map(|row| (row.revision.module, row.superseded_at, row.open_tasks))
            .collect();
        assert_eq!(rows, [(module(2), None, 0), (module(3), Some(at(4)), 1), (module(1), Some(at(2)), 0)]);
        let changes: Vec<_> = found.history.iter().map(|entry| entry.change).collect();
        assert_eq!(changes, [Change::RolledBack, Change::Deployed, Change::Deployed, Change::Deployed]);
        assert_eq!(found.history[1].allowed_widenings, ["source:dashboard"]);
        assert_eq!(harness.roll_back(rollback(None, at(9))).await, RolledBack::Already);
        let forgotten: Vec<_> = harness.collect(collect(0)).await.iter().map(|one| one.module).collect();
        assert_eq!(forgotten, [], "the first has a task that completed, the third one that is open");
        let prune = Prune { retention: KEEP_NO_ENDED, now: at(20), tasks_max: 100, after: 0 };
        assert_eq!(harness.prune(prune).await, 1);
        let forgotten: Vec<_> = harness.collect(collect(0)).await.iter().map(|one| one.module).collect();
        assert_eq!(forgotten, [module(1)]);
        harness.deploy(deploy(4, Some(2), at(21))).await;
        let numbers = "SELECT max(number) FROM deployment_history";
        assert_eq!(number(folder.path(), numbers), 5);
    });
    drop(store);
    audit(folder.path());
}

#[test]
fn a_schema_that_was_released_is_not_edited() {
    let new = new_folder();
    drop(SqliteStore::open(new.path(), NOW).unwrap());
    let statements = |folder: &Path| -> Vec<String> {
        let connection = Connection::open(folder.join("queue.sqlite3")).unwrap();
        let mut statement =
            connection.prepare("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name").unwrap();
        statement.raw_query().mapped(|row| row.get(0)).map(Result::unwrap).collect()
    };
    for (version, sql) in [
        (1, include_str!("schema_1.sql")),
        (2, include_str!("schema_2.sql")),
        (3, include_str!("schema_3.sql")),
    ] {
        let former = new_folder();
        restore(former.path(), sql, version);
        drop(SqliteStore::open(former.path(), NOW).unwrap());
        assert_eq!(statements(former.path()), statements(new.path()), "schema {version}");
    }
}

#[test]
fn it_is_written_down_when_a_schema_began() {
    let folder = new_folder();
    drop(SqliteStore::open(folder.path(), NOW).unwrap());
    assert_eq!(number(folder.path(), "SELECT applied_at FROM migration WHERE version = 1"), NOW.as_ms());
    assert_eq!(number(folder.path(), "PRAGMA auto_vacuum"), 2);
}
