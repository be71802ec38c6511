//! What `edge-logs` leaves in the mount `reports`.

use crate::edge_logs::MOUNTS;
use crate::host::{TestHost, envelope};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const LINE: &str = r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /live/1.ts HTTP/1.1" 200 1000 "-" "-""#;

fn host() -> TestHost {
    let host = TestHost::with_jobs(&["edge-logs"]);
    host.folder("reports")
        .settings(MOUNTS)
        .write("logs/one.log", format!("{LINE}\n"))
        .write("logs/two.log", format!("{LINE}\n{LINE}\n"));
    host
}

fn run(host: &TestHost) -> crate::host::Invocation<'_> {
    host.run(&envelope(
        "edge-logs",
        "dashboard",
        json!({ "files": ["*.log"], "accounts": { "live": "acme" } }),
    ))
}

/// Content and time of each file in a folder.
fn kept(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.map(|path| {
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        (path.clone(), (fs::read(&path).unwrap(), modified))
    });
    files.collect()
}

#[test]
fn running_twice_changes_nothing() {
    let host = host();
    let first_result = run(&host).finish().exits(0).stdout().to_owned();
    let first = kept(&host.path("reports"));
    assert_eq!(first.len(), 2);
    for (path, (content, _)) in &first {
        let report: serde_json::Value = serde_json::from_slice(content).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, format!("{}.json", report["digest"].as_str().unwrap()));
        assert_eq!(report["bytes"], json!(if report["file"] == "one.log" { 1_000 } else { 2_000 }));
    }
    assert_eq!(run(&host).finish().exits(0).stdout(), first_result);
    assert_eq!(kept(&host.path("reports")), first);
}

#[test]
fn without_the_mount_there_are_only_results() {
    let host = host();
    let with = run(&host).finish().exits(0).stdout().to_owned();
    let (logs, _) = MOUNTS.split_once("[files.reports]").unwrap();
    host.settings(logs);
    assert_eq!(run(&host).finish().exits(0).stdout(), with);
}

/// A file system of 64 KiB, where this process may mount one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        eprintln!("no file system can be mounted here: a full disk is not tried");
        None
    }

    fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).unwrap();
        while filler.write(&[0; 4096]).is_ok() {}
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_fails_the_job_and_leaves_nothing_half_written() {
    let host = host();
    let reports = host.path("reports");
    let Some(disk) = SmallDisk::mount(&reports) else { return };
    let shown = run(&host).finish().exits(5).stderr();
    assert!(shown.starts_with("error[free_space]"), "the floor comes first: {shown}");
    host.settings(&format!("{MOUNTS}[limits]\nfree-space = \"0B\""));
    disk.fill();
    let before = kept(&reports);
    let shown = run(&host).finish().exits(1);
    assert_eq!(shown.stdout(), "");
    let said = shown.stderr();
    assert!(
        said.contains("error[job_failed]: writing report `") && said.contains("to the mount `reports`: "),
        "{said}"
    );
    let report = run(&host).arg("--json").finish().exits(1).report();
    assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("failed"), &json!("job_failed")));
    assert_eq!(kept(&reports), before);
}
