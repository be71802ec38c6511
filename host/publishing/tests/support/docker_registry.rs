//! Debian's `docker-registry` on a free loopback port, with a configuration and a storage of its own, and `skopeo`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Who may come in where a registry asks for a password.
pub(crate) const USERNAME: &str = "ci";
pub(crate) const PASSWORD: &str = "open-sesame";
/// Both, as `htpasswd -B` writes them: the registry takes no other hash than bcrypt.
const HTPASSWD: &str = "ci:$2y$05$CCCCCCCCCCCCCCCCCCCCC..M1e0kLa2AYoNMUu2leiER6yDhDy0n2\n";

/// What is said where one of the programs is missing.
const INSTALL: &str =
    "run `apt-get install -y --no-install-recommends docker-registry skopeo`, or `cargo gate toolchain`";
/// More than it takes on a machine with other work.
const START_MAX: Duration = Duration::from_secs(60);

/// How a registry behaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    /// Whether it asks for the user name and the password.
    pub(crate) asks_for_password: bool,
    /// Whether it takes nothing.
    pub(crate) is_read_only: bool,
}

/// A running registry. It ends with its value.
pub(crate) struct DockerRegistry {
    process: Child,
    host: String,
}

impl DockerRegistry {
    /// Starts one whose storage is in `folder`, which others may have at the same time.
    pub(crate) fn start(folder: &Path, setup: Setup) -> Self {
        let Setup { asks_for_password, is_read_only } = setup;
        let htpasswd = folder.join("htpasswd");
        fs::write(&htpasswd, HTPASSWD).expect("the test's folder can be written to");
        let auth = if asks_for_password {
            format!("auth: {{htpasswd: {{realm: tests, path: {}}}}}\n", htpasswd.display())
        } else {
            String::new()
        };
        let config = folder.join(format!("config-{asks_for_password}-{is_read_only}.yml"));
        let text = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{auth}\
             storage: {{filesystem: {{rootdirectory: {}}}, maintenance: {{readonly: {{enabled: {is_read_only}}}}}}}\n",
            folder.join("storage").display(),
        );
        fs::write(&config, text).expect("the test's folder can be written to");
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("`docker-registry` cannot be started: {error}\nhint: {INSTALL}"));
        let said = process.stderr.take().expect("it is piped");
        let host = listening(said);
        Self { process, host }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It may have ended by itself; then a test has failed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address that a registry says it listens on. What it says after that is read too, since it would wait otherwise.
fn listening(said: impl Read + Send + 'static) -> String {
    let (send, address) = mpsc::channel();
    thread::spawn(move || {
        let mut so_far = String::new();
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ':'));
                let _ = send.send(Ok(rest[..end.unwrap_or(rest.len())].to_owned()));
            }
            so_far.push_str(&line);
            so_far.push('\n');
        }
        // Nobody waits any more if it did listen.
        let _ = send.send(Err(so_far));
    });
    match address.recv_timeout(START_MAX) {
        Ok(Ok(address)) => address,
        Ok(Err(said)) => panic!("`docker-registry` does not listen:\n{said}"),
        Err(_) => panic!("`docker-registry` does not listen after {START_MAX:?}"),
    }
}

/// The file of a blob in a registry's storage.
pub(crate) fn blob_file(folder: &Path, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    folder.join("storage/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
}

/// Runs `skopeo` and returns what it printed.
pub(crate) fn skopeo(args: &[&str]) -> Vec<u8> {
    let output = Command::new("skopeo")
        // What it copies is checked by its digests here, and not by the policy of this machine.
        .arg("--insecure-policy")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("`skopeo` cannot be started: {error}\nhint: {INSTALL}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "skopeo {args:?}: {}\n{said}", output.status);
    output.stdout
}
