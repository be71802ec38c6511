//! One service: where it is, and how its answers are read.

use std::time::Duration;

use mainworker::config::ConfigError;
use mainworker::http::{self, Request, Response};
use mainworker::{Context, Failure, config};
use serde::de::DeserializeOwned;

/// How long to wait where a service asks for a pause and does not say for how long.
pub const PAUSE_UNSAID: Duration = Duration::from_secs(60);

/// A service that the job was told of: `NAME.url` and, where it wants one, `NAME.token`.
#[derive(Clone, Debug)]
pub struct Service {
    name: &'static str,
    url: String,
    /// A placeholder: the host puts the token in on the way out.
    token: Option<String>,
}

impl Service {
    /// The service that the configuration names, or none.
    ///
    /// # Errors
    ///
    /// The configuration could not be read.
    pub fn find(name: &'static str) -> Result<Option<Self>, ConfigError> {
        let Some(url) = config::get(&format!("{name}.url"))? else { return Ok(None) };
        let token = config::get(&format!("{name}.token"))?;
        Ok(Some(Self { name, url, token }))
    }

    /// The service that the job cannot do without.
    ///
    /// # Errors
    ///
    /// Its URL is not configured, or could not be read.
    pub fn require(name: &'static str) -> Result<Self, ConfigError> {
        Self::find(name)?.ok_or_else(|| ConfigError::missing(&format!("{name}.url")))
    }

    /// A GET request to `path` below the service's URL, with its token.
    pub fn get(&self, path: &str) -> Request {
        self.with_token(http::get(http::join(&self.url, &[path])))
    }

    /// A POST request to `path` below the service's URL, with its token.
    pub fn post(&self, path: &str) -> Request {
        self.with_token(http::post(http::join(&self.url, &[path])))
    }

    fn with_token(&self, request: Request) -> Request {
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    /// Sends a request. Any status is an answer, but a request for a pause.
    ///
    /// # Errors
    ///
    /// To be tried again later if the service asks for a pause; failed if there is no answer.
    pub fn send(&self, request: Request) -> Result<Response, Failure> {
        let answer = request.send().context(self.doing())?;
        self.check_pause(&answer)?;
        Ok(answer)
    }

    /// Checks that an answer does not ask for a pause.
    ///
    /// # Errors
    ///
    /// To be tried again later if it does: after the time that it names, or [`PAUSE_UNSAID`].
    pub fn check_pause(&self, answer: &Response) -> Result<(), Failure> {
        if answer.status() != 429 {
            return Ok(());
        }
        let after = answer.retry_after().unwrap_or(PAUSE_UNSAID);
        let seconds = after.as_secs();
        Err(Failure::retry_after(
            after,
            format!("{}: it asks for a pause of {seconds} s (status 429)", self.doing()),
        ))
    }

    /// What an answer with a status of success says. `expected` is what it ought to look like, for the message if it does
    /// not.
    ///
    /// # Errors
    ///
    /// Failed if the status is another, or the answer is nothing of the kind.
    pub fn read<T: DeserializeOwned>(&self, answer: Response, expected: &str) -> Result<T, Failure> {
        let answer = answer.error_for_status().context(self.doing())?;
        answer
            .json()
            .map_err(|error| Failure::failed(format!("{}: {error}; expected `{expected}`", self.doing())))
    }

    /// The failure of an answer to `method` `path` that has the right form and cannot be meant.
    pub fn contradicts(&self, method: &str, path: &str, found: &str, expected: &str) -> Failure {
        let url = http::join(&self.url, &[path]);
        Failure::failed(format!("{}: {method} {url}: the answer {found}; expected {expected}", self.doing()))
    }

    /// What is being done when it is called, for messages.
    pub fn doing(&self) -> String {
        format!("asking the {} service", self.name)
    }
}
