//! A host that serves, as a process of its own in the world of a test.

use crate::host::{CANARY, Invocation, TestHost};
use crate::http::Http;
use crate::jobs;
use rustix::process::{Pid, Signal, kill_process};
use std::cell::Cell;
use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

/// The lines of the settings that let the token of the tests' own source do everything.
pub(crate) const ALL_ROLES: &str =
    "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\"]";

/// A running `mainworker serve`. Killed when it is dropped, unless it was stopped.
pub(crate) struct Serving<'a> {
    host: &'a TestHost,
    child: Child,
    stderr: Option<JoinHandle<String>>,
    url: String,
    address: SocketAddr,
    /// Asked a second time it would end at once.
    asked_to_stop: Cell<bool>,
}

impl TestHost {
    /// Serves with these settings, after a first line with the token. Tasks are kept in the world, so that another call
    /// finds them.
    pub(crate) fn serve(&self, settings: &str) -> Serving<'_> {
        self.settings(settings);
        self.serve_written("mainworker.toml")
    }

    /// Serves with a settings file of the world.
    pub(crate) fn serve_written(&self, settings: &str) -> Serving<'_> {
        self.serve_at(settings, "127.0.0.1:0")
    }

    /// The same at an address of the test's choice.
    pub(crate) fn serve_at(&self, settings: &str, listen: &str) -> Serving<'_> {
        self.serve_with(settings, listen, &[])
    }

    /// The same with these variables in its environment.
    pub(crate) fn serve_with(&self, settings: &str, listen: &str, variables: &[(&str, &str)]) -> Serving<'_> {
        self.serve_by(settings, listen, variables, &[])
    }

    /// The same with these flags.
    pub(crate) fn serve_by(
        &self,
        settings: &str,
        listen: &str,
        variables: &[(&str, &str)],
        flags: &[&str],
    ) -> Serving<'_> {
        let modules = ["--dev", "--modules", "modules"];
        self.start(settings, listen, variables, &[&modules, flags].concat())
    }

    /// Serves what is deployed to it.
    pub(crate) fn serve_deployed(&self, settings: &str) -> Serving<'_> {
        self.settings(settings);
        self.start("mainworker.toml", "127.0.0.1:0", &[], &[])
    }

    fn start(&self, settings: &str, listen: &str, variables: &[(&str, &str)], flags: &[&str]) -> Serving<'_> {
        exchange_compiled(&jobs::shared_data().join("module-cache"), &self.path("data/module-cache"));
        let args = ["serve", "--settings", settings, "--data", "data", "--listen", listen];
        let (mut command, host) = self.mainworker(&[&args[..], flags].concat()).by_hand();
        command.envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stderr = child.stderr.take().expect("it is piped");
        let read = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("stderr is text");
            text
        });
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("stdout is text");
        let url = line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
        let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let Some(address) = address.and_then(|text| text.parse().ok()) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it said `{line}`, and {}", read.join().expect("it reads to the end"));
        };
        Serving { host, child, stderr: Some(read), url, address, asked_to_stop: Cell::new(false) }
    }
}

impl<'a> Serving<'a> {
    /// A client with the token.
    pub(crate) fn http(&self) -> Http {
        Http::new(self.address).with_token(CANARY)
    }

    /// A command for this host, with the token in its environment.
    pub(crate) fn command(&self, args: &[&str]) -> Invocation<'a> {
        self.host.mainworker(args).env("MAINWORKER_HOST", &self.url).env("MAINWORKER_TOKEN", CANARY)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Asks it to stop, once.
    pub(crate) fn ask_to_stop(&self) {
        if self.asked_to_stop.replace(true) {
            return;
        }
        kill_process(self.pid(), Signal::TERM).expect("it runs");
    }

    /// Asks it to stop, waits for its end and gives what it printed on stderr. The token is nowhere in that, nor in any file.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.ask_to_stop();
        let status = self.child.wait().expect("it ends");
        let stderr = self.stderr.take().expect("it is read once").join().expect("it reads to the end");
        assert_eq!(status.code(), Some(0), "{stderr}");
        assert!(!stderr.contains(CANARY), "the secret was printed: {stderr}");
        self.host.assert_kept_secret();
        exchange_compiled(&self.host.path("data/module-cache"), &jobs::shared_data().join("module-cache"));
        self.host.named(&stderr)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        // Nothing is lost: a test that wants to know how it ends has stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts compiled modules of one cache into another, so that each is compiled once for all tests.
fn exchange_compiled(from: &Path, to: &Path) {
    DirBuilder::new().recursive(true).mode(0o700).create(to).expect("a folder");
    let Ok(entries) = fs::read_dir(from) else { return };
    let compiled = |path: &PathBuf| {
        path.ends_with("key") || path.extension().is_some_and(|extension| extension == "cwasm")
    };
    for file in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(compiled) {
        let name = file.file_name().expect("it is a file");
        // Most are there already.
        let _ = fs::hard_link(&file, to.join(name));
    }
}
