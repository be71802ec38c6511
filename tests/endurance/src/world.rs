//! A host's own folder: modules, settings, data, log, and nothing of this machine's.

use crate::host_process::HostProcess;
use crate::jobs::{Probes, Tried};
use anyhow::{Context as _, Result};
use mainworker_client::{Client, ClientOptions};
use secrecy::SecretString;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The token of the settings. It is to be found nowhere but there.
pub const TOKEN: &str = "canary-token-4be19c07d2";
/// A secret configuration value of the envelopes.
pub const SECRET: &str = "canary-secret-93c5e0a1f6";
/// A configuration value that no job says: it is sealed like the others.
pub const PLAIN: &str = "canary-plain-07d8b2e4c9";

/// A folder in which one host after the other runs.
#[derive(Clone, Debug)]
pub struct World {
    folder: PathBuf,
    binary: PathBuf,
}

impl World {
    /// Makes one in `folder`: `echo`, the probes as these jobs, and settings with `sections` after `[server]`, whose keys
    /// `server` adds to.
    ///
    /// # Errors
    /// Modules that cannot be made, files that cannot be written.
    pub fn make(
        folder: &Path,
        tried: &Tried,
        probes: &[Probes],
        server: &str,
        sections: &str,
    ) -> Result<Self> {
        let world = Self { folder: folder.canonicalize()?, binary: tried.binary.clone() };
        fs::create_dir_all(world.modules())?;
        tried.put_echo(&world.modules())?;
        if !probes.is_empty() {
            tried.put_probes(probes, &world.modules())?;
        }
        world.settings(server, sections)?;
        Ok(world)
    }

    /// Writes the settings anew.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn settings(&self, server: &str, sections: &str) -> Result<()> {
        let text = format!(
            "[server]\ntoken = \"{TOKEN}\"\nsource = \"api\"\nroles = [\"enqueue\", \"read\", \"operate\"]\n{server}\n\
             [modules]\ndir = \"modules\"\n{sections}\n"
        );
        fs::write(self.path("mainworker.toml"), text).context("cannot write the settings")
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The data folder of its hosts.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Where its hosts' stderr goes.
    pub fn log(&self) -> PathBuf {
        self.path("host.log")
    }

    fn modules(&self) -> PathBuf {
        self.path("modules")
    }

    /// The program with its arguments, for a host on `data` that takes a free port.
    pub fn arguments(&self, data: &Path) -> Vec<OsString> {
        let settings = self.path("mainworker.toml");
        let mut arguments = vec![self.binary.clone().into_os_string()];
        arguments.extend(["serve", "--dev", "--listen", "127.0.0.1:0", "--settings"].map(OsString::from));
        arguments.extend([settings.into_os_string(), OsString::from("--data"), data.as_os_str().to_owned()]);
        arguments
    }

    /// The command that starts a host on `data`.
    pub fn command(&self, data: &Path) -> Command {
        let mut arguments = self.arguments(data).into_iter();
        let mut command = Command::new(arguments.next().unwrap_or_default());
        command.args(arguments);
        self.alone(&mut command);
        command
    }

    /// Takes this machine's environment away from a command.
    pub fn alone(&self, command: &mut Command) {
        command.env_clear().env("HOME", self.path("home")).env("NO_COLOR", "1").current_dir(&self.folder);
    }

    /// Starts a host on the data folder.
    ///
    /// # Errors
    /// A program that cannot be started.
    pub fn start(&self) -> Result<HostProcess> {
        HostProcess::start(&mut self.command(&self.data()), &self.log())
    }

    /// A client of the host at `base`.
    ///
    /// # Errors
    /// A base that is none.
    pub fn client(&self, base: &str, options: ClientOptions) -> Result<Client> {
        Ok(Client::with_options(base, Some(SecretString::from(TOKEN)), options)?)
    }
}
