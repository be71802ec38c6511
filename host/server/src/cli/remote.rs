//! What the commands for a running host have in common: which host, with which token, and how its answers fail.
//!
//! They know the host through `mainworker_client` alone.

mod bulk;
mod filter;
mod moment;
mod table;

pub(super) use bulk::{BulkArgs, Verb, all_matching, each};
pub(super) use filter::FilterArgs;
pub(super) use moment::{Moment, ago, ahead, milliseconds, shown_ms, shown_since};
pub(super) use table::{Align, Column, Row, TaskTable};

use super::default_data_dir;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::socket::path_in;
use crate::terminal;
use clap::Args;
use mainworker_client::wire::Problem;
use mainworker_client::{Chance, Client, ClientError, ClientOptions};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::Outcome;
use secrecy::SecretString;
use serde::Serialize;
use std::convert::Infallible;
use std::env;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Where a host listens unless it is told otherwise.
const HOST: &str = "http://127.0.0.1:8080";

/// How long a host may take to say what time it is there.
const HOST_TIME_WAIT: Duration = Duration::from_secs(2);

/// Which host, and who asks.
#[derive(Args, Clone, Debug)]
pub struct RemoteArgs {
    /// The host [default: the variable MAINWORKER_HOST; else, if no token is given, the socket in the user's own data folder if
    /// it is there; else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", conflicts_with = "data", help_heading = "Host")]
    host: Option<String>,
    /// The host that runs on this data folder, over its socket: whoever may open that needs no token, and MAINWORKER_TOKEN is
    /// not looked at
    #[arg(long, value_name = "DIR", help_heading = "Host")]
    data: Option<PathBuf>,
    /// Its token [default: the variable MAINWORKER_TOKEN, which is the better place: others on this machine can read a
    /// command line]
    #[arg(long, value_name = "TOKEN", value_parser = secret, help_heading = "Host")]
    token: Option<SecretString>,
    /// A file of the only certificate authorities that may vouch for it, PEM [default: the variable MAINWORKER_CA_FILE, or those
    /// of this system]
    #[arg(long, value_name = "FILE", help_heading = "Host")]
    ca_file: Option<PathBuf>,
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

impl RemoteArgs {
    /// The host on this data folder.
    pub(super) fn of_data(data: &Path) -> Self {
        Self { host: None, data: Some(data.to_owned()), token: None, ca_file: None }
    }

