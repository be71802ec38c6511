//! What a job requires and the settings do not give: exit 5, and the lines that would give it.

use crate::host::{TestHost, envelope};
use serde_json::{Value, json};

/// A host whose job asks for the mount `shelf`.
fn host(access: &str, optional: bool) -> TestHost {
    TestHost::with_probes(
        json!({ "grants": { "files": [{ "mount": "shelf", "access": access, "optional": optional }] } }),
    )
}

fn mount(path: &str, access: &str) -> String {
    format!("[files.shelf]\npath = \"{path}\"\naccess = \"{access}\"\n")
}

/// What is said of a run that is refused with this code.
#[track_caller]
fn refused(host: &TestHost, code: &str) -> String {
    host.refused(envelope("prober", "api", json!({ "probe": "completes" })).to_string(), 5, "refused", code)
}

fn looks(host: &TestHost, path: &str) -> Value {
    let printed = host.probe(json!({ "probe": "looks_around", "paths": [path] })).finish().exits(0);
    serde_json::from_str::<Value>(printed.stdout()).unwrap()[path].clone()
}

#[test]
fn a_required_mount_that_is_not_given() {
    let host = host("read-write", false);
    insta::assert_snapshot!(refused(&host, "mount_not_granted"), @r#"
    error[mount_not_granted]: `prober` requires the mount `shelf` for read-write, the host's settings have no such mount
    hint: add to the settings:
    [files.shelf]
    path = "/…"
    access = "read-write"
    "#);
    host.folder("shelv").settings("[files.shelv]\npath = \"shelv\"\naccess = \"read\"");
    insta::assert_snapshot!(refused(&host, "mount_not_granted"), @r#"
    error[mount_not_granted]: `prober` requires the mount `shelf` for read-write, the host's settings have no such mount
    hint: the settings have `shelv`; or add to the settings:
    [files.shelf]
    path = "/…"
    access = "read-write"
    "#);
}

/// What a hint says to add, added.
#[test]
fn the_lines_of_the_hint_are_what_was_missing() {
    let host = host("read", false);
    let said = refused(&host, "mount_not_granted");
    let (_, lines) = said.split_once("add to the settings:\n").unwrap();
    host.folder("shelf/inside").settings(&lines.replace("\"/…\"", "\"shelf\""));
    assert_eq!(looks(&host, "/shelf"), json!("folder: inside"));
}

#[test]
fn a_mount_that_is_given_for_reading_only() {
    let host = host("read-write", false);
    host.folder("shelf").settings(&mount("shelf", "read"));
    insta::assert_snapshot!(refused(&host, "mount_read_only"), @r#"
    error[mount_read_only]: `prober` requires the mount `shelf` for read-write, the host's settings give it for read
    hint: in the settings:
    [files.shelf]
    access = "read-write"
    "#);
}

#[test]
fn a_mount_that_cannot_be_opened() {
    for optional in [false, true] {
        let host = host("read", optional);
        host.settings(&mount("nowhere", "read"));
        insta::allow_duplicates!(insta::assert_snapshot!(refused(&host, "mount_unavailable"), @r"
        error[mount_unavailable]: the mount `shelf` at `nowhere` cannot be opened: No such file or directory (os error 2)
        hint: check `path` under `[files.shelf]`; `mainworker settings check` opens every mount
        "));
        host.write("nowhere", "a file");
        insta::allow_duplicates!(insta::assert_snapshot!(refused(&host, "mount_unavailable"), @r"
        error[mount_unavailable]: the mount `shelf` at `nowhere` cannot be opened: Not a directory (os error 20)
        hint: check `path` under `[files.shelf]`; `mainworker settings check` opens every mount
        "));
    }
}

#[test]
fn an_optional_mount_is_absent_or_there() {
    let host = host("read-write", true);
    assert!(looks(&host, "/shelf").as_str().unwrap().starts_with("error: "));
    host.folder("shelf/inside").settings(&mount("shelf", "read"));
    assert!(looks(&host, "/shelf").as_str().unwrap().starts_with("error: "), "read is less than it asks for");
    host.settings(&mount("shelf", "read-write"));
    assert_eq!(looks(&host, "/shelf"), json!("folder: inside"));
}

#[test]
fn less_free_space_than_the_floor() {
    let host = host("read-write", false);
    host.folder("shelf")
        .settings(&format!("{}[limits]\nfree-space = \"8000000GiB\"", mount("shelf", "read-write")));
    insta::assert_snapshot!(refused(&host, "free_space"), @r"
    error[free_space]: the file system of the mount `shelf` has [space] free, expected at least 8000000GiB
    hint: free some space there, or lower `free-space` under `[limits]` in the settings
    ");
}

#[test]
fn a_floor_is_for_what_can_be_written() {
    let host = host("read", false);
    host.folder("shelf")
        .settings(&format!("{}[limits]\nfree-space = \"8000000GiB\"", mount("shelf", "read-write")));
    assert_eq!(looks(&host, "/shelf"), json!("folder: "));
}

#[test]
fn limits_over_the_ceiling() {
    let host = TestHost::with_probes(json!({ "limits": { "memory": "256MiB", "wall": "2h" } }));
    let run = || host.probe(json!({ "probe": "completes" })).finish();
    assert_eq!(run().exits(0).stdout(), "{\"attempt\":1}\n");
    host.settings("[limits]\nmemory = \"128MiB\"");
    insta::assert_snapshot!(refused(&host, "limit_over_ceiling"), @r#"
    error[limit_over_ceiling]: the job asks for `memory` = 256MiB, the host's ceiling is 128MiB
    hint: in the settings:
    [limits]
    memory = "256MiB"
    "#);
    host.settings("[limits]\nwall = \"1h\"");
    insta::assert_snapshot!(refused(&host, "limit_over_ceiling"), @r#"
    error[limit_over_ceiling]: the job asks for `wall` = 2h, the host's ceiling is 1h
    hint: in the settings:
    [limits]
    wall = "2h"
    "#);
}

#[test]
fn what_a_job_does_not_ask_for_is_the_default_or_the_ceiling() {
    let host = TestHost::with_probes(json!({}));
    host.settings("[limits]\noutput = \"4KiB\"");
    let printed = host.probe(json!({ "probe": "returns_much", "bytes": 5_000 })).finish().exits(4);
    assert_eq!(printed.stdout(), "");
    insta::assert_snapshot!(printed.stderr(), @r#"
    error[output_bytes]: the result has 5011B, allowed are 4KiB
    hint: if it needs that much, in job.toml:
    [limits]
    output = "1MiB"
    prober over-limit in [time and memory]
    "#);
}

#[test]
fn a_writable_mount_over_what_the_host_runs_is_refused() {
    let host = host("read-write", false);
    for folder in ["modules", "data", "."] {
        host.folder("data").settings(&format!("[files.shelf]\npath = {folder:?}\naccess = \"read-write\""));
        host.write("envelope.json", envelope("prober", "api", json!({ "probe": "completes" })).to_string());
        let printed = host.run_written().finish().exits(2);
        assert!(printed.stderr().starts_with("error[mount_exposes_host]: the mount `shelf`"), "{folder}");
    }
}

#[test]
fn a_mount_over_the_data_folder_is_refused_even_to_read() {
    let host = host("read", false);
    host.write("envelope.json", envelope("prober", "api", json!({ "probe": "completes" })).to_string());
    for folder in ["data", "."] {
        host.folder("data").settings(&mount(folder, "read"));
        let said = host.run_written().finish().exits(2).stderr();
        assert!(said.starts_with("error[mount_exposes_host]: the mount `shelf`"), "{said}");
        assert!(said.contains("contains the data folder, expected them apart"), "{said}");
    }
    // Modules are nobody's secret.
    host.settings(&mount("modules", "read"));
    host.run_written().finish().exits(0);
}
