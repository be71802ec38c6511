//! Data folders that are not to be used: somebody else's, damaged, read-only, in use. Each is refused and left as it is.

use crate::host::TestWorld;
use endurance::ledger::Work;
use mainworker_domain::task_options::TaskOptions;
use rusqlite::Connection;
use rustix::thread::{CapabilitySet, capability_is_in_bounding_set, remove_capability_from_bounding_set};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;

/// A data folder with a task in it whose host has ended, and the task.
fn with_a_task() -> (TestWorld, String) {
    let test = TestWorld::with_echo();
    let serving = test.serve();
    let id = test.enqueue_far(&serving.client, Work::Echo);
    test.stop(serving);
    (test, id)
}

/// Asserts that a host is refused, that it changed nothing, and gives what it says. What SQLite puts beside a database to
/// read it may stay: an index in shared memory, and a log without a write.
#[track_caller]
fn refused_and_untouched(test: &TestWorld) -> String {
    let before = test.files();
    let said = test.refused_as_usual();
    let mut after = test.files();
    after.retain(|path, content| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        before.contains_key(path) || !(name.ends_with("-shm") || name.ends_with("-wal") && content.is_empty())
    });
    assert!(after == before, "something was written: {:?}, after {said}", after.keys());
    said
}

/// Asserts that a host starts and has the task.
#[track_caller]
fn has_it(test: &TestWorld, id: &str) {
    let serving = test.serve();
    assert_eq!(test.task(&serving.client, id).state, "queued");
    test.echoes(&serving.client);
    test.stop(serving);
    test.assert_whole();
}

fn database(test: &TestWorld) -> PathBuf {
    test.world.data().join("queue.sqlite3")
}

#[test]
fn a_second_host_names_the_first() {
    let test = TestWorld::with_echo();
    let first = test.serve();
    let said = test.refused_as_usual();
    let pid = first.process.pid().as_raw_nonzero();
    assert!(said.starts_with("error[store_in_use]"), "{said}");
    assert!(said.contains(&format!("process {pid}")), "{said}");
    test.echoes(&first.client);
    // One that was killed holds nothing.
    let id = test.enqueue_far(&first.client, Work::Echo);
    first.process.kill().expect("it runs");
    has_it(&test, &id);
}

#[test]
fn files_of_others_are_refused() {
    let test = TestWorld::with_echo();
    fs::create_dir(test.world.data()).expect("a folder");
    for (content, found) in [("", "an empty file"), ("this is no database", "a file that begins otherwise")] {
        fs::write(database(&test), content).expect("a file");
        let said = refused_and_untouched(&test);
        assert!(said.starts_with("error[store_foreign]") && said.contains(found), "{said}");
    }
    fs::remove_file(database(&test)).expect("a file");
    let other = Connection::open(database(&test)).expect("a database");
    other.execute_batch("CREATE TABLE task (place INTEGER PRIMARY KEY)").expect("a table");
    drop(other);
    let said = refused_and_untouched(&test);
    assert!(said.starts_with("error[store_foreign]") && said.contains("application id 0x00000000"), "{said}");
}

#[test]
fn a_newer_store_is_refused() {
    let (test, id) = with_a_task();
    let version = |version: u32| {
        let ours = Connection::open(database(&test)).expect("a database");
        ours.pragma_update(None, "user_version", version).expect("it is written");
    };
    let known: u32 = Connection::open(database(&test))
        .and_then(|ours| ours.query_row("PRAGMA user_version", [], |row| row.get(0)))
        .expect("a number");
    version(known + 1);
    let said = refused_and_untouched(&test);
    assert!(said.starts_with("error[store_newer]"), "{said}");
    assert!(said.contains(&format!("found schema {}, expected at most {known}", known + 1)), "{said}");
    version(known);
    has_it(&test, &id);
}

#[test]
fn a_damaged_store_is_refused() {
    let (test, id) = with_a_task();
    let whole = fs::read(database(&test)).expect("a file");
    // Cut off after its first page, and its pages written over from the second on.
    let mut overwritten = whole.clone();
    overwritten[4096..].fill(0xa5);
    for damaged in [&whole[..4096], &overwritten] {
        fs::write(database(&test), damaged).expect("a file");
        let said = refused_and_untouched(&test);
        assert!(said.starts_with("error[store_damaged]"), "{said}");
    }
    fs::write(database(&test), &whole).expect("a file");
    has_it(&test, &id);
}

#[test]
fn a_log_of_writes_without_its_store_is_refused() {
    let test = TestWorld::with_echo();
    let serving = test.serve();
    let id = test.enqueue_far(&serving.client, Work::Echo);
    // Killed, it leaves what it wrote last beside the database.
    serving.process.kill().expect("it runs");
    let away = test.world.path("away.sqlite3");
    fs::rename(database(&test), &away).expect("a file");
    let said = refused_and_untouched(&test);
    assert!(said.starts_with("error[store_damaged]"), "{said}");
    fs::rename(&away, database(&test)).expect("a file");
    has_it(&test, &id);
}

#[test]
fn a_read_only_data_folder_is_refused() {
    let (test, id) = with_a_task();
    let mode = |folder: u32, file: u32| {
        for path in test.files().into_keys().filter(|path| path.parent() == Some(&test.world.data())) {
            fs::set_permissions(path, Permissions::from_mode(file)).expect("a file");
        }
        fs::set_permissions(test.world.data(), Permissions::from_mode(folder)).expect("a folder");
    };
    mode(0o500, 0o400);
    let said = without_rights_over_files(|| refused_and_untouched(&test));
    assert!(said.starts_with("error[store_read_only]") && said.contains("Permission denied"), "{said}");
    mode(0o700, 0o600);
    has_it(&test, &id);
}

#[test]
fn a_data_folder_that_cannot_be_made_is_refused() {
    let test = TestWorld::with_echo();
    let above = test.world.path("above");
    fs::create_dir(&above).expect("a folder");
    fs::set_permissions(&above, Permissions::from_mode(0o500)).expect("a folder");
    let data = above.join("data");
    let said = without_rights_over_files(|| test.refused(test.world.command(&data)));
    assert!(said.starts_with("error[store_read_only]"), "{said}");
    assert!(!data.exists());
}

/// Runs `start` on a thread whose processes are held to the permissions of files, as everybody but root is.
fn without_rights_over_files<T: Send>(start: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let started = scope.spawn(|| {
            for right in [CapabilitySet::DAC_OVERRIDE, CapabilitySet::DAC_READ_SEARCH] {
                // Who is not root has none of it, and gives it to nobody.
                if rustix::process::geteuid().is_root()
                    && capability_is_in_bounding_set(right).expect("a known right")
                {
                    remove_capability_from_bounding_set(right).expect("root may give up rights");
                }
            }
            start()
        });
        started.join().expect("no panic")
    })
}

#[test]
fn what_stands_beside_the_store_is_left_alone() {
    let test = TestWorld::with_echo();
    fs::create_dir(test.world.data()).expect("a folder");
    let notes = test.world.data().join("notes.txt");
    fs::write(&notes, "not ours").expect("a file");
    let serving = test.serve();
    let id = test.enqueue(&serving.client, "echo", &json!({}), &TaskOptions::default());
    assert_eq!(test.ended(&serving.client, &id).state, "completed");
    test.stop(serving);
    assert_eq!(fs::read_to_string(notes).expect("it is there"), "not ours");
}
