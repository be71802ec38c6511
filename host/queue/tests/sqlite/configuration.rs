//! Sealed configuration goes when its task needs it no more: nobody who asks the database finds it from then on.

use crate::audit::{audit, look_into};
use crate::support::{Harness, KEEP_NO_ENDED, NOW, at, block_on, ended, id, new_folder, new_task, unique};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::prune::{Prune, Retention};
use mainworker_queue::verbs::settle::Settle;
use rusqlite::Connection;

/// The task that each test is about.
const TASK: u128 = 1;
/// One that is not due before all is over.
const BYSTANDER: u128 = 2;

/// Bytes that stand nowhere else.
fn sealed(number: u128) -> Vec<u8> {
    format!("\0sealed for {number}\u{ff}").into_bytes()
}

fn configured(number: u128) -> NewTask {
    NewTask { configuration: Some(sealed(number)), ..new_task(number) }
}

/// The tables in which these bytes stand anywhere.
fn tables_with(database: &Connection, bytes: &[u8]) -> Vec<String> {
    let mut columns = database
        .prepare(
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table'",
        )
        .unwrap();
    let columns = columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut found: Vec<String> = columns
        .map(Result::unwrap)
        .filter(|(table, column): &(String, String)| {
            let sql =
                format!(r#"SELECT count(*) FROM "{table}" WHERE instr(CAST("{column}" AS BLOB), ?1) > 0"#);
            database.query_one(&sql, [bytes], |row| row.get::<_, i64>(0)).unwrap() > 0
        })
        .map(|(table, _)| table)
        .collect();
    found.dedup();
    found
}

/// Whether the task's configuration is found by somebody who had the database open all along, after this happened. It is
/// before, and that of another task always.
fn is_found_after(what: impl AsyncFnOnce(&Harness<'_, SqliteStore>)) -> bool {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    let database = look_into(folder.path());
    let is_found = block_on(async {
        let harness = Harness::new(&store);
        let keyed = unique("u", UniquePolicy::Reject);
        let task = NewTask { expires_at: Some(at(600)), unique: keyed, ..configured(TASK) };
        let bystander = NewTask { run_at: at(6_000), ..configured(BYSTANDER) };
        harness.enqueue([task, bystander], NOW).await;
        assert_eq!(tables_with(&database, &sealed(TASK)), ["configuration"]);
        what(&harness).await;
        assert_eq!(tables_with(&database, &sealed(BYSTANDER)), ["configuration"]);
        harness.check().await;
        tables_with(&database, &sealed(TASK))
    });
    drop((database, store));
    audit(folder.path());
    // Nor does anybody who comes later find anything else.
    assert_eq!(tables_with(&look_into(folder.path()), &sealed(TASK)), is_found);
    !is_found.is_empty()
}

/// Claims the task and ends its attempt so.
async fn end(store: &Harness<'_, SqliteStore>, outcome: Outcome, now: Timestamp) -> State {
    let claimed = store.claim_one(now).await;
    assert_eq!((claimed.held.task, claimed.configuration), (id(TASK), Some(sealed(TASK))));
    store.apply(ended(claimed.held, outcome, now)).await;
    store.state(id(TASK)).await
}

#[test]
fn it_goes_when_its_task_completes() {
    assert!(!is_found_after(async |store| {
        assert_eq!(end(store, Outcome::Failed, NOW).await, State::Queued);
        assert_eq!(end(store, Outcome::Completed, at(60)).await, State::Completed);
    }));
}

#[test]
fn it_goes_when_its_task_is_cancelled() {
    assert!(!is_found_after(async |store| {
        store.cancel(id(TASK), NOW).await;
        assert_eq!(store.state(id(TASK)).await, State::Cancelled);
    }));
    assert!(!is_found_after(async |store| {
        let held = store.claim_one(NOW).await.held;
        store.cancel(id(TASK), NOW).await;
        store.apply(ended(held, Outcome::Interrupted, NOW)).await;
        assert_eq!(store.state(id(TASK)).await, State::Cancelled);
    }));
}

#[test]
fn it_goes_when_its_task_expires() {
    assert!(!is_found_after(async |store| assert_eq!(store.expire(at(600)).await, [id(TASK)])));
    assert!(!is_found_after(async |store| {
        assert_eq!(store.claim_ids(at(600)).await, []);
        assert_eq!(store.state(id(TASK)).await, State::Expired);
    }));
}

#[test]
fn it_goes_when_another_takes_the_place_of_its_task() {
    let other = |number| NewTask { unique: unique("u", UniquePolicy::Replace), ..new_task(number) };
    assert!(!is_found_after(async |store| {
        store.enqueue([other(3)], at(1)).await;
        assert_eq!(store.state(id(TASK)).await, State::Cancelled);
    }));
    // One that a job asked for.
    assert!(!is_found_after(async |store| {
        store.enqueue([NewTask { priority: 9, ..new_task(3) }], NOW).await;
        let asking = store.claim_one(NOW).await.held;
        let settle = Settle { asked: vec![other(4)], ..ended(asking, Outcome::Completed, at(1)) };
        store.apply(settle).await;
        assert_eq!(store.state(id(TASK)).await, State::Cancelled);
    }));
}

#[test]
fn it_stays_as_long_as_its_task_can_be_run_again() {
    // Between attempts, whatever the last one came to.
    for outcome in [Outcome::Failed, Outcome::Interrupted, Outcome::Lost, Outcome::ModuleUnavailable] {
        assert!(is_found_after(async |store| assert_eq!(end(store, outcome, NOW).await, State::Queued)));
    }
    assert!(is_found_after(async |store| {
        assert_eq!(end(store, Outcome::Rejected, NOW).await, State::Failed);
    }));
    assert!(is_found_after(async |store| {
        end(store, Outcome::Rejected, NOW).await;
        store.retry(id(TASK), at(1)).await;
        // Its new life needs it as well.
        end(store, Outcome::Rejected, at(2)).await;
    }));
}

#[test]
fn it_goes_with_a_task_that_failed_when_that_is_kept_no_longer() {
    let retention = Retention { failed_ms: 10_000, ..KEEP_NO_ENDED };
    for (seconds, is_kept) in [(9, true), (10, false)] {
        let prune = Prune { retention, now: at(seconds), tasks_max: 10, after: 0 };
        let is_found = is_found_after(async |store| {
            assert_eq!(end(store, Outcome::Rejected, NOW).await, State::Failed);
            assert_eq!(store.prune(prune).await, u64::from(!is_kept));
        });
        assert_eq!(is_found, is_kept, "after {seconds} s");
    }
}
