//! Somebody is told: what went wrong for good is posted to a webhook.
//!
//! By the rules of Standard Webhooks (standardwebhooks.com): the headers `webhook-id`, `webhook-timestamp` and
//! `webhook-signature`, which is `v1,` and the Base64 of the HMAC-SHA256 of `ID.TIMESTAMP.BODY`. A notice is posted until a
//! 2xx comes back, with growing waits, and then given up; an id is posted again as it was, so that the receiver can tell. A
//! receiver that answers 410 wants no more, and gets none until the host starts again.
//!
//! The body is the event as [`Stamped::to_json`] writes it, with `host`, who this is, and, if some notices before it did not
//! come through, `missed`, how many.
//!
//! Nothing ever waits for a notice: where they happen they are put aside, and what finds no room, or is given up, is counted
//! and told with the next. They are not kept over a restart; the store is what knows.

use crate::events::{Observer, Stamped};
use crate::settings::{Notice, NotifySettings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mainworker_domain::event::Event;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::json;
use sha2::Sha256;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Notices that wait for a receiver which does not answer.
const WAITING_MAX: usize = 1_000;
/// How long one post may take.
const POST_TIME: Duration = Duration::from_secs(10);
/// The wait after the first post that failed; doubled after each.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two posts.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Posts of one notice: with the waits about an hour, longer than most outages that nobody else notices.
const POSTS_MAX: u32 = 20;

/// Whether an event is a notice of this kind. It may be of two: a task that failed for good by a trouble of the host.
pub fn is_about(event: &Event, notice: Notice) -> bool {
    match notice {
        Notice::Rejected => matches!(event, Event::EnvelopeRejected { .. }),
        Notice::Failed => matches!(
            event,
            Event::AttemptEnded { state: State::Failed, .. }
                | Event::TaskChanged { state: State::Failed, .. }
        ),
        Notice::HostError => {
            matches!(event, Event::AttemptEnded { outcome: Outcome::HostError, .. } | Event::HostError { .. })
        }
    }
}

/// Puts notices aside for the [`Notifier`].
pub struct Notices {
    on: Vec<Notice>,
    waiting: Sender<Stamped>,
    missed: Arc<AtomicU64>,
}

impl Notices {
    /// Sees each event and never waits.
    pub fn observer(self) -> Observer {
        Box::new(move |stamped| {
            let wanted = self.on.iter().any(|&notice| is_about(&stamped.event, notice));
            if wanted && self.waiting.try_send(stamped.clone()).is_err() {
                self.missed.fetch_add(1, Ordering::Relaxed);
            }
        })
    }
}

/// Posts notices.
pub struct Notifier {
    waiting: Receiver<Stamped>,
    missed: Arc<AtomicU64>,
    url: http::Uri,
    secret: SecretSlice<u8>,
    host: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// The receiver has it.
    Taken,
    /// It was posted often enough.
    GivenUp,
    /// The receiver wants neither this one nor any other.
    Unwanted,
}

/// What one post brought.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Posted {
    Taken,
    Unwanted,
    /// Nothing that is an end: why.
    NotTaken(String),
}

/// Both ends of the way from an event to the webhook.
///
/// # Errors
/// Certificate authorities of the system that cannot be read.
pub fn notifier(settings: &NotifySettings, host: &str) -> io::Result<(Notices, Notifier)> {
    let (sender, receiver) = channel(WAITING_MAX);
    let missed = Arc::new(AtomicU64::new(0));
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(Arc::new(rustls::crypto::ring::default_provider()))?
        .https_or_http()
        .enable_http1()
        .build();
    let notices = Notices { on: settings.on.clone(), waiting: sender, missed: Arc::clone(&missed) };
    let notifier = Notifier {
        waiting: receiver,
        missed,
        url: settings.webhook.clone(),
        secret: settings.secret.clone(),
        host: host.to_owned(),
        client: Client::builder(TokioExecutor::new()).build(connector),
    };
    Ok((notices, notifier))
}

impl Notifier {
    /// Posts one notice after the other, until nobody can make one any more or the receiver wants none.
    pub async fn run(mut self) {
        while let Some(stamped) = self.waiting.recv().await {
            let missed = self.missed.swap(0, Ordering::Relaxed);
            let id = format!("msg_{}", Uuid::now_v7().simple());
            let mut body = stamped.to_json();
            body["host"] = json!(self.host);
            if missed > 0 {
                body["missed"] = json!(missed);
            }
            match self.deliver(&id, Bytes::from(body.to_string())).await {
                Delivery::Taken => {}
                Delivery::GivenUp => {
                    self.missed.fetch_add(missed + 1, Ordering::Relaxed);
                }
                Delivery::Unwanted => {
                    tracing::error!(
                        "the webhook answers 410 Gone: no notice is posted until the host starts again"
                    );
                    return;
                }
            }
        }
    }

