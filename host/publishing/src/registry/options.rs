//! What a registry may take, and who its client is.

use crate::place::{RegistryHost, RepositoryName};
use mainworker_domain::lifecycle::Jitter;
use mainworker_domain::manifest::Retry;
use rand::rngs::StdRng;
use secrecy::SecretString;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How a registry is spoken to.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Which registry.
    pub host: RegistryHost,
    /// Which of its repositories.
    pub repository: RepositoryName,
    /// Without TLS. Whoever stands between reads the credentials then; what is pulled is checked all the same.
    pub plain_http: bool,
    /// Who the client is; none for nobody in particular.
    pub credentials: Option<Credentials>,
    /// Certificate authorities that are trusted beside those of this system, PEM.
    pub ca_pem: Option<String>,
    /// Milliseconds to connect, TLS not included.
    pub connect_ms: u64,
    /// Milliseconds until an answer begins; also without a further byte of a body, in either direction.
    pub answer_ms: u64,
    /// Milliseconds of one try, from its first step to the last byte. What takes longer is not tried again.
    pub transfer_ms: u64,
    /// Tries of one request, and the waits between them: exponential with full jitter.
    pub retry: Retry,
    /// Milliseconds of a `Retry-After` that are waited. What asks for longer is not tried again.
    pub retry_after_ms_max: u64,
    /// Where waits and luck come from.
    pub chance: Chance,
}

impl RegistryOptions {
    /// The usual bounds, no credentials, TLS for all but this machine itself.
    pub fn new(host: RegistryHost, repository: RepositoryName) -> Self {
        let plain_http = host.is_loopback();
        Self {
            host,
            repository,
            plain_http,
            credentials: None,
            ca_pem: None,
            connect_ms: 5_000,
            answer_ms: 30_000,
            // The largest module at 110 kB a second.
            transfer_ms: 600_000,
            retry: Retry { max_attempts: 4, base_ms: 500, cap_ms: 10_000 },
            retry_after_ms_max: 60_000,
            chance: Chance::default(),
        }
    }
}

/// A user name and a password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user name, without a colon.
    pub username: String,
    /// The password, or a token that takes its place.
    pub password: SecretString,
}

/// A wait that ends by itself.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What differs from one run to the next: how waits pass, and how long they are.
#[derive(Clone)]
pub struct Chance {
    /// Waits so many milliseconds.
    pub wait: Arc<dyn Fn(u64) -> Wait + Send + Sync>,
    /// How much of a wait's bound is waited.
    pub jitter: Arc<dyn Fn() -> Jitter + Send + Sync>,
}

impl Default for Chance {
    fn default() -> Self {
        Self {
            wait: Arc::new(|ms| Box::pin(tokio::time::sleep(Duration::from_millis(ms)))),
            jitter: Arc::new(|| Jitter::from_bits(rand::Rng::next_u64(&mut rand::make_rng::<StdRng>()))),
        }
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chance").finish_non_exhaustive()
    }
}

/// Why a registry cannot be spoken to at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// A user name that cannot be sent.
    #[error(
        "the user name for the registry `{host}` is empty or has a colon or characters that cannot be shown"
    )]
    Username {
        /// The registry.
        host: RegistryHost,
    },
    /// Certificates that cannot be used.
    #[error("the certificate authorities: {problem}")]
    Authorities {
        /// What was found.
        problem: String,
    },
}
