//! What is in the folder and is not a store of this program, or is one no more: it is named and left as it is.

use crate::audit::audit;
use crate::support::{Harness, NOW, ask, block_on, id, new_folder, new_task};
use mainworker_queue::sqlite::{OpenError, SqliteStore};
use mainworker_queue::store::Store;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with this file in place of the database; how opening it fails, which must leave the file as it is.
fn refused(content: &[u8]) -> OpenError {
    let folder = new_folder();
    let path = database(folder.path());
    fs::write(&path, content).unwrap();
    let refused = SqliteStore::open(folder.path(), NOW).unwrap_err();
    assert!(fs::read(&path).unwrap() == content, "it was changed: {refused}");
    // Nobody holds it afterwards.
    assert_eq!(SqliteStore::open(folder.path(), NOW).unwrap_err().to_string(), refused.to_string());
    refused
}

fn database(folder: &Path) -> PathBuf {
    folder.join("queue.sqlite3")
}

/// The database of a store with some tasks, closed.
fn whole() -> Vec<u8> {
    let folder = new_folder();
    fill(folder.path());
    fs::read(database(folder.path())).unwrap()
}

fn fill(folder: &Path) {
    let store = SqliteStore::open(folder, NOW).unwrap();
    block_on(async { Harness::new(&store).enqueue((1..=500).map(new_task), NOW).await });
}

/// A database that some other program made.
fn foreign(application_id: u32, user_version: u32) -> Vec<u8> {
    let folder = new_folder();
    let path = folder.path().join("foreign");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA application_id = {application_id}; PRAGMA user_version = {user_version}; CREATE TABLE task (a);"
        ))
        .unwrap();
    drop(connection);
    fs::read(path).unwrap()
}

#[test]
fn what_is_no_database_is_refused() {
    let begins_otherwise = refused("not a database, ".repeat(20).as_bytes());
    assert!(
        matches!(&begins_otherwise, OpenError::NotADatabase { found, .. } if found == "a file that begins otherwise"),
        "{begins_otherwise}"
    );
    for content in [&b""[..], b"SQLite format 3\0"] {
        let error = refused(content);
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    }
}

