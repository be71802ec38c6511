//! A host in a world of its own: a folder with its modules, settings, envelopes and home, and nothing of this machine's.

use crate::finished::Finished;
use crate::jobs;
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A secret that is in every envelope and settings file, and that nobody is granted.
pub(crate) const CANARY: &str = "canary-5e1f07a2b9";

/// Longer than any run of these tests, and the end of one that hangs.
const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) struct TestHost {
    world: TempDir,
    /// What the test itself wrote, where the secret may be.
    inputs: RefCell<BTreeSet<PathBuf>>,
}

/// What there is in a world: size and time of each file, by its path.
pub(crate) type Files = BTreeMap<PathBuf, (u64, SystemTime)>;

impl TestHost {
    /// A world with `echo` in it.
    pub(crate) fn new() -> Self {
        Self::with_jobs(&["echo"])
    }

    /// A world with these jobs of `jobs-wasm`.
    pub(crate) fn with_jobs(names: &[&str]) -> Self {
        let host = Self { world: TempDir::new().expect("a folder"), inputs: RefCell::default() };
        fs::create_dir(host.path("modules")).expect("a folder");
        for name in names {
            let file = format!("{name}.wasm");
            fs::copy(jobs::built().join(&file), host.path("modules").join(&file)).expect("the job is built");
        }
        host
    }

    /// A world with the probes as the job `prober`; `changes` replaces parts of its manifest.
    pub(crate) fn with_probes(changes: Value) -> Self {
        let host = Self::with_jobs(&[]);
        let mut manifest = json!({
            "job": { "name": "prober", "version": "0.1.0", "summary": "Tries what it should not" },
            "schedulable-by": { "sources": ["api"] },
            "configuration": { "plain": {}, "secret": { "secret": true } },
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            manifest[key] = value.clone();
        }
        // The probes import what these are for, whatever a test is about. None of it is given.
        let unused = json!([{ "to": "https://nobody.invalid", "methods": ["GET"], "optional": true }]);
        for (capability, grants) in [("http", unused), ("schedule", json!(["nobody"]))] {
            if manifest["grants"][capability].is_null() {
                manifest["grants"][capability] = grants;
            }
        }
        let manifest = Manifest::from_json(&manifest).expect("the manifest is valid");
        let description = ModuleDescription { manifest, payload_schema: None, result_schema: None };
        let module = ModuleFile::pack(jobs::probes(), &description).expect("the probes are admitted");
        host.module("prober", module.bytes());
        host
    }

    /// A path in the world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.world.path().join(name)
    }

