//! When a receiver does not take what it is sent.

use super::{GRANTED, Notice, Webhook};
use crate::api::{echo, ended, enqueue};
use crate::host::{TestHost, envelope};
use crate::http::Http;
use crate::services::COMPANY;
use serde_json::json;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

/// A receiver that answers its first post only when it is told what to answer, and takes all others at once.
fn hanging() -> (Webhook, Sender<u16>) {
    let (told, tell) = channel();
    let tell = Mutex::new(tell);
    let webhook = Webhook::start(move |post| match post {
        // A test that is over lets go of it.
        0 => tell.lock().expect("nobody panics with it").recv().unwrap_or(204),
        _ => 204,
    });
    (webhook, told)
}

/// A request that is not taken: some JSON that ends too early.
#[track_caller]
fn reject(http: &Http, count: usize) {
    let mut connection = http.connect();
    let body = r#"{"envelope": "#;
    for _ in 0..count {
        connection.send(&http.head("POST", "/v1/tasks", &[("content-type", "application/json")], body.len()));
        connection.send(body.as_bytes());
        connection.answer().is(400);
    }
}

#[test]
fn what_is_not_taken_is_posted_again_as_it_was() {
    let (host, webhook) = (TestHost::new(), Webhook::start(|post| if post < 2 { 500 } else { 202 }));
    let serving = host.serve(&webhook.settings(&["rejected"]));
    reject(&serving.http(), 1);
    let posts: [Notice; 3] = std::array::from_fn(|_| webhook.next());
    assert!(posts.iter().all(|post| post.id == posts[0].id && post.text == posts[0].text), "{posts:#?}");
    // Taken, it is not posted again: the next is another.
    reject(&serving.http(), 1);
    let other = webhook.next();
    assert_ne!(other.id, posts[0].id);
    assert_eq!(other.body["missed"], json!(null));
    let stderr = serving.stop();
    assert_eq!(stderr.matches("posting a notice to the webhook failed").count(), 1, "{stderr}");
    assert!(stderr.contains("it answered 500 Internal Server Error, expected a 2xx"), "{stderr}");
    assert!(!stderr.contains("/hooks/"), "where it is posted is a secret: {stderr}");
}

/// With the authorities that the system trusts.
#[test]
fn it_is_posted_over_tls() {
    let (host, webhook) = (TestHost::new(), Webhook::over_tls());
    host.write("authorities.pem", &COMPANY.pem).settings(&webhook.settings(&["rejected"]));
    let authorities = host.path("authorities.pem");
    let trusted = [("SSL_CERT_FILE", authorities.to_str().expect("text"))];
    let serving = host.serve_with("mainworker.toml", "127.0.0.1:0", &trusted);
    reject(&serving.http(), 1);
    webhook.next().is("envelope-rejected", "malformed_json");
    serving.stop();
}

#[test]
fn a_receiver_that_hangs_holds_up_nobody() {
    let (host, (webhook, told)) = (TestHost::new(), hanging());
    let serving = host.serve(&webhook.settings(&["rejected"]));
    let http = serving.http();
    reject(&http, 1);
    webhook.next();
    for n in 0..20 {
        let id = enqueue(&http, &echo(json!({ "n": n })));
        assert_eq!(ended(&http, &id)["result"], json!({ "n": n }));
        reject(&http, 1);
    }
    // Nor does it hold up the end.
    serving.stop();
    drop(told);
}

/// One that is never taken keeps none of the others.
#[test]
fn a_notice_that_is_not_taken_holds_up_no_other() {
    let (host, (webhook, told)) = (TestHost::new(), hanging());
    let serving = host.serve(&webhook.settings(&["rejected"]));
    let http = serving.http();
    reject(&http, 1);
    let first = webhook.next().id;
    reject(&http, 3);
    for _ in 0..3 {
        assert_ne!(webhook.next().id, first);
    }
    serving.stop();
    drop(told);
}

/// So many are posted at a time, and a thousand more wait. Nobody waits for room; how many found none is said with the next.
#[test]
fn what_finds_no_room_is_counted() {
    const AT_A_TIME: usize = 32;
    let (opened, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let webhook = Webhook::start(move |_| {
        // Nobody sends: all go on when the other end is gone.
        let _ = gate.lock().expect("nobody panics with it").recv();
        204
    });
    let host = TestHost::new();
    let serving = host.serve(&webhook.settings(&["rejected"]));
    let http = serving.http();
    reject(&http, AT_A_TIME);
    for _ in 0..AT_A_TIME {
        assert_eq!(webhook.next().body["missed"], json!(null));
    }
    reject(&http, 1_010);
    drop(opened);
    let missed = std::iter::from_fn(|| Some(webhook.next())).find(|notice| !notice.body["missed"].is_null());
    assert_eq!(missed.expect("it is told").body["missed"], json!(10));
    serving.stop();
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_more() {
    let (host, (webhook, told)) = (TestHost::new(), hanging());
    let serving = host.serve(&webhook.settings(&["rejected"]));
    let http = serving.http();
    reject(&http, 1);
    webhook.next();
    told.send(410).expect("it waits");
    // The host takes tasks all the same.
    let mut request = json!({ "envelope": envelope("echo", "api", json!({ "n": 1 })) });
    request["envelope"]["configuration"] = json!({ "secret": GRANTED });
    let id = enqueue(&http, &request);
    assert_eq!(ended(&http, &id)["state"], "completed");
    reject(&http, 1);
    let stderr = serving.stop();
    assert!(stderr.contains("the webhook answers 410 Gone"), "{stderr}");
    assert!(webhook.posts.try_recv().is_err(), "it got another");
}

#[test]
fn a_receiver_that_is_away_holds_up_nobody() {
    let (host, webhook) = (TestHost::new(), Webhook::start(|_| 204));
    let settings = webhook.settings(&["rejected"]);
    let settings = settings.replace(webhook.service.authority(), crate::services::NOBODY);
    let serving = host.serve(&settings);
    let http = serving.http();
    reject(&http, 3);
    let id = enqueue(&http, &echo(json!({ "n": 1 })));
    assert_eq!(ended(&http, &id)["state"], "completed");
    let stderr = serving.stop();
    assert!(!stderr.contains("/hooks/") && !stderr.contains("panicked"), "{stderr}");
}
