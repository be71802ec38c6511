//! Mounts: what is below one, and nothing else.

use crate::support::harness::Harness;
use mainworker_domain::manifest::Access;
use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// `data` with a few files, and `outside` beside it with what nobody may read.
fn folders() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    fs::create_dir_all(data.join("folder")).unwrap();
    fs::create_dir_all(root.path().join("outside/folder")).unwrap();
    fs::create_dir_all(root.path().join("data-beside")).unwrap();
    for file in ["data/there", "data/other", "data/folder/inner", "outside/secret", "data-beside/secret"] {
        fs::write(root.path().join(file), file).unwrap();
    }
    fs::remove_file(data.join("folder/inner")).unwrap();
    root
}

fn errors(got: &Value) -> Map<String, Value> {
    let got = got.as_object().unwrap().clone();
    got.into_iter().filter(|(_, text)| text.as_str().is_some_and(|text| text.starts_with("error"))).collect()
}

#[tokio::test]
async fn without_a_mount_there_are_no_files() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("looks around without a mount");
    let looked = run.result().await;
    assert_eq!(errors(&looked).len(), case.payload["paths"].as_array().unwrap().len(), "{looked:#}");
}

#[tokio::test]
async fn nothing_outside_a_mount_can_be_read() {
    let harness = Harness::shared().await;
    let root = folders();
    let data = root.path().join("data");
    let outside = root.path().join("outside");
    symlink(outside.join("secret"), data.join("to-file")).unwrap();
    symlink("../outside/secret", data.join("to-file-above")).unwrap();
    symlink(&outside, data.join("to-folder")).unwrap();
    symlink("../outside", data.join("to-folder-above")).unwrap();
    symlink("to-folder-above", data.join("to-link")).unwrap();
    symlink("..", data.join("folder/up")).unwrap();
    symlink("..", data.join("above")).unwrap();
    symlink("/", data.join("to-root")).unwrap();
    let absolute = outside.join("secret");
    let paths = [
        "/data/../outside/secret",
        "/data/folder/../../outside/secret",
        "/data/./folder/.././../outside/secret",
        "/data/../data-beside/secret",
        "/data-beside/secret",
        "/data/to-file",
        "/data/to-file/",
        "/data/to-file-above",
        "/data/to-folder",
        "/data/to-folder/",
        "/data/to-folder/secret",
        "/data/to-folder/folder/",
        "/data/to-folder-above/secret",
        "/data/to-folder-above/",
        "/data/to-link/secret",
        "/data/to-link/",
        "/data/folder/up/../outside/secret",
        "/data/above/outside/secret",
        "/data/above/",
        "/data/to-root/etc/passwd",
        "/data//../outside/secret",
        "/data/..",
        "/data/../",
        "/",
        "/other/there",
        absolute.to_str().unwrap(),
        &format!("/data/{}", absolute.display()),
        "/data/there\0/../../outside/secret",
    ];
    let (run, _) = harness.case("climbs out of a mount");
    let run = run.with("paths", paths.to_vec()).mount("data", &data, Access::ReadWrite);
    let looked = run.result().await;
    assert_eq!(errors(&looked).len(), paths.len(), "{looked:#}");

    // The same ways inside the mount do work, so that the errors above are about where they lead.
    let inside = ["/data/there", "/data/folder/../there", "/data/folder/up/there", "/data/./there", "/data/"];
    let run = harness.probe(json!({ "probe": "looks_around", "paths": inside }));
    let looked = run.mount("data", &data, Access::Read).result().await;
    assert_eq!(errors(&looked), Map::new());
    assert_eq!(looked["/data/folder/up/there"], json!("file: data/there"));
}

