//! Credentials that are not good: tried, forged, worn out. Each is told without a word of what was shown.

use super::{echo, enqueue, shown};
use crate::host::{CANARY, TestHost};
use crate::http::Http;
use crate::serving::Serving;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const ADMIN: &str = "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\", \"admin\"]";

/// A token of the store: its id and all of it.
#[track_caller]
fn create(serving: &Serving<'_>, request: &Value) -> (String, String) {
    let made = serving.http().post("/v1/tokens", request).is(201).json();
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

fn with(serving: &Serving<'_>, token: &str) -> Http {
    Http::new(serving.address()).with_token(token)
}

/// Whoever shows these headers is nobody, and what the answer says of it has nothing of them in it.
#[track_caller]
fn is_nobody(serving: &Serving<'_>, headers: &[(&str, &str)]) {
    let answer = Http::new(serving.address()).ask("GET", "/v1/tasks", headers, "");
    answer.is_problem(401, "unauthenticated");
    for (_, value) in headers {
        let secret = value.rsplit(['_', ' ']).next().unwrap_or_default();
        assert!(secret.len() < 8 || !answer.body.contains(secret), "{}", answer.body);
    }
}

#[test]
fn what_only_looks_like_a_token_is_none() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let read = |source: &str| json!({ "source": source, "roles": ["read"] });
    let (id, token) = create(&serving, &read("ci"));
    let (other_id, other) = create(&serving, &read("ops"));
    let secret = &token[16..];
    let other_secret = &other[16..];
    with(&serving, &token).get("/v1/tasks").is(200);
    let letter = secret.chars().find(char::is_ascii_lowercase).expect("it has letters");
    let full_width = char::from_u32(u32::from(letter) + 0xfee0).expect("a letter").to_string();
    let cyrillic = token.replacen('m', "м", 1);
    let look_alikes = [
        // Cut short, and longer.
        token[..token.len() - 1].to_owned(),
        token[..40].to_owned(),
        format!("{token}0"),
        format!("{token}{token}"),
        format!("mw_{id}_"),
        format!("mw_{id}"),
        id.clone(),
        secret.to_owned(),
        // Of two tokens.
        format!("mw_{other_id}_{secret}"),
        format!("mw_{id}_{other_secret}"),
        format!("mw_000000000000_{secret}"),
        // In other letters.
        token.to_uppercase(),
        token.replacen("mw_", "MW_", 1),
        token.replacen(letter, &letter.to_uppercase().to_string(), 1),
        token.replacen(letter, &full_width, 1),
        cyrillic,
        format!("{token}\u{200b}"),
        // Taken apart.
        format!("\"{token}\""),
        format!("{token},{other}"),
        format!("{token} {other}"),
        format!("{token}%20"),
        CANARY.to_uppercase(),
    ];
    for look_alike in &look_alikes {
        is_nobody(&serving, &[("authorization", &format!("Bearer {look_alike}"))]);
    }
    // Other schemes, other places, other numbers of headers.
    let bearer = format!("Bearer {token}");
    for header in
        [format!("Basic {token}"), token.clone(), format!("Bearer{token}"), format!("Token {token}")]
    {
        is_nobody(&serving, &[("authorization", &header)]);
    }
    is_nobody(&serving, &[("authorization", &bearer), ("authorization", &bearer)]);
    is_nobody(&serving, &[("authorization", "Bearer wrong"), ("authorization", &bearer)]);
    is_nobody(&serving, &[("proxy-authorization", &bearer)]);
    is_nobody(&serving, &[("x-authorization", &bearer), ("cookie", &format!("token={token}"))]);
    Http::new(serving.address())
        .get(&format!("/v1/tasks?access_token={token}"))
        .is_problem(401, "unauthenticated");
    // White space around a header is no part of it (RFC 9110 §5.5), and a scheme has no case (§11.1).
    for header in [format!("bearer {token}"), format!("Bearer   {token}"), format!("Bearer {token}  ")] {
        Http::new(serving.address()).ask("GET", "/v1/tasks", &[("authorization", &header)], "").is(200);
    }
    let stderr = serving.stop();
    for part in [secret, other_secret] {
        assert!(!stderr.contains(part), "{stderr}");
    }
}

#[test]
fn a_forged_source_is_refused_whatever_it_says() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let (_, token) = create(&serving, &json!({ "source": "ci", "roles": ["enqueue"] }));
    let ci = with(&serving, &token);
    for source in ["api", "scheduler", "operator", "job:echo", "CI", "ci ", "сi", "", "ci\u{0}"] {
        let mut request = echo(json!({}));
        request["envelope"]["source"] = json!(source);
        ci.post("/v1/tasks", &request).is_problem(403, "source_mismatch");
        let batch = json!({ "tasks": [request] });
        ci.post("/v1/tasks/batch", &batch).is_problem(403, "source_mismatch");
    }
    // Nor anywhere but in the envelope.
    let mut request = echo(json!({}));
    request["envelope"]["source"] = json!("ci");
    request["source"] = json!("api");
    ci.post("/v1/tasks", &request).is_problem(400, "unknown_field");
    request.as_object_mut().expect("an object").remove("source");
    let id = enqueue(&ci, &request);
    assert_eq!(ci.get(&format!("/v1/tasks/{id}")).is(200).json()["source"], "ci");
    assert_eq!(serving.http().get("/v1/tasks").is(200).json()["tasks"].as_array().map(Vec::len), Some(1));
    serving.stop();
}

