//! A world for each test, and the program under test.

use anyhow::Result;
use endurance::audit::{Problems, rows};
use endurance::host_process::{Ended, HostProcess};
use endurance::jobs::{Probes, Tried, workspace};
use endurance::ledger::{Asked, Work};
use endurance::load::single_tries;
use endurance::world::World;
use mainworker_client::wire::{Problem, Task};
use mainworker_client::{Client, ClientError, Happened};
use mainworker_domain::task_options::TaskOptions;
use rustix::process::Signal;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine, and the end of what hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

/// The program and its modules: those that `MAINWORKER_TEST_BINARY` and `MAINWORKER_TEST_MODULES` name, or built as the
/// workspace says.
fn tried() -> &'static Tried {
    static TRIED: LazyLock<Tried> = LazyLock::new(|| {
        let named = |name: &str| env::var_os(name).map(PathBuf::from);
        let binary = named("MAINWORKER_TEST_BINARY").unwrap_or_else(build_program);
        let modules = named("MAINWORKER_TEST_MODULES").unwrap_or_else(|| build_echo(&binary));
        Tried { binary, modules }
    });
    &TRIED
}

/// With all programs, as the gate builds them: alone it would get other features of what it stands on, and another engine.
fn build_program() -> PathBuf {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--workspace", "--bins", "--message-format", "json"])
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output()
        .expect("cargo starts");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let mut files = build.stdout.split(|&byte| byte == b'\n').filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let file = PathBuf::from(message["executable"].as_str()?);
        (message["target"]["name"] == "mainworker").then_some(file)
    });
    files.next_back().expect("cargo names the program")
}

fn build_echo(binary: &Path) -> PathBuf {
    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("misfortune");
    let build = Command::new(binary)
        .args(["module", "build", "echo", "--out"])
        .arg(&modules)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    modules
}

pub(crate) struct TestWorld {
    pub(crate) world: World,
    runtime: Runtime,
    _folder: TempDir,
}

/// A host that listens.
pub(crate) struct Serving {
    pub(crate) process: HostProcess,
    pub(crate) client: Client,
    pub(crate) base: String,
}

impl TestWorld {
    /// With `echo` and the probes as these jobs.
    pub(crate) fn new(probes: &[Probes], server: &str, sections: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let world = World::make(folder.path(), tried(), probes, server, sections).expect("a world");
        Self { world, runtime: Runtime::new().expect("threads"), _folder: folder }
    }

    /// With `echo` alone.
    pub(crate) fn with_echo() -> Self {
        Self::new(&[], "", "")
    }

    /// Starts a host on the data folder and waits until it listens.
    pub(crate) fn serve(&self) -> Serving {
        self.serve_as(&mut self.world.command(&self.world.data()))
    }

    /// The same with a command of one's own.
    pub(crate) fn serve_as(&self, command: &mut Command) -> Serving {
        let process = HostProcess::start(command, &self.world.log()).expect("it starts");
        let base = process.listening(PATIENCE).expect("it listens");
        let client = self.world.client(&base, single_tries()).expect("a base");
        Serving { process, client, base }
    }

