//! Somebody is told: what went wrong for good is posted to a webhook.
//!
//! By the rules of Standard Webhooks (standardwebhooks.com): the headers `webhook-id`, `webhook-timestamp` and
//! `webhook-signature`, which is `v1,` and the Base64 of the HMAC-SHA256 of `ID.TIMESTAMP.BODY`. A notice is posted until a
//! 2xx comes back, with growing waits, and then given up; an id is posted again as it was, so that the receiver can tell.
//!
//! Nothing ever waits for a notice: where they happen they are put aside, and what finds no room is counted and told with
//! the next. They are not kept over a restart; the store is what knows.

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

/// Which notice an event is, if it is one.
pub fn notice_of(event: &Event) -> Option<Notice> {
    match event {
        Event::EnvelopeRejected { .. } => Some(Notice::Rejected),
        Event::AttemptEnded { state: State::Failed, .. }
        | Event::TaskChanged { state: State::Failed, .. } => Some(Notice::Failed),
        Event::AttemptEnded { outcome: Outcome::HostError, .. } | Event::HostError { .. } => {
            Some(Notice::HostError)
        }
        _ => None,
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
            let wanted = notice_of(&stamped.event).is_some_and(|notice| self.on.contains(&notice));
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
    /// Posts one notice after the other, until nobody can make one any more.
    pub async fn run(mut self) {
        while let Some(stamped) = self.waiting.recv().await {
            let missed = self.missed.swap(0, Ordering::Relaxed);
            let id = format!("msg_{}", Uuid::now_v7().simple());
            let mut body = stamped.to_json();
            body["host"] = json!(self.host);
            if missed > 0 {
                body["missed"] = json!(missed);
            }
            self.deliver(&id, Bytes::from(body.to_string())).await;
        }
    }

    async fn deliver(&self, id: &str, body: Bytes) {
        let mut wait = FIRST_WAIT;
        for post in 1..=POSTS_MAX {
            let problem = match timeout(POST_TIME, self.post(id, body.clone())).await {
                Ok(Ok(())) => return,
                Ok(Err(problem)) => problem,
                Err(_) => format!("no answer within {} s", POST_TIME.as_secs()),
            };
            // The first one is for whoever looks at the log now; the rest say nothing new.
            if post == 1 {
                tracing::warn!(problem, "posting a notice to the webhook failed, trying again");
            }
            if post == POSTS_MAX {
                tracing::error!(problem, "posting a notice to the webhook was given up");
                return;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn post(&self, id: &str, body: Bytes) -> Result<(), String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("mainworker/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature(&self.secret, id, now, &body))
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        // What the receiver answers besides its status is not read: it could be without end.
        let response = self.client.request(request).await.map_err(|error| with_causes(&error))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err("it answered 410 Gone".to_owned()),
            status => Err(format!("it answered {status}, expected a 2xx")),
        }
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
        // A webhook's URL is often a secret itself.
        f.debug_struct("Notifier").field("webhook", &self.url.authority()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