    /// Runs what asks the host.
    ///
    /// # Errors
    /// A URL or a token that cannot be used; what `ask` fails with.
    pub(super) fn ask<T>(&self, ask: impl AsyncFnOnce(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        let client = self.client(ClientOptions { chance: told_of_waits(), ..ClientOptions::default() })?;
        // Connections are made inside the runtime.
        runtime()?.block_on(ask(&client))
    }

    /// The same, once, for what can be done without the host: none if no host is there.
    ///
    /// # Errors
    /// As for [`RemoteArgs::ask`], but for a host that cannot be reached.
    pub(super) fn ask_if_there<T>(
        &self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
    ) -> Result<Option<T>, Failure> {
        let retry = Retry { max_attempts: 1, ..ClientOptions::default().retry };
        let client = self.client(ClientOptions { retry, ..ClientOptions::default() })?;
        match runtime()?.block_on(ask(&client)) {
            Ok(answer) => Ok(Some(answer)),
            Err(ClientError::Unreachable { may_be_done: false, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the host that was named; where none is, the one on the user's own data folder, if it runs. None if there is none.
    ///
    /// # Errors
    /// As for [`RemoteArgs::ask`].
    pub(super) fn ask_if_named<T>(
        &self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
    ) -> Result<Option<T>, Failure> {
        if self.host.is_some() || self.data.is_some() || variable("MAINWORKER_HOST").is_some() {
            return self.ask(async |client| Ok(ask(client).await?)).map(Some);
        }
        match own_socket() {
            Some(_) => self.ask_if_there(ask),
            None => Ok(None),
        }
    }

    /// The data folder that was named.
    pub(super) fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    fn client(&self, options: ClientOptions) -> Result<Client, Failure> {
        // Whoever names a folder means to be its operator, whatever else the environment holds.
        let variable_token = if self.data.is_none() { variable("MAINWORKER_TOKEN") } else { None };
        let token = self.token.clone().or_else(|| variable_token.map(SecretString::from));
        let base = self.base(variable("MAINWORKER_HOST"), token.is_some(), own_socket);
        let ca_file = self.ca_file.clone().or_else(|| variable("MAINWORKER_CA_FILE").map(PathBuf::from));
        let options = ClientOptions { ca_file, ..options };
        Ok(Client::with_options(&base, token, options)?)
    }

    /// Which host is asked.
    fn base(
        &self,
        host_variable: Option<String>,
        has_token: bool,
        own_socket: impl FnOnce() -> Option<PathBuf>,
    ) -> String {
        if let Some(data) = &self.data {
            return socket_url(&path_in(data));
        }
        let own_socket = || if has_token { None } else { own_socket().map(|path| socket_url(&path)) };
        self.host.clone().or(host_variable).or_else(own_socket).unwrap_or_else(|| HOST.to_owned())
    }
}

/// The usual waits. One that the host asks for, and that is longer than any other, is told to whoever sits there.
fn told_of_waits() -> Chance {
    let chance = Chance::default();
    let (wait, longest_ms) = (Arc::clone(&chance.wait), ClientOptions::default().retry.cap_ms);
    let told = move |ms| {
        if ms > longest_ms {
            terminal::note(&format!("the host asks for patience: trying again in {}", shown_ms(ms)));
        }
        wait(ms)
    };
    Chance { wait: Arc::new(told), ..chance }
}

fn socket_url(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// The socket in the data folder that a host of this user has unless it is told otherwise, if there is one.
fn own_socket() -> Option<PathBuf> {
    let path = path_in(&default_data_dir()?);
    fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket()).then_some(path)
}

/// What one command after the other is run on.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::host(format!("starting threads: {error}")))
}

/// A variable of the environment; one that is empty is as good as none.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// What time it is here, where there is no host to go by.
pub(super) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// What time it is on the host, for what is sent to it: whoever says `2h` means two hours of its clock.
pub(super) async fn host_now(client: &Client) -> Timestamp {
    // One that does not answer says so when it is asked for something, and is not waited for twice.
    let _ = timeout(HOST_TIME_WAIT, client.healthy()).await;
    client.host_now()
}

/// What time it is for these moments: by the host's clock, if any of them is said as a duration.
pub(super) async fn now_for(client: &Client, moments: impl IntoIterator<Item = Moment>) -> Timestamp {
    if moments.into_iter().any(Moment::is_away) { host_now(client).await } else { client.host_now() }
}

/// A revision as people compare it: as many digits as name one.
pub(super) fn short_revision(revision: &str) -> String {
    let digest = revision.rsplit(':').next().unwrap_or(revision);
    digest.chars().take(12).collect()
}

/// Prints an answer as JSON.
pub(super) fn print_json(answer: &impl Serialize) -> Result<(), Failure> {
    terminal::print(&json(answer)?)
}

/// An answer as JSON, for stdout.
pub(super) fn json(answer: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string(answer);
    json.map(|json| terminal::json_for_stdout(&json).into_owned())
        .map_err(|error| Failure::host(format!("writing the answer: {error}")))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let hint = hints::of_client(&error);
        let (code, exit) = match &error {
            ClientError::InvalidBase { .. } => ("host_url_invalid", ExitCode::Usage),
            ClientError::InvalidToken => ("token_invalid", ExitCode::Usage),
            ClientError::InvalidName { .. } => ("name_invalid", ExitCode::Usage),
            ClientError::Authorities { .. } => ("authorities_unreadable", ExitCode::Unreachable),
            ClientError::Unreachable { .. } => ("unreachable", ExitCode::Unreachable),
            ClientError::Timeout { .. } => ("timeout", ExitCode::Unreachable),
            ClientError::Unauthenticated { .. } => ("unauthenticated", ExitCode::Unreachable),
            ClientError::RoleMissing { .. } => ("role_missing", ExitCode::Unreachable),
            ClientError::NotAHost { .. } => ("not_a_host", ExitCode::Unreachable),
            ClientError::TooLarge { .. } => ("answer_too_large", ExitCode::NotCompleted),
            ClientError::Problem(problem) => return of_problem(problem, hint),
        };
        Self { code: code.to_owned(), exit, hint, ..Self::host(&error) }
    }
}

fn of_problem(problem: &Problem, hint: Option<String>) -> Failure {
    let exit = exit_of(problem);
    let outcome = if exit == ExitCode::EnvelopeRejected { Outcome::Rejected } else { Outcome::HostError };
    Failure {
        code: problem.code.clone(),
        message: problem.detail.clone(),
        pointer: problem.pointer.clone(),
        hint,
        // The client has waited already, if that was worth it.
        retry_after_seconds: None,
        exit,
        outcome,
    }
}

fn exit_of(problem: &Problem) -> ExitCode {
    match problem.code.as_str() {
        // The same code is the answer to `pause`, which sends no envelope and so has no place in one.
        "unknown_job" if problem.pointer.is_none() => ExitCode::NotCompleted,
        "too_large"
        | "malformed_json"
        | "missing_field"
        | "unknown_field"
        | "wrong_type"
        | "source_mismatch"
        | "source_not_allowed"
        | "unknown_job"
        | "payload_invalid"
        | "missing_configuration"
        | "options_invalid"
        | "idempotency_conflict"
        | "unique_conflict"
        | "rate_limited"
        | "queue_full" => ExitCode::EnvelopeRejected,
        "bad_filter" | "token_invalid" | "schedule_invalid" | "backfill_invalid" | "deployment_invalid" => {
            ExitCode::Usage
        }
        "module_unavailable" | "module_refused" | "place_not_allowed" => ExitCode::Refused,
        "stopping" | "store_unavailable" | "timeout" => ExitCode::Unreachable,
        _ => ExitCode::NotCompleted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_host_is_asked() {
        let args = |host: Option<&str>, data: Option<&str>| RemoteArgs {
            host: host.map(str::to_owned),
            data: data.map(PathBuf::from),
            token: None,
            ca_file: None,
        };
        let variable = || Some("http://variable".to_owned());
        let own = || Some(PathBuf::from("/own/host.sock"));
        for (asked, host_variable, has_token, own_socket, base) in [
            (args(Some("http://flag"), None), variable(), false, own(), "http://flag"),
            (args(None, Some("/data")), variable(), true, own(), "unix:/data/host.sock"),
            (args(None, None), variable(), false, own(), "http://variable"),
            (args(None, None), None, false, own(), "unix:/own/host.sock"),
            (args(None, None), None, true, own(), HOST),
            (args(None, None), None, false, None, HOST),
        ] {
            assert_eq!(asked.base(host_variable, has_token, || own_socket), base);
        }
    }

    #[test]
    fn each_code_ends_the_program_as_scripts_expect() {
        let problem = |code: &str, pointer: Option<&str>| Problem {
            code: code.to_owned(),
            pointer: pointer.map(str::to_owned),
            ..Problem::default()
        };
        for (code, pointer, exit) in [
            ("payload_invalid", Some("/jobPayload/n"), ExitCode::EnvelopeRejected),
            ("unknown_job", Some("/jobName"), ExitCode::EnvelopeRejected),
            ("queue_full", None, ExitCode::EnvelopeRejected),
            ("unknown_job", None, ExitCode::NotCompleted),
            ("unknown_task", None, ExitCode::NotCompleted),
            ("not_cancellable", None, ExitCode::NotCompleted),
            ("something_new", None, ExitCode::NotCompleted),
            ("bad_filter", None, ExitCode::Usage),
            ("schedule_invalid", Some("/schedules/x/cron"), ExitCode::Usage),
            ("backfill_invalid", Some("/from"), ExitCode::Usage),
            ("schedule_changed", None, ExitCode::NotCompleted),
            ("schedule_of_another_set", None, ExitCode::NotCompleted),
            ("unknown_schedule", None, ExitCode::NotCompleted),
            ("stopping", None, ExitCode::Unreachable),
        ] {
            assert_eq!(exit_of(&problem(code, pointer)), exit, "{code}");
        }
    }
}
