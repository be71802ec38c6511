//! `serve --dev --clock T`: one clock for all of a host, and nobody who takes it for the time.

use crate::api::{ended, enqueue, probe};
use crate::host::TestHost;
use crate::http::Http;
use crate::serving::Serving;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const SETTINGS: &str =
    "server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"operate\", \"admin\"]";
/// Half a minute before the clocks of Europe go forward, in a year that no machine shows.
const BEGIN: &str = "2131-03-25T00:59:30Z";
/// All that a test does is within this quarter of an hour.
const QUARTER: [&str; 2] = ["2131-03-25T00:59:30", "2131-03-25T01:14:30"];
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn serve(host: &TestHost) -> Serving<'_> {
    host.settings(SETTINGS);
    host.serve_by("mainworker.toml", "127.0.0.1:0", &[], &["--clock", BEGIN])
}

#[track_caller]
fn is_within(moment: &Value) {
    let moment = moment.as_str().expect("a time");
    assert!((QUARTER[0]..QUARTER[1]).contains(&moment), "{moment} is not by the host's clock");
}

/// Asks until the answer is as it should be.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let ends = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < ends, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn everything_goes_by_it() {
    let host = TestHost::with_probes(json!({}));
    let serving = serve(&host);
    let http = serving.http();
    let mut events = http.follow("/v1/events", &[]);

    // A task, and the clock of the job.
    let id = enqueue(&http, &probe(json!({ "probe": "reads_clock" })));
    let task = ended(&http, &id);
    let attempt = &task["attempts"][0];
    for moment in [&task["createdAt"], &task["startedAt"], &task["finishedAt"], &attempt["startedAt"]] {
        is_within(moment);
    }
    let seconds = task["result"]["unixSeconds"].as_i64().expect("a number");
    is_within(&json!(mainworker_domain::lifecycle::Timestamp::from_ms(seconds * 1_000).to_string()));
    while let Some(event) = events.next() {
        let data: Value = serde_json::from_str(&event.data).expect("JSON");
        if event.kind == "attempt-ended" {
            is_within(&data["at"]);
            break;
        }
    }

    // What is due and what has expired.
    let mut late = probe(json!({ "probe": "completes" }));
    late["options"] = json!({ "expiresAt": "2131-03-25T00:59:29Z" });
    http.post("/v1/tasks", &late).is_problem(422, "options_invalid");
    http.post("/v1/pause", &json!({})).is(200);
    let began = Instant::now();
    let stats = http.get("/v1/stats").is(200).json();
    let now = mainworker_domain::lifecycle::Timestamp::parse(stats["now"].as_str().expect("a time"));
    let expires_at = now.expect("a time").after_ms(1_000).to_string();
    late["options"] = json!({ "expiresAt": expires_at });
    let id = enqueue(&http, &late);
    until("it never expires", || http.get(&format!("/v1/tasks/{id}")).is(200).json()["state"] == "expired");
    assert!(began.elapsed() >= Duration::from_millis(900), "the clock runs faster than time");

    // Tokens.
    let asked = |expires_at: &str| json!({ "source": "ci", "roles": ["read"], "expiresAt": expires_at });
    http.post("/v1/tokens", &asked("2131-03-25T00:59:29Z")).is_problem(422, "token_invalid");
    let stats = http.get("/v1/stats").is(200).json();
    let now = mainworker_domain::lifecycle::Timestamp::parse(stats["now"].as_str().expect("a time"));
    let made = http.post("/v1/tokens", &asked(&now.expect("a time").after_ms(3_000).to_string())).is(201);
    let ci = Http::new(serving.address()).with_token(made.json()["token"].as_str().expect("a token"));
    ci.get("/v1/tasks").is(200);
    until("the token never ends", || ci.get("/v1/tasks").status == 401);
    is_within(&http.get("/v1/audit").is(200).json()["entries"][0]["at"]);
    serving.stop();
}

#[test]
fn nobody_takes_it_for_another_host() {
    let host = TestHost::new();
    let serving = serve(&host);
    let stats = serving.http().get("/v1/stats").is(200).json();
    assert_eq!(stats["dev"], json!({ "clock": "2131-03-25T00:59:30.000Z" }));
    is_within(&stats["startedAt"]);
    is_within(&stats["now"]);
    let shown = serving.command(&["stats"]).finish().exits(0);
    let line = shown.stdout().lines().find(|line| line.starts_with("development"));
    assert!(
        line.is_some_and(|line| line.contains("its clock was set to 2131-03-25T00:59:30.000Z")),
        "{line:?}"
    );
    let stderr = serving.stop();
    assert!(stderr.contains("for trying things out (`--dev`)") && stderr.contains("`--clock`"), "{stderr}");
    assert!(stderr.contains("2131-03-25T00:59:30.000Z"), "{stderr}");

    let serving = host.serve(SETTINGS);
    assert_eq!(serving.http().get("/v1/stats").is(200).json()["dev"], json!({ "clock": null }));
    let stderr = serving.stop();
    assert!(stderr.contains("(`--dev`)") && !stderr.contains("--clock"), "{stderr}");

    let serving = host.serve_deployed(SETTINGS);
    assert_eq!(serving.http().get("/v1/stats").is(200).json()["dev"], Value::Null);
    let shown = serving.command(&["stats"]).finish().exits(0);
    assert!(!shown.stdout().contains("development"), "{}", shown.stdout());
    assert!(!serving.stop().contains("--dev"));
}

#[test]
fn only_two_flags_together_set_it() {
    let host = TestHost::new();
    host.settings(SETTINGS);
    for flags in [
        &["--clock", BEGIN][..],
        &["--dev", "--clock", "tomorrow"],
        &["--dev", "--clock", "2131-03-25"],
        &["--dev", "--clock"],
    ] {
        let args = [&["serve", "--data", "data"], flags].concat();
        host.mainworker(&args).finish().exits(2);
    }
    for key in ["dev = true", "clock = \"2131-03-25T00:59:30Z\""] {
        host.settings(&format!("server.{key}"));
        let said = host.mainworker(&["settings", "check"]).finish().exits(2).stderr();
        assert!(said.contains("unknown key"), "{said}");
    }
}

#[test]
fn what_commands_say_as_durations_is_by_the_clock_of_the_host() {
    let host = TestHost::with_jobs(&["echo"]);
    let serving = serve(&host);
    let create = ["token", "create", "--source", "ci", "--role", "read", "--expires", "30d", "--json"];
    serving.command(&create).finish().exits(0);
    let tokens = serving.http().get("/v1/tokens").is(200).json();
    let expires_at = tokens["tokens"][0]["expiresAt"].as_str().expect("a time").to_owned();
    assert!(expires_at.starts_with("2131-04-24T0"), "{expires_at}");

    let put = ["schedule", "put", "once", "--job", "echo", "--at", "2h"];
    serving.command(&put).finish().exits(0);
    let listed = serving.command(&["schedule", "list"]).finish().exits(0);
    assert!(
        listed.stdout().contains("in 1h 59m") || listed.stdout().contains("in 2h 00m"),
        "{}",
        listed.stdout()
    );
    let shown = serving.command(&["audit", "--from", "1h"]).finish().exits(0);
    assert!(shown.stdout().contains("token-created"), "{}", shown.stdout());
    serving.stop();
}
