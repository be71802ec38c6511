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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Notices that wait for a receiver which does not answer.
const WAITING_MAX: usize = 1_000;
/// Notices that are posted, or tried again, at a time: one that is never taken keeps none of the others.
const UNDER_WAY_MAX: usize = 32;
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
            matches!(
                event,
                Event::AttemptEnded { outcome: Outcome::HostError, .. }
                    | Event::HostError { .. }
                    | Event::ModuleRefused { .. }
            )
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
    webhook: Arc<Webhook>,
    /// Each with how many it says were missed before it.
    under_way: JoinSet<(Delivery, u64)>,
}

/// Where notices are posted.
struct Webhook {
    /// Whether the last post was not taken.
    is_failing: AtomicBool,
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
    let webhook = Webhook {
        is_failing: AtomicBool::new(false),
        url: settings.webhook.clone(),
        secret: settings.secret.clone(),
        host: host.to_owned(),
        // A connection for each post: notices are rare, and one that was kept has mostly been closed by the other side.
        client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector),
    };
    Ok((
        notices,
        Notifier { waiting: receiver, missed, webhook: Arc::new(webhook), under_way: JoinSet::new() },
    ))
}

impl Notifier {
    /// Posts notices, until nobody can make one any more or the receiver wants none. One that is not taken is tried again
    /// beside the others.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                Some(ended) = self.under_way.join_next() => match ended {
                    Ok((Delivery::Taken, _)) | Err(_) => {}
                    Ok((Delivery::GivenUp, missed)) => {
                        self.missed.fetch_add(missed + 1, Ordering::Relaxed);
                    }
                    Ok((Delivery::Unwanted, _)) => {
                        tracing::error!("the webhook answers 410 Gone: no notice is posted until the host starts again");
                        return;
                    }
                },
                stamped = self.waiting.recv(), if self.under_way.len() < UNDER_WAY_MAX => match stamped {
                    Some(stamped) => {
                        let missed = self.missed.swap(0, Ordering::Relaxed);
                        let (id, body) = self.webhook.notice(&stamped, missed);
                        let webhook = Arc::clone(&self.webhook);
                        self.under_way.spawn(async move { (webhook.deliver(&id, body).await, missed) });
                    }
                    None => return,
                },
            }
        }
    }
}

impl Drop for Notifier {
    /// With the host, however it ends: nothing is kept of what was not posted.
    fn drop(&mut self) {
        let count = self.under_way.len() + self.waiting.len();
        if count > 0 {
            tracing::warn!(count, "some notices were not posted, and are gone");
        }
    }
}

impl Webhook {
    fn notice(&self, stamped: &Stamped, missed: u64) -> (String, Bytes) {
        let mut body = stamped.to_json();
        body["host"] = json!(self.host);
        if missed > 0 {
            body["missed"] = json!(missed);
        }
        (format!("msg_{}", Uuid::now_v7().simple()), Bytes::from(body.to_string()))
    }

    async fn deliver(&self, id: &str, body: Bytes) -> Delivery {
        let mut wait = FIRST_WAIT;
        for post in 1..=POSTS_MAX {
            let problem = match timeout(POST_TIME, self.post(id, body.clone())).await {
                Ok(Posted::Taken) => {
                    if self.is_failing.swap(false, Ordering::Relaxed) {
                        tracing::warn!("the webhook takes notices again");
                    }
                    return Delivery::Taken;
                }
                Ok(Posted::Unwanted) => return Delivery::Unwanted,
                Ok(Posted::NotTaken(problem)) => problem,
                Err(_) => format!("no answer within {} s", POST_TIME.as_secs()),
            };
            // The first one is for whoever looks at the log now; the rest say nothing new.
            if !self.is_failing.swap(true, Ordering::Relaxed) {
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
        // The machine's clock: receivers compare it with theirs, to tell old posts.
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
        f.debug_struct("Notifier").field("webhook", &self.webhook.url.host()).finish_non_exhaustive()
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
