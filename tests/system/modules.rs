//! Module files that are refused, for exit 5, and what is shown of those that are not.

use crate::host::{TestHost, envelope};
use crate::jobs;
use crate::odd_modules::{HANDLER, component, description, section};
use serde_json::json;
use std::fs;

/// What is said of a module file that is refused with this code.
#[track_caller]
fn refused(bytes: &[u8], code: &str) -> String {
    let host = TestHost::with_jobs(&[]);
    host.module("odd", bytes);
    // Inspecting, which knows no job's name, finds the same.
    let inspected = host.mainworker(&["module", "inspect", "modules/odd.wasm"]).finish().exits(5);
    assert!(inspected.stderr().starts_with(&format!("error[{code}]")), "{}", inspected.stderr());
    host.refused(envelope("odd", "api", json!({})).to_string(), 5, "refused", code)
}

fn with_section() -> String {
    format!("{HANDLER} {}", section(&description()))
}

#[test]
fn no_wasm() {
    insta::assert_snapshot!(refused(b"#!/bin/sh\n", "module_not_wasm"), @r"
    error[module_not_wasm]: `modules/odd.wasm` is refused: the file is not a WebAssembly component: it does not start with `\0asm`
    hint: `mainworker module build CRATE` makes a component for `wasm32-wasip2` with its manifest
    ");
    refused(b"", "module_not_wasm");
    let whole = component(&with_section());
    refused(&whole[..whole.len() - 3], "module_not_wasm");
}

#[test]
fn a_core_module() {
    let core = wat::parse_str("(module)").unwrap();
    insta::assert_snapshot!(refused(&core, "module_not_a_component"), @r"
    error[module_not_a_component]: `modules/odd.wasm` is refused: the file is a core WebAssembly module, expected a component
    hint: `mainworker module build CRATE` makes a component for `wasm32-wasip2` with its manifest
    ");
}

#[test]
fn a_component_without_a_handler() {
    insta::assert_snapshot!(refused(&component(&section(&description())), "module_handler_missing"), @r"
    error[module_handler_missing]: `modules/odd.wasm` is refused: the module exports no job: expected the export `mainworker:job/handler@0.1.0`, found none like it
    hint: mark the job's function with `#[mainworker::job]`, or export the interface `handler` of `wit/`
    ");
}

#[test]
fn another_version_of_the_contract() {
    let exports = HANDLER.replace("@0.1.0", "@0.2.0");
    let bytes = component(&format!("{exports} {}", section(&description())));
    insta::assert_snapshot!(refused(&bytes, "module_contract_version"), @r"
    error[module_contract_version]: `modules/odd.wasm` is refused: the module exports no job: expected the export `mainworker:job/handler@0.1.0`, found `mainworker:job/handler@0.2.0`
    hint: rebuild it with the guest SDK of this host, which speaks `mainworker:job@0.1.0`
    ");
    let imports = format!(r#"(import "mainworker:job/progress@0.2.0" (instance)) {}"#, with_section());
    insta::assert_snapshot!(refused(&component(&imports), "module_contract_version"), @r"
    error[module_contract_version]: `modules/odd.wasm` is refused: the module imports `mainworker:job/progress@0.2.0`, expected contract `mainworker:job@0.1.0`
    hint: rebuild it with the guest SDK of this host, which speaks `mainworker:job@0.1.0`
    ");
    let mut built_for = description();
    built_for["contract"] = json!("mainworker:job@0.2.0");
    let bytes = component(&format!("{HANDLER} {}", section(&built_for)));
    insta::assert_snapshot!(refused(&bytes, "module_contract_version"), @r"
    error[module_contract_version]: `modules/odd.wasm` is refused: the module was built for contract `mainworker:job@0.2.0`, expected `mainworker:job@0.1.0`
    hint: rebuild it with the guest SDK of this host, which speaks `mainworker:job@0.1.0`
    ");
}

#[test]
fn no_manifest_section() {
    insta::assert_snapshot!(refused(&component(HANDLER), "module_manifest_missing"), @r"
    error[module_manifest_missing]: `modules/odd.wasm` is refused: the module has no section `mainworker:manifest`, expected one at the component's top level
    hint: `mainworker module build CRATE` adds the manifest of a Rust job; for a component of another toolchain `mainworker module pack WASM JOB_TOML`
    ");
    refused(jobs::probes(), "module_manifest_missing");
}

#[test]
fn two_manifest_sections() {
    let bytes = component(&format!("{} {}", with_section(), section(&description())));
    insta::assert_snapshot!(refused(&bytes, "module_manifest_repeated"), @r"
    error[module_manifest_repeated]: `modules/odd.wasm` is refused: the module has 2 sections `mainworker:manifest`, expected one
    hint: build the module anew and pack it once
    ");
}

#[test]
fn a_manifest_that_is_not_valid() {
    let mut misspelt = description();
    misspelt["manifest"]["limits"] = json!({ "memroy": "64MiB" });
    let bytes = component(&format!("{HANDLER} {}", section(&misspelt)));
    insta::assert_snapshot!(refused(&bytes, "module_manifest_invalid"), @r"
    error[module_manifest_invalid]: `modules/odd.wasm` is refused: the module's manifest is not valid: `limits.memroy`: unknown key, expected one of: wall, cpu, memory, table-elements, instances, resource-handles, host-call, random, output, log, log-lines, http-calls, http-request, http-response, http-url, http-headers, scheduled-tasks
    hint: did you mean `memory`?
    ");
}

#[test]
fn an_import_that_the_manifest_does_not_ask_for() {
    let importing = |name: &str| component(&format!(r#"(import "{name}" (instance)) {}"#, with_section()));
    let configuration = importing("wasi:config/store@0.2.0-rc.1");
    insta::assert_snapshot!(refused(&configuration, "module_import_not_asked"), @r#"
    error[module_import_not_asked]: `modules/odd.wasm` is refused: the module imports `wasi:config/store@0.2.0-rc.1`, which its manifest does not ask for
    hint: add to job.toml:
    [configuration]
    "some.key" = { required = true }
    "#);
    insta::assert_snapshot!(refused(&importing("wasi:sockets/tcp@0.2.6"), "module_import_unknown"), @r"
    error[module_import_unknown]: `modules/odd.wasm` is refused: the module imports `wasi:sockets/tcp@0.2.6`, which this host does not offer
    hint: remove what imports it; `host/ARCHITECTURE.md` lists what a job can be granted
    ");
}

#[test]
fn a_component_that_does_not_compile() {
    let host = TestHost::with_jobs(&[]);
    host.module("odd", &component(&with_section()))
        .write("envelope.json", envelope("odd", "api", json!({})).to_string());
    let printed = host.run_written().finish().exits(5);
    assert_eq!(printed.stdout(), "");
    insta::assert_snapshot!(printed.stderr(), @r"
    error[module_not_compilable]: `odd` is refused: the module does not compile: instance export `mainworker:job/handler@0.1.0` does not have export `run`
    hint: the component may use a WebAssembly feature that is off here, such as gc, threads or async
    ");
    let report = host.run_written().arg("--json").finish().exits(5).report();
    assert_eq!(
        (&report["outcome"], &report["error"]["code"]),
        (&json!("refused"), &json!("module_not_compilable"))
    );
}

#[test]
fn a_file_that_cannot_be_read() {
    let host = TestHost::new();
    host.folder("modules/odd.wasm");
    let said = host.refused(
        envelope("odd", "api", json!({})).to_string(),
        5,
        "module-unavailable",
        "module_unavailable",
    );
    insta::assert_snapshot!(said, @r"
    error[module_unavailable]: reading the module `modules/odd.wasm`: found something else, expected a file
    hint: check the path and its permissions; `mainworker module build` makes modules
    ");
    let said = host.mainworker(&["module", "inspect", "nowhere.wasm"]).finish().exits(5).stderr();
    insta::assert_snapshot!(said, @r"
    error[module_unavailable]: reading the module `nowhere.wasm`: No such file or directory (os error 2)
    hint: check the path and its permissions; `mainworker module build` makes modules
    ");
}

#[test]
fn the_module_of_another_job() {
    let host = TestHost::new();
    fs::copy(host.path("modules/echo.wasm"), host.path("modules/odd.wasm")).unwrap();
    let said = host.refused(envelope("odd", "api", json!({})).to_string(), 5, "refused", "module_other_name");
    insta::assert_snapshot!(said, @r"
    error[module_other_name]: `modules/odd.wasm` is refused: the module calls itself `echo`, expected `odd`
    hint: name the file after its job, or build `odd` again
    ");
}

#[test]
fn jobs_lists_the_good_and_reports_the_broken() {
    let host = TestHost::with_jobs(&["echo", "edge-logs"]);
    host.module("broken", b"no wasm")
        .write("modules/README.md", "not a module")
        .write("modules/Not-A-Name.wasm", "");
    let listed = host.mainworker(&["jobs", "--modules", "modules"]).finish().exits(5);
    let first_words: Vec<_> =
        listed.stdout().lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(first_words, ["JOB", "echo", "edge-logs"]);
    insta::assert_snapshot!(listed.stderr(), @r"
    error[module_not_wasm]: `modules/broken.wasm` is refused: the file is not a WebAssembly component: it does not start with `\0asm`
    hint: `mainworker module build CRATE` makes a component for `wasm32-wasip2` with its manifest
    ");
    let listed = host.mainworker(&["jobs", "--modules", "modules", "--json"]).finish().exits(5).json();
    assert_eq!((listed[0]["name"].as_str(), listed[1]["name"].as_str()), (Some("echo"), Some("edge-logs")));
    assert_eq!(listed[1]["sources"], json!(["dashboard", "scheduler"]));
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[test]
fn jobs_of_a_folder_that_is_not_there() {
    let host = TestHost::with_jobs(&[]);
    assert_eq!(
        host.mainworker(&["jobs", "--modules", "modules"]).finish().exits(0).stdout().lines().count(),
        1
    );
    assert_eq!(
        host.mainworker(&["jobs", "--modules", "modules", "--json"]).finish().exits(0).json(),
        json!([])
    );
    insta::assert_snapshot!(host.mainworker(&["jobs"]).finish().exits(5).stderr(), @r"
    error[module_unavailable]: listing the modules in `target/modules`: No such file or directory (os error 2)
    hint: `--modules DIR` names another folder; `mainworker module build` makes modules
    ");
}

#[test]
fn a_job_is_shown_with_what_these_settings_give_it() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let show = || host.mainworker(&["jobs", "show", "edge-logs", "--modules", "modules"]);
    let last_line = |text: &str| text.lines().last().unwrap().to_owned();
    insta::assert_snapshot!(last_line(show().finish().exits(0).stdout()), @"granted here   refused: `edge-logs` requires the mount `edge-logs` for read, the host's settings have no such mount");
    host.folder("logs").folder("reports").settings(
        "[files.edge-logs]\npath = \"logs\"\naccess = \"read\"\n[files.reports]\npath = \"reports\"\naccess = \"read-write\"",
    );
    insta::assert_snapshot!(last_line(show().finish().exits(0).stdout()), @"granted here   /edge-logs (read), /reports (read-write)");
    let unknown = host.mainworker(&["jobs", "show", "edgelogs", "--modules", "modules"]).finish().exits(3);
    insta::assert_snapshot!(unknown.stderr(), @r"
    error[unknown_job]: there is no job `edgelogs` here
      at /jobName
    hint: did you mean `edge-logs`? `mainworker jobs` lists the jobs
    ");
}

#[test]
fn a_job_is_shown_with_how_it_is_run() {
    let host = TestHost::with_probes(json!({ "run": {
        "max-concurrency": 4, "concurrency-key": "/account", "max-concurrency-per-key": 2,
        "rate-limit": { "tasks": 600, "per": "60s" }, "revision": "newest",
    } }));
    let shown = host.mainworker(&["jobs", "show", "prober", "--modules", "modules"]).finish().exits(0);
    let rows: Vec<_> = shown.stdout().lines().filter(|line| line.starts_with("run ")).collect();
    insta::assert_snapshot!(rows.join("\n"), @"
    run            4 at a time
    run            2 at a time of those with the same `/account` in their payload
    run            takes 600 tasks in 1m
    run            with the newest revision
    ");
}

#[test]
fn inspect_shows_the_whole_module() {
    let host = TestHost::with_jobs(&["edge-logs"]);
    let inspect = |args: &[&str]| {
        let args = [&["module", "inspect", "modules/edge-logs.wasm"], args].concat();
        host.mainworker(&args).finish().exits(0)
    };
    let shown = inspect(&[]);
    let head: Vec<_> = shown
        .stdout()
        .lines()
        .filter(|line| !line.starts_with("revision") && !line.starts_with("size"))
        .collect();
    insta::assert_snapshot!(head[..11].join("\n"), @r"
    job            edge-logs 0.1.0
    summary        Adds up the bytes served per account from edge server logs
    owner          billing
    contract       mainworker:job@0.1.0
    sources        dashboard, scheduler
    configuration  accounts.token (optional, from host, secret, only to config:accounts.url in header)
    configuration  accounts.url (optional, from host)
    files          edge-logs (read)
    files          reports (read-write, optional)
    http           GET config:accounts.url, optional /streams
    limit          wall = 15m
    ");
    let module = inspect(&["--json"]).json();
    let fields: Vec<_> = module.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["bytes", "contract", "imports", "manifest", "payloadSchema", "resultSchema", "revision"]
    );
    assert_eq!(
        module["bytes"].as_u64(),
        Some(fs::metadata(host.path("modules/edge-logs.wasm")).unwrap().len())
    );
    assert_eq!(module["manifest"]["job"]["owner"], json!("billing"));
    assert_eq!(module["payloadSchema"]["required"], json!(["files"]));
    let imports: Vec<_> =
        module["imports"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert!(
        imports.contains(&"wasi:http/outgoing-handler@0.2.12")
            && !imports.iter().any(|name| name.contains("sockets") || name.contains("schedule")),
        "{imports:?}"
    );
    assert!(shown.stdout().contains(module["revision"].as_str().unwrap()));
}
