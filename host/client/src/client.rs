//! The client: one host, one token, connections that are kept. What can be asked of it is in [`crate::tasks`] and
//! [`crate::jobs`].

use crate::answer::Asked;
use crate::error::ClientError;
use crate::options::ClientOptions;
use crate::retries::{Repeat, Retries};
use crate::target::Target;
use crate::transport::{Answer, Transport, TroubleKind};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use mainworker_domain::lifecycle::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Asks one host. Clones share their connections. Used inside a Tokio runtime.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    transport: Transport,
    options: ClientOptions,
}

/// One request, whatever the number of tries.
pub(crate) struct Call {
    pub(crate) doing: String,
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) body: Option<Bytes>,
    pub(crate) repeat: Repeat,
    /// Whether it is about many tasks, which takes longer.
    pub(crate) is_for_many: bool,
}

impl Call {
    /// Reads something.
    pub(crate) fn get(doing: impl Into<String>, target: Target) -> Self {
        Self {
            doing: doing.into(),
            method: Method::GET,
            target,
            body: None,
            repeat: Repeat::Harmless,
            is_for_many: false,
        }
    }

    /// Changes something.
    pub(crate) fn post(doing: impl Into<String>, target: Target, repeat: Repeat) -> Self {
        Self { doing: doing.into(), method: Method::POST, target, body: None, repeat, is_for_many: false }
    }

    /// With a body.
    #[must_use]
    pub(crate) fn with(self, body: &(impl Serialize + ?Sized)) -> Self {
        // Wire types have texts for keys and numbers that are finite, so they can be written.
        Self { body: Some(serde_json::to_vec(body).unwrap_or_default().into()), ..self }
    }

    /// About many tasks.
    #[must_use]
    pub(crate) fn for_many(self) -> Self {
        Self { is_for_many: true, ..self }
    }
}

/// An answer with the entity tag by which to ask whether it has changed.
pub(crate) struct Tagged<T> {
    pub(crate) tag: Option<String>,
    pub(crate) body: T,
}

impl Client {
    /// A client of the host at `base`, such as `http://127.0.0.1:8080`, with the usual bounds; or over the socket in its data
    /// folder, such as `unix:/var/lib/mainworker/host.sock`, where no token is needed. Connects when it is first asked for
    /// something. For `https`, the certificate authorities of this system are trusted, or those of the file that
    /// the variable `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// A base or a token that cannot be used; authorities that cannot be read.
    pub fn new(base: &str, token: Option<SecretString>) -> Result<Self, ClientError> {
        Self::with_options(base, token, ClientOptions::default())
    }

    /// The same with bounds of one's own.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn with_options(
        base: &str,
        token: Option<SecretString>,
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        let transport = Transport::new(base, token.as_ref(), &options)?;
        Ok(Self { shared: Arc::new(Shared { transport, options }) })
    }

    /// The host: scheme, name and port, or `unix:` and its socket.
    pub fn origin(&self) -> String {
        self.transport().origin()
    }

    /// What time it is on the host, as far as it has answered: one whose clock was set says so with each answer. Without that it
    /// is the time here.
    pub fn host_now(&self) -> Timestamp {
        self.transport().host_now()
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    pub(crate) fn asked(&self, doing: String, changes: bool) -> Asked {
        Asked { doing, origin: self.origin(), changes }
    }

    /// Makes a request and reads the JSON of its answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let (asked, answer) = self.make(call).await?;
        asked.json(&answer)
    }

    /// Makes a request and reads the text of its answer.
    pub(crate) async fn text(&self, call: Call) -> Result<String, ClientError> {
        let (asked, answer) = self.make(call).await?;
        asked.text(&answer)
    }

    /// One try at something that may be known by its tag; none if it has not changed since.
    pub(crate) async fn look<T: DeserializeOwned>(
        &self,
        doing: &str,
        target: Target,
        known: Option<&str>,
        answer_ms: u64,
    ) -> Result<Option<Tagged<T>>, ClientError> {
        let asked = self.asked(doing.to_owned(), false);
        let bytes_max = self.options().answer_bytes_max;
        let tried = self.transport().answer_unless_known(target.as_str(), known, answer_ms, bytes_max).await;
        let answer = tried.map_err(|trouble| asked.failed(trouble, answer_ms, bytes_max, false))?;
        if answer.status == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let tag = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Some(Tagged { tag, body: asked.json(&answer)? }))
    }

    async fn make(&self, call: Call) -> Result<(Asked, Answer), ClientError> {
        let Call { doing, method, target, body, repeat, is_for_many } = call;
        let options = self.options();
        let (answer_ms, bytes_max) =
            (if is_for_many { options.many_answer_ms } else { options.answer_ms }, options.answer_bytes_max);
        let asked = self.asked(doing, method != Method::GET);
        let mut retries = Retries::new(options, repeat);
        let mut may_be_done = false;
        loop {
            let begun = Instant::now();
            let tried =
                self.transport().answer(&method, target.as_str(), body.as_ref(), answer_ms, bytes_max).await;
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            if let Some(wait_ms) = retries.wait_ms(&tried, took_ms, (options.chance.jitter)()) {
                may_be_done |= !matches!(&tried, Err(trouble) if trouble.kind == TroubleKind::NotSent);
                (options.chance.wait)(wait_ms).await;
                continue;
            }
            return match tried {
                Ok(answer) => Ok((asked, answer)),
                Err(trouble) => Err(asked.failed(trouble, answer_ms, bytes_max, may_be_done)),
            };
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin()).finish_non_exhaustive()
    }
}
