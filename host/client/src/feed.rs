//! A stream of events that comes back when it breaks off: after the last event that was whole, with growing waits, for a
//! bounded time.

use crate::answer::Asked;
use crate::client::Client;
use crate::error::ClientError;
use crate::options::Wait;
use crate::retries::{Repeat, may_change, pause_ms};
use crate::sse::{SseEvent, SseReader};
use crate::target::Target;
use crate::transport::{Answer, StreamHead, Trouble, TroubleKind, next_piece};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::time::Instant;

/// Milliseconds that a stream has to last for the next break to count as the first. One that ends at once, again and again,
/// must not be asked for without a wait.
const LASTING_MS: u128 = 5_000;

/// What comes out of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// An event.
    Event(SseEvent),
    /// The stream broke off and is back. Where events have no ids, some may be missing.
    Back,
}

/// A stream of events.
pub(crate) struct Feed {
    client: Client,
    target: Target,
    asked: Asked,
    reader: SseReader,
    open: Option<Open>,
    connecting: Option<Connecting>,
    waiting: Option<Wait>,
    ready: VecDeque<Fed>,
    was_open: bool,
    /// Streams in a row that did not last, and tries that brought none.
    failures: u32,
    /// Milliseconds of waits and tries since the last stream.
    away_ms: u64,
}

struct Open {
    body: Incoming,
    since: Instant,
}

/// A try at a stream. Kept, so that it goes on where a caller waits for other things too and asks again and again.
struct Connecting {
    tried: Pin<Box<dyn Future<Output = Result<StreamHead, Trouble>> + Send>>,
    begun: Instant,
}

impl Feed {
    pub(crate) fn new(client: &Client, doing: String, target: Target) -> Self {
        Self {
            client: client.clone(),
            target,
            asked: client.asked(doing, false),
            reader: SseReader::new(client.options().answer_bytes_max, None),
            open: None,
            connecting: None,
            waiting: None,
            ready: VecDeque::new(),
            was_open: false,
            failures: 0,
            away_ms: 0,
        }
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The next of what the stream brings. It does not end by itself. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Fed, ClientError> {
        loop {
            if let Some(fed) = self.ready.pop_front() {
                return Ok(fed);
            }
            if let Some(wait) = &mut self.waiting {
                wait.await;
                self.waiting = None;
            }
            let idle_ms = self.client.options().stream_idle_ms;
            match &mut self.open {
                None => self.connect().await?,
                Some(open) => match next_piece(&mut open.body, idle_ms).await {
                    Ok(Some(piece)) => self.take(&piece)?,
                    Ok(None) | Err(_) => self.broke_off(),
                },
            }
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ClientError> {
        let Ok(events) = self.reader.read(piece) else {
            self.broke_off();
            return Err(ClientError::TooLarge {
                doing: self.asked.doing.clone(),
                origin: self.asked.origin.clone(),
                bytes_max: self.client.options().answer_bytes_max,
            });
        };
        self.ready.extend(events.into_iter().map(Fed::Event));
        Ok(())
    }

    fn broke_off(&mut self) {
        if self.open.take().is_some_and(|open| open.since.elapsed().as_millis() >= LASTING_MS) {
            self.failures = 0;
        }
        // An event that was cut will come whole.
        let last_id = self.reader.last_id().map(str::to_owned);
        self.reader = SseReader::new(self.client.options().answer_bytes_max, last_id);
        let cut = Err(Trouble { kind: TroubleKind::BrokenOff, problem: String::new() });
        self.wait_after(&cut);
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let connecting = self.connecting.get_or_insert_with(|| {
            let (client, target) = (self.client.clone(), self.target.clone());
            let last_id = self.reader.last_id().map(str::to_owned);
            let tried = async move {
                client.transport().stream(target.as_str(), last_id.as_deref(), client.options()).await
            };
            Connecting { tried: Box::pin(tried), begun: Instant::now() }
        });
        let tried = connecting.tried.as_mut().await;
        let took_ms = u64::try_from(connecting.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.connecting = None;
        let options = self.client.options();
        let tried: Result<Answer, Trouble> = match tried {
            Ok(StreamHead::Open(body)) => {
                self.open = Some(Open { body, since: Instant::now() });
                self.away_ms = 0;
                if mem::replace(&mut self.was_open, true) {
                    self.ready.push_back(Fed::Back);
                }
                return Ok(());
            }
            Ok(StreamHead::Other(answer)) => Ok(answer),
            Err(trouble) => Err(trouble),
        };
        self.away_ms = self.away_ms.saturating_add(took_ms);
        // A stream that was there is given the time of a restart; one that never was, the tries of any request.
        let tries_left = self.was_open || self.failures + 1 < options.retry.max_attempts;
        let again = tries_left && may_change(&tried, Repeat::Harmless);
        if again && self.wait_after(&tried) && self.away_ms < self.client.options().reconnect_ms_max {
            return Ok(());
        }
        self.waiting = None;
        Err(self.failed(tried))
    }

    /// Begins to wait for the next try, if that is not too long.
    fn wait_after(&mut self, tried: &Result<Answer, Trouble>) -> bool {
        self.failures = self.failures.saturating_add(1);
        let options = self.client.options();
        let Some(wait_ms) = pause_ms(options, tried, self.failures, (options.chance.jitter)()) else {
            return false;
        };
        self.away_ms = self.away_ms.saturating_add(wait_ms);
        self.waiting = Some((options.chance.wait)(wait_ms));
        true
    }

    fn failed(&self, tried: Result<Answer, Trouble>) -> ClientError {
        let options = self.client.options();
        match tried {
            Ok(answer) if answer.status.is_success() => {
                self.asked.not_a_host(format!("{} with no stream of events", answer.status))
            }
            Ok(answer) => self.asked.refused(&answer),
            Err(trouble) => self.asked.failed(trouble, options.answer_ms, options.answer_bytes_max, false),
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Feed");
        shown.field("target", &self.target).field("is_open", &self.open.is_some());
        shown.finish_non_exhaustive()
    }
}
