//! `[notify]`: a receiver of the tests' own gets what went wrong, signed, until it takes it.
//!
//! The receiver verifies each post as the rules of Standard Webhooks say, with a secret of its own, and searches it for
//! everything that nobody is to be told.

/// When a receiver does not take what it is sent.
mod receivers;
/// `[notify]` that cannot be meant.
mod settings;
/// What is told, and what not.
mod told;

use crate::host::CANARY;
use crate::services::{COMPANY, Received, Service, answer};
use crate::serving::ALL_ROLES;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

/// Longer than any notice takes, waits between two posts included, and the end of a test that gets none.
const PATIENCE: Duration = Duration::from_secs(100);
/// Seconds that the clock of a post may be off: what receivers are told to allow.
const TOLERANCE_SECONDS: u64 = 300;
/// The secret of the receivers, and how the settings say it.
const SECRET: &[u8; 32] = b"of the receiver and of nobody el";
/// A secret configuration value.
const GRANTED: &str = "granted-7d21b0c4e8";

/// What a service answers.
type Answering = dyn Fn(&Received) -> Vec<u8> + Send + Sync;

/// A receiver of notices.
struct Webhook {
    service: Service,
    posts: Receiver<Received>,
}

/// A notice as it was posted, with a good signature.
#[derive(Debug)]
struct Notice {
    id: String,
    body: Value,
    text: String,
}

impl Webhook {
    /// One that answers its first post, its second and so on with the status that `status` gives. Its path is a secret.
    fn start(status: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        Self::of(Service::start, status)
    }

    /// The company's own, over TLS.
    fn over_tls() -> Self {
        Self::of(|answer| Service::over_tls(&COMPANY, answer), |_| 204)
    }

    fn of(
        start: impl FnOnce(Box<Answering>) -> Service,
        status: impl Fn(usize) -> u16 + Send + Sync + 'static,
    ) -> Self {
        let (sender, posts) = channel();
        let (sender, count) = (Mutex::new(sender), AtomicUsize::new(0));
        let service = start(Box::new(move |received| {
            // A test that has seen enough is gone.
            let _ = sender.lock().expect("nobody panics with it").send(received.clone());
            answer(status(count.fetch_add(1, Ordering::Relaxed)), "", "")
        }));
        Self { service, posts }
    }

    fn url(&self) -> String {
        format!("{}/hooks/{CANARY}", self.service.origin())
    }

    /// Settings of a host that tells it of these.
    fn settings(&self, on: &[&str]) -> String {
        format!(
            "{ALL_ROLES}\n[notify]\nwebhook = \"{}\"\nsecret = \"{}\"\non = {on:?}\n",
            self.url(),
            whsec(SECRET)
        )
    }

    /// The next notice.
    #[track_caller]
    fn next(&self) -> Notice {
        let received = self.posts.recv_timeout(PATIENCE).expect("a notice is posted");
        verified(&received)
    }
}

fn whsec(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// Checks a post as a receiver would, and that nobody's secret is in it.
#[track_caller]
fn verified(received: &Received) -> Notice {
    assert_eq!(received.line(), format!("POST /hooks/{CANARY}"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert!(received.header("user-agent").is_some_and(|agent| agent.starts_with("mainworker/")));
    let header = |name: &str| received.header(name).unwrap_or_else(|| panic!("no `{name}`: {received:?}"));
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));

    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length is good");
    mac.update(format!("{id}.{timestamp}.{}", received.body).as_bytes());
    let signature = header("webhook-signature").strip_prefix("v1,").expect("the only version there is");
    let signature = STANDARD.decode(signature).expect("it is Base64");
    mac.verify_slice(&signature).expect("the signature is that of the secret");

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_secs();
    let sent: u64 = timestamp.parse().expect("seconds");
    assert!(sent.abs_diff(now) < TOLERANCE_SECONDS, "posted at {sent}, it is {now}");

    // The path is the only place of a secret.
    let text = received.text().replace(&format!("/hooks/{CANARY}"), "");
    let secret = STANDARD.encode(SECRET);
    for secret in [CANARY, GRANTED, &secret, &STANDARD.encode(CANARY), &STANDARD.encode(GRANTED)] {
        assert!(!text.contains(secret), "a secret: {text}");
    }
    Notice { id: id.to_owned(), body: received.json(), text: received.body.clone() }
}

impl Notice {
    /// Its fields by name.
    fn fields(&self) -> String {
        self.body.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn is(&self, kind: &str, code: &str) {
        assert_eq!(
            (self.body["kind"].as_str(), self.body["code"].as_str()),
            (Some(kind), Some(code)),
            "{self:?}"
        );
    }
}
