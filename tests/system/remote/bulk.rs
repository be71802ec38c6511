//! Many tasks at once, by a filter: counted first, and only when somebody said that so many are meant.

use super::echo;
use crate::finished::Finished;
use crate::host::{CANARY, TestHost};
use crate::http::Http;
use crate::services::{Service, answer};
use crate::serving::{ALL_ROLES, Serving};
use serde_json::{Value, json};
use std::sync::Mutex;

/// More than one page of the host's.
const MANY: usize = 700;

fn labelled(label: &str) -> Value {
    json!({ "envelope": echo(json!({}))["envelope"], "options": { "label": label } })
}

/// A host that begins nothing, with many tasks that are alike and another.
fn with_many(host: &TestHost) -> Serving<'_> {
    let serving = host.serve(ALL_ROLES);
    serving.http().post("/v1/pause", &json!({})).is(200);
    let mut tasks = vec![labelled("many"); MANY];
    tasks.push(labelled("other"));
    serving.http().post("/v1/tasks/batch", &json!({ "tasks": tasks })).is(202);
    serving
}

fn tasks(http: &Http) -> (Value, Value) {
    let tasks = http.get("/v1/stats").json()["tasks"].clone();
    (tasks["queued"].clone(), tasks["cancelled"].clone())
}

#[test]
fn all_that_fit_are_changed() {
    let host = TestHost::new();
    let serving = with_many(&host);
    let http = serving.http();
    let change = |args: &[&str]| serving.command(args).finish();
    let of_many = ["--all-matching", "--label", "many"];
    let and = |verb: &'static str, flags: &[&'static str]| [&[verb], &of_many[..], flags].concat();

    let cancelled = change(&and("cancel", &["--yes"])).exits(0);
    assert_eq!(cancelled.stderr(), "700 tasks fit");
    assert_eq!(cancelled.stdout(), "700 cancelled or told to stop\n");
    assert_eq!(tasks(&http), (json!(1), json!(MANY)));
    // Nobody means what has ended already.
    let none = change(&and("cancel", &["--yes"])).exits(0);
    assert_eq!((none.stdout(), none.stderr().as_str()), ("", "0 tasks fit"));
    let none = change(&and("retry", &["--yes", "--json"])).exits(0);
    assert_eq!(none.json(), json!({ "matched": 0, "changed": 0, "refused": {}, "more": false }));

    let retried = change(&and("retry", &["--state", "cancelled", "--yes", "--json"])).exits(0);
    assert_eq!(retried.json(), json!({ "matched": MANY, "changed": MANY, "refused": {}, "more": false }));
    assert_eq!(tasks(&http), (json!(MANY + 1), json!(0)));

    // What cannot be done is said, with how many.
    let refused = change(&["retry", "--all-matching", "--state", "queued", "--yes"]).exits(1);
    assert_eq!(refused.stdout(), "0 queued again · 701 refused: not_retryable\n");
    let one = change(&["cancel", "--all-matching", "--label", "other", "--yes"]).exits(0);
    assert_eq!(one.stderr(), "1 task fits");
    serving.stop();
}

