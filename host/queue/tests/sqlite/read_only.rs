//! A folder or a file that cannot be written. Whoever may do anything tests it as somebody who may not.

use crate::child;
use crate::support::{Harness, NOW, block_on, new_folder, new_task};
use mainworker_queue::sqlite::{OpenError, SqliteStore};
use rustix::io::{FdFlags, fcntl_setfd};
use std::env;
use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

/// A user id that owns nothing.
const NOBODY: u32 = 65_534;

/// Opens the store as a user who may only do what the modes say, and answers what was said.
fn open_as_another(test: &str, folder: &Path) -> String {
    // The program may be in a folder that the other user cannot enter, so it is handed over as an open file.
    let program = File::open(env::current_exe().unwrap()).unwrap();
    fcntl_setfd(&program, FdFlags::empty()).unwrap();
    let mut command = child::again_by(format!("/proc/self/fd/{}", program.as_raw_fd()), test, folder);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

fn say_how_it_opens(folder: &Path) {
    match SqliteStore::open(folder, NOW) {
        Ok(_) => println!("it opened"),
        Err(error @ OpenError::ReadOnly { .. }) => println!("read-only: {error}"),
        Err(error) => println!("otherwise: {error}"),
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_said_to_be_so() {
    if let Some(folder) = child::folder() {
        return say_how_it_opens(&folder);
    }
    let outer = new_folder();
    set_mode(outer.path(), 0o755);
    let folder = outer.path().join("data");
    fs::create_dir(&folder).unwrap();
    set_mode(&folder, 0o555);
    let said = open_as_another("read_only::a_folder_that_cannot_be_written_is_said_to_be_so", &folder);
    assert!(said.contains("read-only: write the lock file: "), "{said}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_said_to_be_so() {
    if let Some(folder) = child::folder() {
        return say_how_it_opens(&folder);
    }
    let outer = new_folder();
    set_mode(outer.path(), 0o555);
    let folder = outer.path().join("data");
    let said = open_as_another("read_only::a_folder_that_cannot_be_made_is_said_to_be_so", &folder);
    assert!(said.contains("read-only: make the data folder: "), "{said}");
}

#[test]
fn a_database_that_cannot_be_written_is_said_to_be_so() {
    if let Some(folder) = child::folder() {
        return say_how_it_opens(&folder);
    }
    let outer = new_folder();
    set_mode(outer.path(), 0o755);
    let folder = outer.path().join("data");
    let store = SqliteStore::open(&folder, NOW).unwrap();
    block_on(async { Harness::new(&store).enqueue([new_task(1)], NOW).await });
    drop(store);
    set_mode(&folder, 0o777);
    set_mode(&folder.join("host.lock"), 0o666);
    set_mode(&folder.join("queue.sqlite3"), 0o444);
    let before = fs::read(folder.join("queue.sqlite3")).unwrap();
    let said = open_as_another("read_only::a_database_that_cannot_be_written_is_said_to_be_so", &folder);
    assert!(said.contains("read-only: open the store: ") && said.contains("queue.sqlite3"), "{said}");
    assert!(fs::read(folder.join("queue.sqlite3")).unwrap() == before, "it was changed");
}