    /// Writes a file, with the folders that lead to it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the world")).expect("a folder");
        fs::write(&path, content).expect("a file");
        self.inputs.borrow_mut().insert(path);
        self
    }

    /// Makes a folder.
    pub(crate) fn folder(&self, name: &str) -> &Self {
        fs::create_dir_all(self.path(name)).expect("a folder");
        self
    }

    /// Writes a module file under this name.
    pub(crate) fn module(&self, name: &str, bytes: &[u8]) -> &Self {
        self.write(&format!("modules/{name}.wasm"), bytes)
    }

    /// Writes the settings, after a first line with a secret.
    pub(crate) fn settings(&self, text: &str) -> &Self {
        self.write("mainworker.toml", format!("server.token = \"{CANARY}\"\n{text}\n"))
    }

    /// The program, called in the world.
    pub(crate) fn mainworker(&self, args: &[&str]) -> Invocation<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainworker"));
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("NO_COLOR", "1")
            .current_dir(self.world.path());
        command.args(args);
        Invocation { host: self, command, stdin: Vec::new() }
    }

    /// A run of an envelope that has been written to `envelope.json`. Compiled modules are kept in the world.
    pub(crate) fn run_written(&self) -> Invocation<'_> {
        self.mainworker(&["run", "envelope.json", "--untrusted", "--modules", "modules", "--data", "data"])
    }

    /// A run of this envelope. Compiled modules are shared by all tests, to compile each once.
    pub(crate) fn run(&self, envelope: &Value) -> Invocation<'_> {
        self.write("envelope.json", envelope.to_string());
        let shared = jobs::shared_data();
        self.mainworker(&[
            "run",
            "envelope.json",
            "--untrusted",
            "--modules",
            "modules",
            "--data",
            &shared.to_string_lossy(),
        ])
    }

    /// A run of a probe.
    pub(crate) fn probe(&self, payload: Value) -> Invocation<'_> {
        self.run(&envelope("prober", "api", payload))
    }

    /// Runs an envelope that comes to no attempt, for a person and for a program: asserts that both are told the same,
    /// that nothing was written, and gives what is printed on stderr.
    #[track_caller]
    pub(crate) fn refused(&self, envelope: impl AsRef<[u8]>, exit: i32, outcome: &str, code: &str) -> String {
        self.write("envelope.json", envelope);
        self.refused_as_written(exit, outcome, code)
    }

    /// As [`TestHost::refused`], of what `envelope.json` holds.
    #[track_caller]
    pub(crate) fn refused_as_written(&self, exit: i32, outcome: &str, code: &str) -> String {
        let before = self.files();
        let shown = self.run_written().finish().exits(exit);
        assert_eq!(shown.stdout(), "");
        let reported = self.run_written().arg("--json").finish().exits(exit);
        assert_eq!(reported.stderr(), shown.stderr());
        let report = reported.report();
        assert_eq!(
            (report["outcome"].as_str(), report["error"]["code"].as_str()),
            (Some(outcome), Some(code))
        );
        assert!(report["error"]["hint"].is_string(), "no hint: {report}");
        assert!(report["taskId"].is_null() && report["result"].is_null(), "{report}");
        assert_eq!(self.files(), before, "something was written");
        shown.stderr()
    }

    /// All files of the world.
    pub(crate) fn files(&self) -> Files {
        let mut files = Files::new();
        walk(self.world.path(), &mut |path| {
            let metadata = fs::symlink_metadata(path).expect("it is there");
            files.insert(path.to_owned(), (metadata.len(), metadata.modified().expect("a time")));
        });
        files
    }

    /// `text` with what differs from run to run named instead.
    pub(crate) fn named(&self, text: &str) -> String {
        text.replace(&*self.world.path().to_string_lossy(), "[world]")
            .replace(&*jobs::workspace().to_string_lossy(), "[workspace]")
    }

    /// Asserts that no file but the test's own holds the secret.
    pub(crate) fn assert_kept_secret(&self) {
        walk(self.world.path(), &mut |path| {
            if !self.inputs.borrow().contains(path) {
                let bytes = fs::read(path).unwrap_or_default();
                let found = memchr::memmem::find(&bytes, CANARY.as_bytes()).is_some();
                assert!(!found, "`{}` holds the secret", path.display());
            }
        });
    }
}

fn walk(folder: &Path, seen: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            walk(&entry.path(), seen);
        } else {
            seen(&entry.path());
        }
    }
}

/// An envelope, with a secret that the job is not granted.
pub(crate) fn envelope(job: &str, source: &str, payload: Value) -> Value {
    json!({ "configuration": { "other": CANARY }, "jobName": job, "source": source, "jobPayload": payload })
}

/// A call of the program.
#[must_use = "it is not called yet"]
pub(crate) struct Invocation<'a> {
    host: &'a TestHost,
    command: Command,
    stdin: Vec<u8>,
}

impl<'a> Invocation<'a> {
    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// The command itself, to be started by hand, and its host.
    pub(crate) fn by_hand(self) -> (Command, &'a TestHost) {
        (self.command, self.host)
    }

    /// Waits for the end.
    pub(crate) fn finish(self) -> Finished<'a> {
        let mut command = assert_cmd::Command::from_std(self.command);
        let output = command.write_stdin(self.stdin).timeout(PATIENCE).output().expect("it starts");
        Finished::new(self.host, output)
    }
}