#[test]
fn each_failure_is_told_without_what_was_shown() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let http = serving.http();
    let (revoked, revoked_token) = create(&serving, &json!({ "source": "ci", "roles": ["read"] }));
    http.post(&format!("/v1/tokens/{revoked}/revoke"), &json!({})).is(200);
    let soon = json!({ "source": "ci", "roles": ["read"], "expiresAt": in_a_second() });
    let (expired, expired_token) = create(&serving, &soon);
    let ends = Instant::now() + Duration::from_secs(30);
    while with(&serving, &expired_token).get("/v1/tasks").status == 200 {
        assert!(Instant::now() < ends, "it never ends");
        thread::sleep(Duration::from_millis(50));
    }
    let mut events = http.follow("/v1/events?kind=credential-refused", &[]);
    // With the canary in it, for which answers, events, stderr and all files are searched.
    let guessed = &format!("{CANARY}-guessed");
    let almost = format!("{}x", &revoked_token[..revoked_token.len() - 1]);
    for (header, why, token) in [
        (format!("Bearer {guessed}"), "wrong", Value::Null),
        (format!("Bearer {almost}"), "wrong", Value::Null),
        (format!("Basic {guessed}"), "not-bearer", Value::Null),
        (format!("Bearer {revoked_token}"), "revoked", json!(revoked)),
        (format!("Bearer {expired_token}"), "expired", json!(expired)),
    ] {
        Http::new(serving.address()).ask("GET", "/v1/stats", &[("authorization", &header)], "").is(401);
        let event = events.expect("credential-refused");
        assert_eq!(
            (&event["why"], &event["address"], &event["token"]),
            (&json!(why), &json!("127.0.0.1"), &token)
        );
        assert!(event["at"].is_string());
    }
    // Whoever shows nothing has tried nothing.
    serving.http().without_token().get("/v1/stats").is(401);
    let figures = http.get("/metrics").is(200).body;
    for line in ["{why=\"wrong\"} 2", "{why=\"not-bearer\"} 1", "{why=\"revoked\"} 1"] {
        assert!(
            figures.contains(&format!("mainworker_credentials_refused_total{line}")),
            "{line}: {figures}"
        );
    }
    assert!(!figures.contains("missing"), "{figures}");
    drop(events);
    let stderr = serving.stop();
    let lines = stderr.lines().filter(|line| line.contains("a credential was refused")).count();
    assert_eq!(lines, 1, "not one line for each: {stderr}");
    for secret in [guessed.as_str(), &revoked_token[16..], &expired_token[16..]] {
        assert!(!stderr.contains(secret) && !figures.contains(secret), "{stderr}");
    }
}

fn in_a_second() -> String {
    let now = mainworker_domain::lifecycle::Timestamp::from(std::time::SystemTime::now());
    now.after_ms(1_000).to_string()
}

#[test]
fn whoever_tries_too_often_is_held_up_and_nobody_else() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let wrong = with(&serving, "wrong");
    let answers: Vec<u16> = (0..110).map(|_| wrong.get("/v1/tasks").status).collect();
    assert_eq!(
        answers.iter().position(|status| *status == 429).map(|first| first >= 100),
        Some(true),
        "{answers:?}"
    );
    assert!(answers.iter().all(|status| matches!(status, 401 | 429)), "{answers:?}");
    let held_up = until_429(&wrong);
    insta::assert_snapshot!(shown(&held_up), @r"
    429 too_many_failures
      the credential is not good, and neither were too many before it
      hint: look which service still has an old token: `mainworker token list` says which ones are good
    ");
    // From the same address.
    for _ in 0..50 {
        serving.http().get("/v1/tasks").is(200);
    }
    enqueue(&serving.http(), &echo(json!({})));
    serving.http().without_token().get("/v1/tasks").is_problem(401, "unauthenticated");
    // A bucket that was emptied fills again.
    let ends = Instant::now() + Duration::from_secs(30);
    while wrong.get("/v1/tasks").status == 429 {
        assert!(Instant::now() < ends, "it is held up for ever");
        thread::sleep(Duration::from_millis(100));
    }
    // The command says that it is the credential.
    while wrong.get("/v1/tasks").status != 429 {}
    let failed = host
        .mainworker(&["stats", "--host", &format!("http://{}", serving.address()), "--token", "wrong"])
        .finish()
        .exits(6);
    assert!(failed.stderr().contains("error[unauthenticated]"), "{}", failed.stderr());
    serving.stop();
}

/// The problem of a request that is held up; another failure in between may have found room.
fn until_429(wrong: &Http) -> Value {
    loop {
        let answer = wrong.get("/v1/tasks");
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("a wait");
            assert!((1..=2).contains(&wait), "{wait}");
            return answer.is_problem(429, "too_many_failures");
        }
    }
}