#[test]
fn nothing_is_done_that_nobody_said_is_meant() {
    let host = TestHost::new();
    let serving = with_many(&host);
    let refused = |args: &[&str]| {
        let refused = serving.command(args).finish().exits(2);
        assert_eq!(refused.stdout(), "", "{args:?}");
        refused.stderr()
    };
    let said = [
        // Nobody can be asked.
        refused(&["cancel", "--all-matching", "--label", "many"]),
        refused(&["retry", "--all-matching", "--label", "many", "--state", "queued", "--json"]),
        refused(&["cancel", "--all-matching"]),
        refused(&["retry", "--all-matching", "--yes"]),
        refused(&["cancel", super::ID, "--label", "many"]),
        refused(&["cancel", "--all-matching", "--job", "No Job", "--yes"]),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    error[confirmation_missing]: 700 tasks fit; found no terminal to ask whether they are meant, expected `--yes`
    hint: `--yes` does it; to see them first, `mainworker list` takes the same filters as `cancel`
    error[confirmation_missing]: 700 tasks fit; found no terminal to ask whether they are meant, expected `--yes`
    hint: `--yes` does it; to see them first, `mainworker list` takes the same filters as `retry`
    error[filter_missing]: found no filter beside `--all-matching`, expected one that says which tasks to cancel
    hint: say which, such as `--job NAME`; for every task there is, `--from 1970-01-01T00:00:00Z`
    error[filter_missing]: found no filter beside `--all-matching`, expected one that says which tasks to retry
    hint: say which, such as `--job NAME`; for every task there is, `--from 1970-01-01T00:00:00Z`
    error[filter_unused]: found a filter beside task ids, expected one of the two
    hint: `--all-matching` takes all tasks that fit a filter
    error[bad_filter]: the filter `job` is `No Job`, expected a job's name: 1 to 63 of a-z, 0-9 and `-`, starting with a letter
    ");
    for args in [
        &["cancel", super::ID, "--all-matching", "--label", "many"][..],
        &["cancel", super::ID, "--yes"],
        &["retry", "--all-matching", "--label", "many", "--delay", "1s"],
    ] {
        assert!(refused(args).contains("--help"), "{args:?}");
    }
    assert_eq!(tasks(&serving.http()), (json!(MANY + 1), json!(0)));
    serving.stop();
}

/// A host that gives these answers, one after the other.
fn answering(answers: Vec<Value>) -> Service {
    let answers = Mutex::new(answers.into_iter());
    Service::start(move |_| {
        let next = answers.lock().expect("nobody panics with it").next();
        let body = next.expect("it is asked once more than it should be").to_string();
        answer(200, "content-type: application/json\r\nconnection: close\r\n", &body)
    })
}

fn step(matched: u64, changed: u64, refused: Value, more: bool) -> Value {
    json!({ "matched": matched, "changed": changed, "refused": refused, "more": more })
}

fn ask<'a>(host: &'a TestHost, service: &Service, verb: &str, flags: &[&str]) -> Finished<'a> {
    let args = [&[verb, "--all-matching", "--job", "echo", "--yes"], flags].concat();
    let asked = host.mainworker(&args).env("MAINWORKER_HOST", &service.origin());
    asked.env("MAINWORKER_TOKEN", CANARY).finish()
}

/// A host works on many for so long and no longer; the command goes on until there are no more.
#[test]
fn it_goes_on_until_there_are_no_more() {
    let host = TestHost::new();
    let answers = || {
        vec![
            step(1_000, 0, json!({}), true),
            step(800, 800, json!({}), true),
            step(500, 400, json!({ "unique_conflict": 100 }), true),
            step(120, 20, json!({ "unique_conflict": 100 }), false),
        ]
    };
    let service = answering(answers());
    let retried = ask(&host, &service, "retry", &[]).exits(1);
    assert_eq!(retried.stdout(), "1220 queued again · 100 refused: unique_conflict\n");
    let said = "at least 1000 tasks fit\n800 queued again so far, there are more\n1200 queued again so far, there are more";
    assert_eq!(retried.stderr(), said);
    let requests = service.received();
    let previews: Vec<Value> = requests.iter().map(|request| request.json()["preview"].clone()).collect();
    assert_eq!(previews, [true, false, false, false]);
    for request in &requests {
        assert_eq!(request.line(), "POST /v1/tasks/retry");
        assert_eq!(request.json()["filter"], json!({ "job": "echo" }));
    }
    let retried = ask(&host, &answering(answers()), "retry", &["--json"]).exits(1);
    assert_eq!(retried.json(), step(1_320, 1_220, json!({ "unique_conflict": 100 }), false));

    let all = vec![step(3, 0, json!({}), false), step(2, 2, json!({}), true), step(1, 1, json!({}), false)];
    let cancelled = ask(&host, &answering(all), "cancel", &[]).exits(0);
    assert_eq!(cancelled.stdout(), "3 cancelled or told to stop\n");
}

/// Each request begins with the newest again. Where all that it comes to cannot be changed, it would go on for ever.
#[test]
fn what_is_out_of_reach_is_said() {
    let host = TestHost::new();
    for refused in [json!({ "configuration_gone": 70 }), json!({})] {
        let answers = || {
            vec![
                step(70, 0, json!({}), true),
                step(90, 20, refused.clone(), true),
                step(70, 0, refused.clone(), true),
            ]
        };
        let ended = ask(&host, &answering(answers()), "retry", &[]).exits(1);
        assert!(ended.stdout().starts_with("20 queued again"), "{}", ended.stdout());
        assert!(
            ended.stdout().ends_with(" · there are more that were not looked at\n"),
            "{}",
            ended.stdout()
        );
        assert!(ended.stderr().ends_with("`--to TIME` leaves them out"), "{}", ended.stderr());
        let ended = ask(&host, &answering(answers()), "retry", &["--json"]).exits(1).json();
        assert_eq!((&ended["changed"], &ended["more"]), (&json!(20), &json!(true)));
    }
    // The same where not even counting came to one.
    let none = vec![step(0, 0, json!({}), true), step(0, 0, json!({}), true)];
    let ended = ask(&host, &answering(none), "cancel", &[]).exits(1);
    assert_eq!(ended.stdout(), "0 cancelled or told to stop · there are more that were not looked at\n");
}
