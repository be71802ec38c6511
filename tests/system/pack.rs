//! `mainworker module pack`: modules from components that `module build` did not make.

use crate::host::TestHost;
use crate::jobs;
use crate::odd_modules::{HANDLER, component};
use serde_json::json;
use std::fs;

/// A manifest that asks for what the probes import.
const MANIFEST: &str = r#"
[job]
name = "prober"
version = "0.1.0"
summary = "Tries what it should not"
[schedulable-by]
sources = ["api"]
[configuration]
plain = {}
[grants]
http = [{ to = "https://nobody.invalid", methods = ["GET"], optional = true }]
schedule = ["echo"]
"#;

fn world() -> TestHost {
    let host = TestHost::with_jobs(&[]);
    host.write("dist/app.wasm", jobs::probes()).write("dist/job.toml", MANIFEST);
    host
}

#[test]
fn a_component_becomes_a_module_beside_it() {
    let host = world();
    let packed = host.mainworker(&["module", "pack", "dist/app.wasm", "dist/job.toml"]).finish().exits(0);
    assert_eq!(packed.stdout(), "");
    let said = packed.stderr();
    assert!(
        said.starts_with("prober 0.1.0 · ") && said.trim_end().ends_with(" · dist/prober.wasm"),
        "{said}"
    );
    assert_eq!(fs::read(host.path("dist/app.wasm")).unwrap(), jobs::probes(), "the component changed");
    let module =
        host.mainworker(&["module", "inspect", "dist/prober.wasm", "--json"]).finish().exits(0).json();
    assert_eq!(module["manifest"]["job"]["name"], json!("prober"));
    assert!(module["payloadSchema"].is_object(), "{module}");

    // Once more, over itself.
    host.mainworker(&["module", "pack", "dist/app.wasm", "dist/job.toml", "-o", "modules/prober.wasm"])
        .finish()
        .exits(0);
    host.mainworker(&["module", "pack", "dist/app.wasm", "dist/job.toml"]).finish().exits(0);
    let report = host
        .run(&json!({
            "configuration": {}, "jobName": "prober", "source": "api", "jobPayload": { "probe": "completes" },
        }))
        .arg("--json")
        .finish()
        .exits(0)
        .report();
    assert_eq!(report["revision"], module["revision"]);
}

#[test]
fn the_component_is_never_written_over() {
    let host = world();
    fs::copy(host.path("dist/app.wasm"), host.path("dist/prober.wasm")).unwrap();
    fs::hard_link(host.path("dist/prober.wasm"), host.path("dist/linked.wasm")).unwrap();
    std::os::unix::fs::symlink("dist/prober.wasm", host.path("pointer.wasm")).unwrap();
    let before = host.files();
    let said =
        host.mainworker(&["module", "pack", "dist/prober.wasm", "dist/job.toml"]).finish().exits(2).stderr();
    insta::assert_snapshot!(said, @r"
    error[out_is_input]: writing the module to `dist/prober.wasm`: that is the component itself, expected another file
    hint: keep the component under another name, or `-o dist/prober.module.wasm`
    ");
    for out in ["dist/prober.wasm", "./dist/../dist/prober.wasm", "dist/linked.wasm", "pointer.wasm"] {
        let pack = ["module", "pack", "dist/prober.wasm", "dist/job.toml", "--out", out];
        assert!(
            host.mainworker(&pack).finish().exits(2).stderr().starts_with("error[out_is_input]"),
            "{out}"
        );
    }
    assert_eq!(host.files(), before, "something was written");
}

#[test]
fn what_is_no_component_of_the_contract_is_refused() {
    let host = world();
    host.mainworker(&["module", "pack", "dist/app.wasm", "dist/job.toml"]).finish().exits(0);
    host.write("core.wasm", wat::parse_str("(module)").unwrap())
        .write("text.wasm", "no wasm")
        .write("idle.wasm", component(""))
        .write("broken.wasm", component(HANDLER))
        .write(
            "sockets.wasm",
            component(&format!(r#"(import "wasi:sockets/tcp@0.2.6" (instance)) {HANDLER}"#)),
        )
        .write("asks-nothing.toml", MANIFEST.split("[configuration]").next().unwrap());
    let before = host.files();
    let said = |component: &str, manifest: &str| {
        host.mainworker(&["module", "pack", component, manifest, "-o", "out.wasm"]).finish().exits(5).stderr()
    };
    insta::assert_snapshot!(said("dist/prober.wasm", "dist/job.toml"), @r"
    error[module_manifest_repeated]: `dist/prober.wasm` is refused: the module has 2 sections `mainworker:manifest`, expected one
    hint: build the module anew and pack it once
    ");
    insta::assert_snapshot!(said("core.wasm", "dist/job.toml"), @r"
    error[module_not_a_component]: `core.wasm` is refused: the file is a core WebAssembly module, expected a component
    hint: `mainworker module build CRATE` makes a component for `wasm32-wasip2` with its manifest
    ");
    insta::assert_snapshot!(said("text.wasm", "dist/job.toml"), @r"
    error[module_not_wasm]: `text.wasm` is refused: the file is not a WebAssembly component: it does not start with `\0asm`
    hint: `mainworker module build CRATE` makes a component for `wasm32-wasip2` with its manifest
    ");
    insta::assert_snapshot!(said("idle.wasm", "dist/job.toml"), @r"
    error[module_handler_missing]: `idle.wasm` is refused: the module exports no job: expected the export `mainworker:job/handler@0.1.0`, found none like it
    hint: mark the job's function with `#[mainworker::job]`, or export the interface `handler` of `wit/`
    ");
    insta::assert_snapshot!(said("sockets.wasm", "dist/job.toml"), @r"
    error[module_import_unknown]: `sockets.wasm` is refused: the module imports `wasi:sockets/tcp@0.2.6`, which this host does not offer
    hint: remove what imports it; `host/ARCHITECTURE.md` lists what a job can be granted
    ");
    insta::assert_snapshot!(said("dist/app.wasm", "asks-nothing.toml"), @r#"
    error[module_import_not_asked]: `dist/app.wasm` is refused: the module imports `wasi:config/store@0.2.0-rc.1`, which its manifest does not ask for
    hint: add to job.toml:
    [configuration]
    "some.key" = { required = true }
    "#);
    insta::assert_snapshot!(said("nowhere.wasm", "dist/job.toml"), @r"
    error[module_unavailable]: reading the module `nowhere.wasm`: No such file or directory (os error 2)
    hint: check the path and its permissions; `mainworker module build` makes modules
    ");
    assert_eq!(host.files(), before, "something was written");
}

#[test]
fn a_manifest_or_an_output_that_cannot_be_used() {
    let host = world();
    host.write("typo.toml", MANIFEST.replace("sources", "sorces"));
    let said = |args: &[&str]| {
        let args = [&["module", "pack", "dist/app.wasm"], args].concat();
        host.mainworker(&args).finish().exits(2).stderr()
    };
    insta::assert_snapshot!(said(&["nowhere.toml"]), @r"
    error[manifest_invalid]: reading `nowhere.toml`: No such file or directory (os error 2)
    hint: check the file
    ");
    insta::assert_snapshot!(said(&["typo.toml"]), @r"
    error[manifest_invalid]: reading `typo.toml`: `schedulable-by.sorces`: unknown key, expected one of: sources
    hint: did you mean `sources`?
    ");
    insta::assert_snapshot!(said(&["dist/job.toml", "-o", "nowhere/out.wasm"]), @r"
    error[out_unwritable]: writing `nowhere/out.wasm`: No such file or directory (os error 2)
    hint: name another place with `--out`
    ");
}
