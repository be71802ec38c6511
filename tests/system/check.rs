//! `mainworker module check`: what it takes, what it prints, how it ends.

use crate::host::TestHost;
use crate::jobs;
use crate::samples::{Samples, prober, sample};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// A sample of `echo` that expects this result.
pub(crate) fn echo_sample(result: &Value) -> Value {
    json!({
        "about": "the payload comes back",
        "envelope": {
            "configuration": {}, "jobName": "echo", "source": "api", "jobPayload": { "hello": "world", "list": [1, 2] },
        },
        "expect": { "outcome": "completed", "result": result },
    })
}

#[test]
fn a_sample_that_holds() {
    let host = TestHost::new();
    host.write(
        "modules/echo.samples/hello.json",
        echo_sample(&json!({ "list": [1.0, 2], "hello": "world" })).to_string(),
    );
    let before = host.files();
    let checked = host.mainworker(&["module", "check", "modules/echo.wasm"]).finish().exits(0);
    insta::assert_snapshot!(checked.stdout(), @r"
    echo 0.1.0 in `modules/echo.wasm`
      ✓ hello.json: the payload comes back
    1 module, 1 sample · 1 passed
    ");
    assert_eq!(checked.stderr(), "");
    assert_eq!(host.files(), before, "something was written");
}

#[test]
fn a_sample_that_does_not_hold_says_where() {
    let host = TestHost::new();
    let sample = echo_sample(&json!({ "hello": "there", "list": [1], "more": null }));
    host.write("modules/echo.samples/hello.json", sample.to_string());
    insta::assert_snapshot!(host.mainworker(&["module", "check", "modules"]).finish().exits(1).stdout(), @r#"
    echo 0.1.0 in `modules/echo.wasm`
      ✗ hello.json: the payload comes back
          at /expect/result/hello
            expected "there"
            found    "world"
          at /expect/result/list/1
            expected nothing
            found    2
          at /expect/result/more
            expected null
            found    nothing
          log  info 30 bytes from api
    1 module, 1 sample · 1 failed
    "#);
}

#[test]
fn programs_get_one_object() {
    let host = TestHost::new();
    host.write("s/differs.json", echo_sample(&json!({ "hello": "there", "list": [1, 2] })).to_string())
        .write("s/holds.json", echo_sample(&json!({ "hello": "world", "list": [1, 2] })).to_string())
        .write("s/invalid.json", "{}");
    let checked = host
        .mainworker(&["module", "check", "modules/echo.wasm", "--samples", "s", "--json"])
        .finish()
        .exits(2);
    let mut printed = checked.json();
    let revision = printed["modules"][0]["revision"].take();
    assert!(revision.as_str().is_some_and(|revision| revision.starts_with("sha256:")), "{revision}");
    insta::assert_json_snapshot!(printed, @r#"
    {
      "modules": [
        {
          "error": null,
          "job": "echo",
          "module": "modules/echo.wasm",
          "revision": null,
          "samples": [
            {
              "about": "the payload comes back",
              "differences": [
                {
                  "expected": "\"there\"",
                  "found": "\"world\"",
                  "pointer": "/expect/result/hello"
                }
              ],
              "error": null,
              "outcome": "completed",
              "passed": false,
              "result": {
                "hello": "world",
                "list": [
                  1,
                  2
                ]
              },
              "sample": "differs.json"
            },
            {
              "about": "the payload comes back",
              "differences": [],
              "error": null,
              "outcome": "completed",
              "passed": true,
              "result": {
                "hello": "world",
                "list": [
                  1,
                  2
                ]
              },
              "sample": "holds.json"
            },
            {
              "about": null,
              "differences": [],
              "error": {
                "code": "sample_invalid",
                "hint": "a sample is {\"envelope\": {…}, \"expect\": {\"outcome\": \"completed\"}}; `mainworker module check --help` shows a whole one",
                "message": "reading the sample `s/invalid.json`: `envelope`: missing",
                "pointer": null
              },
              "outcome": null,
              "passed": false,
              "result": null,
              "sample": "invalid.json"
            }
          ]
        }
      ],
      "passed": false
    }
    "#);
}

#[test]
fn modules_are_built_with_their_samples_beside_them() {
    let host = TestHost::with_jobs(&[]);
    let built = jobs::built().join("echo.wasm");
    let checked = host.mainworker(&["module", "check", &built.to_string_lossy(), "--json"]).finish().exits(0);
    let samples = &checked.json()["modules"][0]["samples"];
    assert_eq!((&samples[0]["sample"], &samples[0]["passed"]), (&json!("hello.json"), &json!(true)));
}

#[test]
fn a_folder_is_checked_module_by_module() {
    let host = TestHost::new();
    host.module("broken", b"no wasm");
    fs::copy(host.path("modules/echo.wasm"), host.path("modules/Other.wasm")).unwrap();
    host.write("modules/README.md", "not a module");
    let checked = host.mainworker(&["module", "check", "modules"]).finish().exits(5);
    insta::assert_snapshot!(checked.stdout(), @r"
    echo 0.1.0 in `modules/echo.wasm`
      no samples in `modules/echo.samples`: admitted, not run
    3 modules, 0 samples · 2 refused
    ");
    insta::assert_snapshot!(checked.stderr(), @r"
    error[module_other_name]: `modules/Other.wasm` is refused: the module calls itself `echo`, expected `Other`
    hint: name the file after its job, or build `Other` again
    error[module_not_wasm]: `modules/broken.wasm` is refused: the file is not a WebAssembly component: it does not start with `\0asm`
    hint: `mainworker module build CRATE` makes a component for `wasm32-wasip2` with its manifest
    ");
    let printed = host.mainworker(&["module", "check", "modules", "--json"]).finish().exits(5).json();
    let codes: Vec<_> =
        printed["modules"].as_array().unwrap().iter().map(|module| module["error"]["code"].clone()).collect();
    assert_eq!(codes, [json!("module_other_name"), json!("module_not_wasm"), json!(null)]);
}

#[test]
fn a_module_without_samples_is_admitted_and_not_run() {
    let host = TestHost::new();
    insta::assert_snapshot!(host.mainworker(&["module", "check", "modules/echo.wasm"]).finish().exits(0).stdout(), @r"
    echo 0.1.0 in `modules/echo.wasm`
      no samples in `modules/echo.samples`: admitted, not run
    1 module, 0 samples
    ");
}

#[test]
fn what_cannot_be_checked() {
    let host = TestHost::new();
    host.folder("empty").write("s/hello.json", "{}");
    let said = |args: &[&str]| {
        let args = [&["module", "check"], args].concat();
        host.mainworker(&args).finish().exits(2).stderr()
    };
    insta::assert_snapshot!(said(&["empty"]), @r"
    error[nothing_to_check]: `empty` has neither a `job.toml` nor a module `NAME.wasm`
    hint: name a module, a folder of modules, or a job crate; `mainworker module build` makes modules
    ");
    insta::assert_snapshot!(said(&["modules", "--samples", "s"]), @r"
    error[samples_of_many]: `modules` is a folder of modules, expected one module beside `--samples`
    hint: name one module, or put the samples of each beside it as `NAME.samples`
    ");
    insta::assert_snapshot!(said(&["modules/echo.wasm", "--samples", "empty"]), @r"
    error[samples_missing]: there are no samples in `empty`, expected files `*.json`
    hint: a sample is a file `samples/NAME.json` beside the crate's `job.toml`; `mainworker module check --help` shows one
    ");
    let nowhere = host.mainworker(&["module", "check", "nowhere.wasm"]).finish().exits(5);
    insta::assert_snapshot!(nowhere.stderr(), @r"
    error[module_unavailable]: reading the module `nowhere.wasm`: No such file or directory (os error 2)
    hint: check the path and its permissions; `mainworker module build` makes modules
    ");
}

#[test]
fn a_signal_ends_it() {
    let host = prober();
    let sleeps = json!({ "probe": "sleeps", "ms": 600_000 });
    host.sample("sleeps", &sample(sleeps, json!({}), json!({ "outcome": "completed" })));
    let (mut command, _) = host.check().by_hand();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The module is admitted, its samples are next.
    assert_eq!(lines.next().unwrap().unwrap(), "prober 0.1.0 in `modules/prober.wasm`");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(lines.count(), 0, "it said something of what it did not finish");
}
