//! One host on one data folder.

use crate::child;
use crate::support::{Harness, NOW, block_on, id, new_folder, new_task};
use mainworker_queue::sqlite::{OpenError, SqliteStore};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_folder_and_its_files_are_made_for_their_owner_alone() {
    let outer = new_folder();
    let folder = outer.path().join("a/b");
    let store = SqliteStore::open(&folder, NOW).unwrap();
    block_on(async { Harness::new(&store).enqueue([new_task(1)], NOW).await });
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["host.lock", "queue.sqlite3", "queue.sqlite3-shm", "queue.sqlite3-wal"]);
    for file in files {
        assert_eq!(mode(folder.join(&file)), 0o600, "{file}");
    }
}

#[test]
fn a_second_opener_is_told_who_has_the_store() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    let refused = SqliteStore::open(folder.path(), NOW).unwrap_err();
    let OpenError::InUse { folder: found, pid } = &refused else { panic!("{refused}") };
    assert_eq!((found.as_path(), *pid), (folder.path(), Some(std::process::id())));
    assert!(refused.to_string().contains(&format!("in use by process {}", std::process::id())), "{refused}");
    block_on(async { Harness::new(&store).enqueue([new_task(1)], NOW).await });
    drop(store);
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async { Harness::new(&store).task(id(1)).await });
}

#[test]
fn another_process_is_kept_out() {
    if let Some(folder) = child::folder() {
        let refused = SqliteStore::open(&folder, NOW).unwrap_err();
        println!("refused: {refused}");
        return;
    }
    let folder = new_folder();
    let _store = SqliteStore::open(folder.path(), NOW).unwrap();
    let output = child::again("lock::another_process_is_kept_out", folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("it is in use by process {}", std::process::id())), "{said}");
}

#[test]
fn what_a_lock_file_says_does_not_keep_anybody_out() {
    let folder = new_folder();
    fs::write(folder.path().join("host.lock"), "1\n").unwrap();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    let said = fs::read_to_string(folder.path().join("host.lock")).unwrap();
    assert_eq!(said, format!("{}\n", std::process::id()));
    drop(store);
    assert_eq!(fs::read_to_string(folder.path().join("host.lock")).unwrap(), "");
}
