//! What a client may take: time, bytes and tries. And where its waits, its luck and its keys come from, so that a test can
//! say.

use mainworker_domain::lifecycle::Jitter;
use mainworker_domain::manifest::Retry;
use rand::rngs::StdRng;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The bounds of a client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// A file of the only certificate authorities that are trusted, PEM; none for those of this system.
    pub ca_file: Option<PathBuf>,
    /// Milliseconds to connect, TLS not included.
    pub connect_ms: u64,
    /// Milliseconds of one try, from the first step to the last byte of the answer; of a stream to its head.
    pub answer_ms: u64,
    /// The same for a batch, and for what is done to many tasks at once.
    pub many_answer_ms: u64,
    /// Bytes of one answer, or of one event of a stream.
    pub answer_bytes_max: usize,
    /// Tries of one request, and the waits between them: exponential with full jitter.
    pub retry: Retry,
    /// Milliseconds after which no further try of one request begins, waits included.
    pub retry_ms_max: u64,
    /// Milliseconds of a `Retry-After` that are waited. What asks for longer is the answer: it is not tried again.
    pub retry_after_ms_max: u64,
    /// Milliseconds without a byte after which a stream is taken for dead. The host sends a comment more often than that.
    pub stream_idle_ms: u64,
    /// Milliseconds that a stream which broke off tries to come back: a restart of the host fits in.
    pub reconnect_ms_max: u64,
    /// Where waits, luck and keys come from.
    pub chance: Chance,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            ca_file: None,
            connect_ms: 5_000,
            answer_ms: 30_000,
            // A host gives up itself after 120 s, and says so.
            many_answer_ms: 130_000,
            // The largest answer that is meant: a task with its result of 1 MiB and a hundred attempts.
            answer_bytes_max: 16 << 20,
            // A host that restarts is back by then; somebody at a terminal is told soon enough that nobody listens.
            retry: Retry { max_attempts: 5, base_ms: 200, cap_ms: 5_000 },
            retry_ms_max: 60_000,
            retry_after_ms_max: 30_000,
            stream_idle_ms: 60_000,
            reconnect_ms_max: 60_000,
            chance: Chance::default(),
        }
    }
}

/// A wait that ends by itself.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All that differs from one run to the next: how waits pass, how long they are, and the keys that make repeating safe.
#[derive(Clone)]
pub struct Chance {
    /// Waits so many milliseconds.
    pub wait: Arc<dyn Fn(u64) -> Wait + Send + Sync>,
    /// How much of a wait's bound is waited.
    pub jitter: Arc<dyn Fn() -> Jitter + Send + Sync>,
    /// An idempotency key that nobody had before.
    pub key: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Default for Chance {
    fn default() -> Self {
        Self {
            wait: Arc::new(|ms| Box::pin(tokio::time::sleep(Duration::from_millis(ms)))),
            jitter: Arc::new(|| Jitter::from_bits(rand::Rng::next_u64(&mut rand::make_rng::<StdRng>()))),
            key: Arc::new(|| Uuid::now_v7().to_string()),
        }
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chance").finish_non_exhaustive()
    }
}
