//! `mainworker new`: crates that build and pass as they are.

use crate::host::{Invocation, TestHost};
use crate::jobs;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A call that may call cargo, which builds into a folder that outlives the test.
fn with_cargo<'a>(invocation: Invocation<'a>) -> Invocation<'a> {
    let mut invocation =
        invocation.env("CARGO", env!("CARGO")).env("CARGO_TARGET_DIR", &target().to_string_lossy());
    for name in ["CARGO_HOME", "HOME", "PATH", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Ok(value) = env::var(name) {
            invocation = invocation.env(name, &value);
        }
    }
    invocation
}

/// Cargo and its like, here as in the world.
fn tool(program: &str, folder: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("CARGO_TARGET_DIR", target());
    command
}

fn target() -> PathBuf {
    jobs::kept("target")
}

fn sdk() -> String {
    jobs::workspace().join("guest-sdk").to_string_lossy().into_owned()
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_new_crate_passes_as_it_is() {
    let host = TestHost::with_jobs(&[]);
    let made = host.mainworker(&["new", "resize-thumbnails", "--sdk", &sdk()]).finish().exits(0);
    insta::assert_snapshot!(made.stdout(), @r#"
    made resize-thumbnails: src/lib.rs, job.toml, samples/

    next: edit src/lib.rs, then
      cd resize-thumbnails
      cargo test
      mainworker module check .
      mainworker module build .
      echo '{"configuration":{},"jobName":"resize-thumbnails","source":"api","jobPayload":{"name":"Ada"}}' | mainworker run -
    "#);
    let crate_folder = host.path("resize-thumbnails");

    let checked = with_cargo(host.mainworker(&["module", "check", "resize-thumbnails"])).finish().exits(0);
    insta::assert_snapshot!(checked.stdout(), @r"
    resize-thumbnails 0.1.0 in `resize-thumbnails`
      ✓ blank-name.json: a blank name is rejected
      ✓ greets.json: somebody is greeted
    1 module, 2 samples · 2 passed
    ");

    let tests = succeeds(tool(env!("CARGO"), crate_folder.clone()).args(["test", "--lib"]));
    assert!(tests.contains("2 passed"), "{tests}");
    let clippy = ["clippy", "--all-targets", "--", "--deny", "warnings"];
    succeeds(tool(env!("CARGO"), crate_folder.clone()).args(clippy));
    // As usual, and as in this workspace.
    for config in ["max_width=100", "max_width=110,use_small_heuristics=Max"] {
        let rustfmt = ["--check", "--edition", "2024", "--config", config, "src/lib.rs"];
        succeeds(tool("rustfmt", crate_folder.clone()).args(rustfmt));
    }

    // The last of the printed steps, as printed.
    with_cargo(host.mainworker(&["module", "build", "resize-thumbnails", "--out", "modules"]))
        .finish()
        .exits(0);
    let steps = made.stdout();
    let envelope = steps.split('\'').nth(1).expect("an envelope in quotes");
    let run = host.mainworker(&["run", "-", "--modules", "modules"]).stdin(envelope).finish().exits(0);
    assert_eq!(run.stdout(), "{\"greeting\":\"Hello, Ada!\"}\n");
    assert!(host.path("modules/resize-thumbnails.samples/greets.json").is_file());
}

/// A workspace like this one, as far as `new` looks.
fn workspace(members: &str) -> TestHost {
    let host = TestHost::with_jobs(&[]);
    let package =
        |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    let root = format!(
        "# Ours.\n[workspace]\nresolver = \"3\"\nmembers = {members}\n\n[workspace.package]\nversion = \"0.7.0\"\nedition = \"2024\"\n\
         [workspace.dependencies]\nmainworker = {{ package = \"mainworker-guest-sdk\", path = \"guest-sdk\" }}\n\
         schemars = \"1.2\"\n[workspace.lints.rust]\nmissing_docs = \"warn\"\n"
    );
    host.write("Cargo.toml", root)
        .write("guest-sdk/Cargo.toml", package("mainworker-guest-sdk"))
        .write("guest-sdk/src/lib.rs", "")
        .write("jobs-wasm/mail/Cargo.toml", package("mail"))
        .write("jobs-wasm/mail/src/lib.rs", "")
        .write(
            "jobs-wasm/mail/job.toml",
            "[job]\nname = \"send-mail\"\nversion = \"0.1.0\"\nsummary = \"x\"\n[schedulable-by]\nsources = [\"api\"]\n",
        );
    host
}

const MEMBERS: &str = "[\n    \"guest-sdk\",\n    \"jobs-wasm/mail\", # first of all\n]";

#[test]
fn in_a_workspace_it_becomes_a_member() {
    let host = workspace(MEMBERS);
    let before = fs::read_to_string(host.path("Cargo.toml")).unwrap();
    let made = with_cargo(host.mainworker(&["new", "charge"])).finish().exits(0);
    insta::assert_snapshot!(made.stdout(), @r#"
    made jobs-wasm/charge: src/lib.rs, job.toml, samples/

    next: edit src/lib.rs, then
      cargo test -p charge
      mainworker module check jobs-wasm/charge
      mainworker module build charge
      echo '{"configuration":{},"jobName":"charge","source":"api","jobPayload":{"name":"Ada"}}' | mainworker run -
    "#);
    let after = fs::read_to_string(host.path("Cargo.toml")).unwrap();
    let line = "    \"jobs-wasm/mail\", # first";
    assert_eq!(after, before.replace(line, &format!("    \"jobs-wasm/charge\",\n{line}")));
    insta::assert_snapshot!(fs::read_to_string(host.path("jobs-wasm/charge/Cargo.toml")).unwrap(), @r#"
    [package]
    name = "charge"
    description = "Greets somebody"
    version.workspace = true
    edition.workspace = true
    publish = false

    [lib]
    crate-type = ["cdylib", "rlib"]

    [dependencies]
    mainworker = { workspace = true }
    schemars = { workspace = true }
    serde = { version = "1.0", features = ["derive"] }

    [lints]
    workspace = true
    "#);
    let files: Vec<_> =
        host.files().into_keys().filter(|path| path.starts_with(host.path("jobs-wasm/charge"))).collect();
    assert_eq!(files.len(), 5, "{files:?}");

    // From below, and with its folder named.
    with_cargo(host.mainworker(&["new", "archive", "--dir", "jobs-wasm"])).finish().exits(0);
    assert!(
        fs::read_to_string(host.path("Cargo.toml"))
            .unwrap()
            .contains("\"jobs-wasm/archive\",\n    \"jobs-wasm/charge\"")
    );
    let metadata = tool(env!("CARGO"), host.path("jobs-wasm"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
}

#[test]
fn a_member_that_a_pattern_covers_is_not_listed() {
    let host = workspace("[\"guest-sdk\", \"jobs-wasm/*\"]");
    let before = fs::read_to_string(host.path("Cargo.toml")).unwrap();
    with_cargo(host.mainworker(&["new", "charge"])).finish().exits(0);
    assert_eq!(fs::read_to_string(host.path("Cargo.toml")).unwrap(), before);
}

#[test]
fn beside_a_workspace_it_stands_alone() {
    let host = workspace(MEMBERS);
    let before = fs::read_to_string(host.path("Cargo.toml")).unwrap();
    with_cargo(host.mainworker(&["new", "charge", "--dir", "elsewhere"])).finish().exits(0);
    assert_eq!(fs::read_to_string(host.path("Cargo.toml")).unwrap(), before);
    insta::assert_snapshot!(fs::read_to_string(host.path("elsewhere/charge/Cargo.toml")).unwrap(), @r#"
    [package]
    name = "charge"
    description = "Greets somebody"
    version = "0.1.0"
    edition = "2024"
    publish = false

    [lib]
    crate-type = ["cdylib", "rlib"]

    [dependencies]
    mainworker = { package = "mainworker-guest-sdk", path = "../../guest-sdk" }
    schemars = "1.2"
    serde = { version = "1.0", features = ["derive"] }

    # A workspace of its own, wherever it stands.
    [workspace]

    # For `mainworker module build`.
    [profile.job]
    inherits = "release"
    codegen-units = 1
    lto = "fat"
    opt-level = 3
    panic = "abort"
    strip = "debuginfo"
    "#);
}

#[test]
fn what_is_not_made_leaves_nothing_behind() {
    let host = workspace(MEMBERS);
    host.folder("jobs-wasm/taken");
    let said = |args: &[&str]| {
        let before = host.files();
        let said = with_cargo(host.mainworker(&[&["new"], args].concat())).finish().exits(2);
        assert_eq!(said.stdout(), "");
        assert_eq!(host.files(), before, "something was written");
        said.stderr()
    };
    insta::assert_snapshot!(said(&["Send_Mail"]), @r"
    error[job_name_invalid]: `Send_Mail` is not a job name: expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter
    hint: `mainworker new send-mail`
    ");
    insta::assert_snapshot!(said(&["../../etc"]), @r"
    error[job_name_invalid]: `../../etc` is not a job name: expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter
    hint: `mainworker new etc`
    ");
    insta::assert_snapshot!(said(&["42"]), @r"
    error[job_name_invalid]: `42` is not a job name: expected 1 to 63 of a-z, 0-9 and `-`, starting with a letter
    hint: name it after what it does, such as `resize-thumbnails`
    ");
    insta::assert_snapshot!(said(&["serde"]), @r"
    error[job_name_reserved]: a crate cannot be called `serde`: Rust or one of its dependencies has that name
    hint: name it after what it does, such as `resize-thumbnails`
    ");
    insta::assert_snapshot!(said(&["send-mail"]), @r"
    error[job_name_taken]: the workspace has the crate `mail`, which is called `send-mail` or whose job is, expected a name of its own
    hint: name it after what it does, such as `resize-thumbnails`
    ");
    insta::assert_snapshot!(said(&["mail", "--dir", "jobs-wasm"]), @r"
    error[folder_exists]: making the crate in `jobs-wasm/mail`: something is there already
    hint: take another name, or `--dir PARENT`
    ");
    insta::assert_snapshot!(said(&["taken"]), @r"
    error[folder_exists]: making the crate in `jobs-wasm/taken`: something is there already
    hint: take another name, or `--dir PARENT`
    ");
    insta::assert_snapshot!(said(&["charge", "--dir", "Cargo.toml"]), @r"
    error[out_unwritable]: writing `Cargo.toml`: File exists (os error 17)
    hint: check the folder and its permissions, or use `--dir PARENT`
    ");
    insta::assert_snapshot!(said(&["charge", "--sdk", "jobs-wasm/mail"]), @r"
    error[sdk_invalid]: `jobs-wasm/mail` is not the guest SDK: found the package `mail`, expected a `Cargo.toml` of the package `mainworker-guest-sdk`
    hint: `--sdk PATH` names the folder `guest-sdk` of MainWorker's repository
    ");
    insta::assert_snapshot!(said(&["charge", "--sdk", "nowhere"]), @r"
    error[sdk_invalid]: `nowhere` is not the guest SDK: found no `Cargo.toml` (No such file or directory (os error 2)), expected a `Cargo.toml` of the package `mainworker-guest-sdk`
    hint: `--sdk PATH` names the folder `guest-sdk` of MainWorker's repository
    ");
    host.write("Cargo.toml", "workspace = { members = \"jobs-wasm\" }\n");
    assert!(said(&["charge"]).starts_with("error["));
}