    async fn deliver(&self, id: &str, body: Bytes) -> Delivery {
        let mut wait = FIRST_WAIT;
        for post in 1..=POSTS_MAX {
            let problem = match timeout(POST_TIME, self.post(id, body.clone())).await {
                Ok(Posted::Taken) => return Delivery::Taken,
                Ok(Posted::Unwanted) => return Delivery::Unwanted,
                Ok(Posted::NotTaken(problem)) => problem,
                Err(_) => format!("no answer within {} s", POST_TIME.as_secs()),
            };
            // The first one is for whoever looks at the log now; the rest say nothing new.
            if post == 1 {
                tracing::warn!(problem, "posting a notice to the webhook failed, trying again");
            }
            if post == POSTS_MAX {
                tracing::error!(problem, "posting a notice to the webhook was given up");
                break;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Delivery::GivenUp
    }

    async fn post(&self, id: &str, body: Bytes) -> Posted {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("mainworker/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature(&self.secret, id, now, &body))
            .body(Full::new(body));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Posted::NotTaken(error.to_string()),
        };
        // What the receiver answers besides its status is not read: it could be without end.
        match self.client.request(request).await {
            Ok(response) => posted(response.status()),
            Err(error) => Posted::NotTaken(with_causes(&error)),
        }
    }
}

fn posted(status: StatusCode) -> Posted {
    match status {
        status if status.is_success() => Posted::Taken,
        StatusCode::GONE => Posted::Unwanted,
        status => Posted::NotTaken(format!("it answered {status}, expected a 2xx")),
    }
}

/// The signature of a post by the rules of Standard Webhooks.
pub fn signature(secret: &SecretSlice<u8>, id: &str, timestamp: u64, body: &[u8]) -> String {
    let Ok(mut mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(secret.expose_secret()) else {
        unreachable!("keys of HMAC may have any length")
    };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// hyper's errors say what happened only in what caused them.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A webhook's URL is often a secret itself: its path, its query, a user in it.
        f.debug_struct("Notifier").field("webhook", &self.url.host()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_domain::job_name::JobName;
    use mainworker_domain::lifecycle::Reason;
    use mainworker_domain::task_id::TaskId;

    #[test]
    fn a_post_is_signed_as_the_standard_says() {
        // The example of the specification.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &secret.into(),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_task_that_failed_for_good_by_the_host_is_two_kinds_of_notice() {
        let ended = |outcome, state| Event::AttemptEnded {
            task_id: TaskId::from_bytes([7; 16]),
            job: JobName::parse("echo").unwrap(),
            attempt: 1,
            outcome,
            code: None,
            message: None,
            wait_ms: 0,
            run_ms: 0,
            state,
            reason: Reason::RetryByPolicy,
        };
        let kinds = |event: &Event| -> Vec<&str> {
            Notice::ALL.into_iter().filter(|&it| is_about(event, it)).map(Notice::as_str).collect()
        };
        for (outcome, state, expected) in [
            (Outcome::HostError, State::Failed, &["failed", "host-error"][..]),
            (Outcome::HostError, State::Queued, &["host-error"]),
            (Outcome::Trapped, State::Failed, &["failed"]),
            (Outcome::Trapped, State::Queued, &[]),
            (Outcome::Completed, State::Completed, &[]),
            (Outcome::Cancelled, State::Cancelled, &[]),
        ] {
            assert_eq!(kinds(&ended(outcome, state)), expected, "{outcome:?} {state:?}");
        }
    }

    #[test]
    fn only_a_2xx_takes_a_notice_and_only_a_410_ends_them() {
        for taken in [200, 202, 204] {
            assert_eq!(posted(StatusCode::from_u16(taken).unwrap()), Posted::Taken, "{taken}");
        }
        assert_eq!(posted(StatusCode::GONE), Posted::Unwanted);
        for again in [301, 400, 401, 404, 429, 500, 503] {
            let posted = posted(StatusCode::from_u16(again).unwrap());
            assert!(matches!(posted, Posted::NotTaken(_)), "{again}");
        }
    }
}
