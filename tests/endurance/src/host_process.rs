//! A running `mainworker serve`: started, waited for, signalled, and never left behind.

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What the program prints when it is ready, before its address.
const LISTENING: &str = "listening on ";

/// A host that was started. Dropping it kills it.
#[derive(Debug)]
pub struct HostProcess {
    child: Child,
    /// The lines of its stdout; it is cut off when the process has ended.
    said: Receiver<String>,
    started: Instant,
    log: PathBuf,
    /// Where its part of the log begins.
    log_from: u64,
}

/// A host that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it wrote to stderr.
    pub log: String,
    /// From when it was waited for until it had ended.
    pub took: Duration,
}

impl HostProcess {
    /// Starts the command. Its stderr is appended to the file `log`.
    ///
    /// # Errors
    /// A program that cannot be started, or a log that cannot be written.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(log);
        let file = file.with_context(|| format!("cannot write `{}`", log.display()))?;
        let log_from = file.metadata()?.len();
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        let said = lines_of(child.stdout.take());
        Ok(Self { child, said, started, log: log.to_owned(), log_from })
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What it has written to stderr so far.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn log(&self) -> Result<String> {
        let mut file = fs::File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.log_from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until it listens, and gives its base such as `http://127.0.0.1:40123`.
    ///
    /// # Errors
    /// A host that ends before, or says nothing for too long; its log is in the message.
    pub fn listening(&self, patience: Duration) -> Result<String> {
        let until = Instant::now() + patience;
        loop {
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(base) = line.strip_prefix(LISTENING) {
                        return Ok(base.trim().to_owned());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the host ended before it listened; its log:\n{}", self.log()?)
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the host does not listen after {patience:?}; its log:\n{}", self.log()?)
                }
            }
        }
    }

    /// Whether it has not ended yet.
    ///
    /// # Errors
    /// A process that cannot be asked about.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// A process that is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid(), signal).context("the host cannot be signalled")
    }

    /// Kills it where it is (SIGKILL).
    ///
    /// # Errors
    /// A process that cannot be killed.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// A host that does not end in time; it is killed then, and its log is in the message.
    pub fn end(mut self, patience: Duration) -> Result<Ended> {
        let begun = Instant::now();
        let until = begun + patience;
        loop {
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                // Its stdout is closed by its end.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the host does not end after {patience:?}; its log:\n{}", self.log()?)
                }
            }
        }
        let status = self.child.wait()?;
        Ok(Ended { status, log: self.log()?, took: begun.elapsed() })
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // One that has ended and was waited for is not touched.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The lines of a pipe, read on a thread that ends with it.
fn lines_of(stdout: Option<ChildStdout>) -> Receiver<String> {
    let (lines, said) = channel();
    if let Some(stdout) = stdout {
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                match line {
                    // Nobody listens any more: the pipe is read on, so that the host can write.
                    Ok(line) => drop(lines.send(line)),
                    Err(error) if error.kind() == ErrorKind::InvalidData => {}
                    Err(_) => break,
                }
            }
        });
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> (tempfile::TempDir, HostProcess) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        let process = HostProcess::start(command.args(["-c", script]), &folder.path().join("log")).unwrap();
        (folder, process)
    }

    #[test]
    fn the_address_is_found_among_other_lines() {
        let (_folder, process) =
            shell("echo hello; echo listening on http://127.0.0.1:1; exec cat /dev/zero");
        assert_eq!(process.listening(PATIENCE).unwrap(), "http://127.0.0.1:1");
        process.kill().unwrap();
    }

    #[test]
    fn one_that_ends_before_it_listens_is_an_error_with_its_log() {
        let (_folder, process) = shell("echo no room >&2; exit 3");
        let error = process.listening(PATIENCE).unwrap_err().to_string();
        assert!(error.contains("no room"), "{error}");
        let ended = process.end(PATIENCE).unwrap();
        assert_eq!((ended.status.code(), ended.log.as_str()), (Some(3), "no room\n"));
    }

    #[test]
    fn one_that_says_nothing_is_not_waited_for_for_ever() {
        let (_folder, mut process) = shell("exec sleep 1000");
        assert!(process.listening(Duration::from_millis(1)).is_err());
        assert!(process.is_running().unwrap());
        let pid = process.pid();
        assert!(process.end(Duration::from_millis(1)).is_err());
        assert!(kill_process(pid, Signal::CONT).is_err(), "it was left behind");
    }
}