    /// Starts a host that ends by itself before it listens; what it says, with the world's folder named instead.
    #[track_caller]
    pub(crate) fn refused(&self, command: Command) -> String {
        let output = assert_cmd::Command::from_std(command).timeout(PATIENCE).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr)
            .replace(&*self.world.folder().to_string_lossy(), "[world]");
        assert_eq!(
            (output.status.code(), &*String::from_utf8_lossy(&output.stdout)),
            (Some(2), ""),
            "{said}"
        );
        assert!(said.contains("\nhint: "), "no hint: {said}");
        // All hosts of these tests are for development, and say so first.
        let said = said.split_once("\nerror[").map_or(said.clone(), |(_, error)| format!("error[{error}"));
        said.trim_end().to_owned()
    }

    /// The same with the usual command.
    #[track_caller]
    pub(crate) fn refused_as_usual(&self) -> String {
        self.refused(self.world.command(&self.world.data()))
    }

    /// Waits for something that comes soon.
    #[track_caller]
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(async { timeout(PATIENCE, future).await.expect("it comes soon") })
    }

    /// Hands a task over; its id.
    #[track_caller]
    pub(crate) fn enqueue(
        &self,
        client: &Client,
        job: &str,
        payload: &Value,
        options: &TaskOptions,
    ) -> String {
        let answer = self.try_enqueue(client, job, payload, options);
        answer.expect("it is taken")
    }

    /// The same if it may fail.
    pub(crate) fn try_enqueue(
        &self,
        client: &Client,
        job: &str,
        payload: &Value,
        options: &TaskOptions,
    ) -> Result<String, ClientError> {
        let envelope = json!({ "configuration": {}, "jobName": job, "source": "api", "jobPayload": payload });
        let envelope = RawValue::from_string(envelope.to_string()).expect("it is JSON");
        self.wait(client.enqueue(&envelope, options)).map(|accepted| accepted.task_id)
    }

    /// Hands `echo` something and waits until it comes back.
    #[track_caller]
    pub(crate) fn echoes(&self, client: &Client) -> String {
        let id = self.enqueue(client, "echo", &json!({ "n": 1 }), &TaskOptions::default());
        let task = self.ended(client, &id);
        assert_eq!(task.result.map(|result| result.get().to_owned()).as_deref(), Some(r#"{"n":1}"#));
        id
    }

    /// A task of `echo` with a configuration that is kept, or any other of the load, due in a day.
    pub(crate) fn enqueue_far(&self, client: &Client, work: Work) -> String {
        let options = TaskOptions { delay_ms: Some(24 * 3_600_000), ..TaskOptions::default() };
        let asked = Asked::new("far".to_owned(), work, options).expect("it is JSON");
        self.wait(client.enqueue(&asked.envelope, &asked.options)).expect("it is taken").task_id
    }

    #[track_caller]
    pub(crate) fn task(&self, client: &Client, id: &str) -> Task {
        self.wait(client.task(id)).expect("it is there")
    }

    /// Waits until a task has ended.
    #[track_caller]
    pub(crate) fn ended(&self, client: &Client, id: &str) -> Task {
        self.wait(client.wait(id)).expect("it is there")
    }

    /// Waits until the attempt of this number of a task has logged `ready`.
    #[track_caller]
    pub(crate) fn is_ready(&self, client: &Client, id: &str, attempt: u32) {
        use mainworker_client::Followed;
        let ready = async {
            let mut log = client.follow_log(id).expect("an id");
            loop {
                match log.next().await.expect("it is there") {
                    Some(Followed::Line(line)) if line.message == "ready" && line.attempt == attempt => break,
                    Some(_) => {}
                    None => panic!("the task has ended before it was ready"),
                }
            }
        };
        self.wait(ready);
    }

    /// Waits for an event that fits.
    pub(crate) async fn event(
        events: &mut mainworker_client::EventFollower,
        kind: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        loop {
            match events.next().await.expect("the host lives") {
                Happened::Event { kind: found, data } if found == kind && fits(&data) => return data,
                _ => {}
            }
        }
    }

    /// Asks a host to stop and waits for its end.
    #[track_caller]
    pub(crate) fn stop(&self, serving: Serving) -> Ended {
        serving.process.signal(Signal::TERM).expect("it runs");
        let ended = serving.process.end(PATIENCE).expect("it ends");
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        ended
    }

    /// Asserts that the rows in the data folder, whose host is dead, are as they should always be.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        let folder = TempDir::new().expect("a folder");
        let database = rows::open_copy(&self.world.data(), folder.path()).expect("a database");
        let mut problems = Problems::default();
        rows::check(&database, false, &mut problems).expect("it can be asked");
        assert!(problems.is_empty(), "{:?}", problems.lines());
    }

    /// The content of each file in the data folder but the one that says who has it.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        walk(&self.world.data(), &mut files);
        files.retain(|path, _| !path.ends_with("host.lock"));
        files
    }
}

fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.is_file() {
            // What a killed host left of its socket holds nothing.
            files.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
}

/// What the host says against a request.
#[track_caller]
pub(crate) fn problem<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Problem {
    match answer.expect_err("it is refused") {
        ClientError::Problem(problem) => *problem,
        other => panic!("{other}"),
    }
}