#[test]
fn the_database_of_another_program_is_refused() {
    for (application_id, user_version) in [(0, 0), (0, 1), (7, 99)] {
        let error = refused(&foreign(application_id, user_version));
        let OpenError::AnotherProgram { found, expected, .. } = error else { panic!("{error}") };
        assert_eq!((found, expected), (application_id, 0x4D57_524B));
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let error = refused(&foreign(0x4D57_524B, 4));
    let OpenError::NewerSchema { found, expected, .. } = &error else { panic!("{error}") };
    assert_eq!((*found, *expected), (4, 3));
    assert!(error.to_string().ends_with("found schema 4, expected at most 3"), "{error}");
}

#[test]
fn a_newer_schema_that_is_only_in_the_log_of_writes_is_refused() {
    let folder = new_folder();
    fill(folder.path());
    let path = database(folder.path());
    let before = fs::read(&path).unwrap();
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 4;").unwrap();
    let error = SqliteStore::open(folder.path(), NOW).unwrap_err();
    assert!(matches!(error, OpenError::NewerSchema { found: 4, .. }), "{error}");
    assert!(fs::read(&path).unwrap() == before, "it was changed: {error}");
}

#[test]
fn one_without_its_tables_is_damaged() {
    for user_version in [0, 1, 2, 3] {
        let error = refused(&foreign(0x4D57_524B, user_version));
        assert!(matches!(error, OpenError::Damaged { expected: 3, .. }), "{error}");
    }
}

#[test]
fn one_that_was_cut_off_is_damaged() {
    let whole = whole();
    for bytes in [whole.len() / 2, whole.len() - 4_096, 4_096, 200] {
        let error = refused(&whole[..bytes]);
        assert!(matches!(error, OpenError::Damaged { .. }), "{bytes}: {error}");
    }
}

#[test]
fn one_that_was_written_over_is_damaged() {
    let whole = whole();
    // The schema, then each page that has the root of a table which is read when a store is opened.
    let mut pages = vec![0];
    let folder = new_folder();
    fs::write(database(folder.path()), &whole).unwrap();
    let connection = Connection::open(database(folder.path())).unwrap();
    for table in ["job", "store", "source", "lease"] {
        let root: u32 = connection
            .query_one("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0))
            .unwrap();
        pages.push(usize::try_from(root).unwrap() - 1);
    }
    drop(connection);
    for page in pages {
        let mut content = whole.clone();
        content[page * 4_096 + 100..(page + 1) * 4_096].fill(0xA5);
        if page > 0 {
            content[page * 4_096..page * 4_096 + 100].fill(0xA5);
        }
        let error = refused(&content);
        assert!(matches!(error, OpenError::Damaged { .. }), "page {page}: {error}");
    }
}

#[test]
fn a_log_of_writes_without_its_database_is_not_lost() {
    let folder = new_folder();
    let log = folder.path().join("queue.sqlite3-wal");
    fs::write(&log, "writes").unwrap();
    let error = SqliteStore::open(folder.path(), NOW).unwrap_err();
    assert!(matches!(&error, OpenError::Damaged { path, .. } if *path == log), "{error}");
    assert_eq!(fs::read(&log).unwrap(), b"writes");
    assert!(!database(folder.path()).exists());
}

#[test]
fn a_database_that_was_never_finished_is_made_anew() {
    let folder = new_folder();
    fs::write(folder.path().join("queue.sqlite3.new"), "half of one").unwrap();
    fs::write(folder.path().join("queue.sqlite3.new-journal"), "what was before").unwrap();
    fill(folder.path());
    audit(folder.path());
    assert!(!folder.path().join("queue.sqlite3.new").exists());
}

#[test]
fn a_store_is_where_its_folder_says() {
    let folder = new_folder();
    fs::write(folder.path().join("data"), "a file").unwrap();
    let error = SqliteStore::open(&folder.path().join("data"), NOW).unwrap_err();
    assert!(error.to_string().starts_with("make the data folder: "), "{error}");
}

#[test]
fn statistics_of_another_hand_are_thrown_away() {
    let folder = new_folder();
    fill(folder.path());
    Connection::open(database(folder.path())).unwrap().execute_batch("ANALYZE").unwrap();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async { Harness::new(&store).task(id(1)).await });
    drop(store);
    let connection = Connection::open(database(folder.path())).unwrap();
    let found: i64 = connection
        .query_one("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, 0);
}

#[test]
fn closing_leaves_one_file_and_nothing_to_recover() {
    let folder = new_folder();
    fill(folder.path());
    let mut files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["host.lock", "queue.sqlite3"]);
}

/// Whatever is written to a file that nobody finds again is lost with the process.
#[test]
fn nothing_is_taken_once_the_database_is_gone_from_where_it_was() {
    let (folder, aside) = (new_folder(), new_folder());
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    let harness = Harness::new(&store);
    let (here, there) = (database(folder.path()), aside.path().join("elsewhere"));
    let refused = || {
        let refused = block_on(store.enqueue(ask([new_task(2)], NOW))).unwrap_err().to_string();
        assert!(refused.contains("expected the one that was opened"), "{refused}");
    };
    block_on(harness.enqueue([new_task(1)], NOW));
    fs::rename(&here, &there).unwrap();
    refused();
    fs::write(&here, "another file").unwrap();
    refused();
    // Nothing was lost of what was taken before, and it goes on when the file is back.
    fs::rename(&there, &here).unwrap();
    block_on(harness.enqueue([new_task(3)], NOW));
    assert_eq!(block_on(store.task(id(2))), Ok(None));
    assert_eq!(block_on(harness.claim_ids(NOW)), [id(1), id(3)]);
}