/// What a folder holds: paths, contents and times of change.
fn snapshot(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            found.push(format!("{}", path.display()));
            found.extend(snapshot(&path));
        } else {
            found.push(format!("{} {:?} {changed:?}", path.display(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_read_only_mount_cannot_be_changed() {
    let harness = Harness::shared().await;
    let root = folders();
    let before = snapshot(root.path());
    let (run, _) = harness.case("writes into a read-only mount");
    let got = run.mount("data", &root.path().join("data"), Access::Read).result().await;
    assert_eq!(errors(&got).len(), 13, "{got:#}");
    assert_eq!(snapshot(root.path()), before);
}

#[tokio::test]
async fn a_writable_mount_can_be_changed() {
    let harness = Harness::shared().await;
    let root = folders();
    let (run, _) = harness.case("writes into a writable mount");
    let got = run.mount("data", &root.path().join("data"), Access::ReadWrite).result().await;
    let failed = errors(&got);
    // A file that was opened to be read has no right to another size; no file system knows times so far off.
    assert!(failed.keys().all(|name| ["set size", "set times far off"].contains(&name.as_str())), "{got:#}");
    assert_eq!(fs::read_to_string(root.path().join("data/renamed")).unwrap(), "data/other");
}

#[tokio::test]
async fn nothing_is_written_through_a_link_out_of_a_mount() {
    let harness = Harness::shared().await;
    for to in
        ["/data/out", "/data/out/", "/data/out/folder", "/data/out/folder/..", "/data/..", "/data/../outside"]
    {
        let root = folders();
        let outside = root.path().join("outside");
        symlink(&outside, root.path().join("data/out")).unwrap();
        let before = snapshot(&outside);
        let (run, _) = harness.case("writes through links out of a mount");
        let run = run.with("to", to).mount("data", &root.path().join("data"), Access::ReadWrite);
        let got = run.result().await;
        for name in ["create", "make folder", "link", "rename"] {
            assert!(errors(&got).contains_key(name), "{to}: {got:#}");
        }
        assert_eq!(snapshot(&outside), before, "{to}: {got:#}");
        assert!(root.path().join("data/other").exists());
    }
}

#[tokio::test]
async fn nothing_moves_into_a_read_only_mount() {
    let harness = Harness::shared().await;
    let root = folders();
    let outside = root.path().join("outside");
    let before = snapshot(&outside);
    let (run, _) = harness.case("moves files between mounts");
    let run = run.mount("data", &root.path().join("data"), Access::ReadWrite);
    let got = run.mount("read-only", &outside, Access::Read).result().await;
    for name in ["create", "make folder", "link", "rename"] {
        assert!(errors(&got).contains_key(name), "{got:#}");
    }
    assert_eq!(snapshot(&outside), before);
    assert!(root.path().join("data/other").exists(), "what could not be moved is still there");
}

#[tokio::test]
async fn handles_are_counted() {
    let harness = Harness::shared().await;
    let root = folders();
    let (run, case) = harness.case("opens handles without end");
    case.check(&run.mount("data", &root.path().join("data"), Access::Read).end().await);
}

#[tokio::test]
async fn handles_that_were_closed_do_not_count() {
    let harness = Harness::shared().await;
    let root = folders();
    let (run, case) = harness.case("opens and closes");
    let paths = vec!["/data/there"; 1_000];
    case.check(&run.with("paths", paths).mount("data", &root.path().join("data"), Access::Read).end().await);
}

/// Opening a pipe waits for its other end, on a thread that nobody can wake.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_pipe_in_a_mount_ends_its_attempt_only() {
    let harness = Harness::shared().await;
    let root = folders();
    let data = root.path().join("data");
    let made = std::process::Command::new("mkfifo").arg(data.join("pipe")).status();
    assert!(made.unwrap().success());
    let (run, case) = harness.case("opens a pipe");
    case.check(&run.mount("data", &data, Access::Read).end().await);
    let next = harness.probe(json!({ "probe": "looks_around", "paths": ["/data/there"] }));
    assert_eq!(
        next.mount("data", &data, Access::Read).result().await,
        json!({ "/data/there": "file: data/there" })
    );
    // Lets the thread go.
    drop(fs::OpenOptions::new().write(true).open(data.join("pipe")).unwrap());
}
