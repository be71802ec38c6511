//! Tasks that are built by their types, against a host that does what a test says.

use crate::scripted::{Script, Scripted, json, problem, stream_of};
use mainworker_client::wire::JobDescription;
use mainworker_client::{
    ClientError, Clock, Outcome, Rejected, RejectionCode, ResultError, ScheduleError, Scheduler,
    SchedulerOptions, TaskBuilder, Timestamp, UniquePolicy,
};
use mainworker_domain::catalog::ModuleDescription;
use mainworker_domain::manifest::Manifest;
use mainworker_models::{EdgeLogsPayload, EdgeLogsReport, Email, LogFormat, SendEmailPayload};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_ms(1_431_849_932_017);
const ACCEPTED: &str = r#"{"taskId":"t1"}"#;

/// A scheduler whose time is the test's.
struct Timed {
    scheduler: Scheduler,
    elapsed_ms: Arc<AtomicU64>,
}

fn timed(host: &Scripted) -> Timed {
    let elapsed_ms = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&elapsed_ms);
    let clock = Clock { now: Arc::new(|| NOW), elapsed_ms: Arc::new(move || read.load(Ordering::Relaxed)) };
    let options = SchedulerOptions { clock, ..SchedulerOptions::default() };
    Timed { scheduler: Scheduler::with_options(host.client(), "api", options), elapsed_ms }
}

/// What a host says of `echo` if its payload has a number `n` of at most `n_max`.
fn description(n_max: u64) -> Value {
    let manifest = value!({
        "job": { "name": "echo", "version": "0.1.0", "summary": "Returns its payload" },
        "schedulable-by": { "sources": ["api"] },
        "configuration": {
            "key": { "required": true, "from": "envelope", "secret": true }, "url": { "required": true, "from": "host" },
        },
    });
    let description = ModuleDescription {
        manifest: Manifest::from_json(&manifest).unwrap(),
        payload_schema: Some(value!({
            "type": "object", "required": ["n"], "properties": { "n": { "type": "integer", "maximum": n_max } },
        })),
        result_schema: None,
    };
    let described = JobDescription {
        name: "echo".to_owned(),
        revision: format!("sha256:{n_max:064}"),
        manifest: description.manifest.to_json(),
        payload_schema: description.payload_schema,
        result_schema: description.result_schema,
    };
    serde_json::to_value(described).unwrap()
}

fn described(n_max: u64) -> Script {
    let headers = vec![("content-type", "application/json".to_owned()), ("etag", format!("\"max-{n_max}\""))];
    Script::Answer { status: 200, headers, body: description(n_max).to_string() }
}

fn unchanged() -> Script {
    Script::Answer { status: 304, headers: Vec::new(), body: String::new() }
}

const LOOK: &str = "GET /v1/jobs/echo/description";
const SEND: &str = "POST /v1/tasks";

fn echo(scheduler: &Scheduler, n: u64) -> TaskBuilder<Box<RawValue>> {
    scheduler.task_of("echo", &value!({ "n": n })).configuration("key", "hush-hush")
}

fn rejected(error: ScheduleError) -> Rejected {
    assert!(error.rejected().is_some(), "{error}");
    error.rejected().cloned().unwrap()
}

#[tokio::test]
async fn what_is_built_is_what_is_sent() {
    let host = Scripted::host([problem(404, "not_found", "nothing"), json(202, ACCEPTED)]).await;
    let scheduler = Scheduler::new(host.client(), "api");
    let task = scheduler
        .task_of("echo", &value!({ "n": 1 }))
        .label("June")
        .tag("a")
        .tag("b")
        .priority(7)
        .delay(Duration::from_secs(90))
        .timeout(Duration::from_millis(1_500))
        .unique_key("u", UniquePolicy::Existing)
        .max_attempts(2)
        .configuration("a.b", SecretString::from("secret"))
        .configuration("c", "plain");
    let handle = task.send().await.unwrap();
    assert_eq!(handle.id(), "t1");
    let sent = host.asked()[1].json();
    assert_eq!(
        sent["envelope"],
        value!({ "configuration": { "a.b": "secret", "c": "plain" }, "jobName": "echo", "source": "api", "jobPayload": { "n": 1 } })
    );
    assert_eq!(
        sent["options"],
        value!({
            "label": "June", "tags": ["a", "b"], "priority": 7, "delayMs": 90_000, "timeoutMs": 1_500, "uniqueKey": "u",
            "uniquePolicy": "existing", "maxAttempts": 2, "idempotencyKey": "key-1",
        })
    );
}

#[tokio::test]
async fn a_moment_is_one_however_it_is_given_and_a_key_of_ones_own_is_kept() {
    let host = Scripted::host([problem(404, "not_found", "nothing"), json(202, ACCEPTED)]).await;
    let Timed { scheduler, .. } = timed(&host);
    let soon = std::time::UNIX_EPOCH + Duration::from_millis(1_431_849_933_000);
    let task = scheduler.task_of("echo", &value!({})).run_at(soon).expires_at(NOW.after_ms(60_000));
    task.idempotency_key("mine").send().await.unwrap();
    assert_eq!(
        host.asked()[1].json()["options"],
        value!({ "runAt": "2015-05-17T08:05:33.000Z", "expiresAt": "2015-05-17T08:06:32.017Z", "idempotencyKey": "mine" })
    );
}

#[tokio::test]
async fn a_payload_of_a_job_knows_its_job_and_its_result() {
    let completed = task(
        "completed",
        "completed",
        r#"{"lines":1,"broken":0,"bytes":5,"accounts":{},"unknown":{}}"#,
        "null",
    );
    let host = Scripted::host([
        problem(404, "not_found", "nothing"),
        json(202, ACCEPTED),
        stream_of(END),
        completed,
    ])
    .await;
    let scheduler = Scheduler::new(host.client(), "dashboard");
    let payload =
        EdgeLogsPayload { files: vec!["*.log".to_owned()], format: LogFormat::Auto, accounts: None };
    let task = scheduler.task(&payload).send().await.unwrap();
    let report: EdgeLogsReport = task.result().await.unwrap();
    assert_eq!((report.lines, report.bytes, report.accounts), (1, 5, BTreeMap::new()));
    let envelope = &host.asked()[1].json()["envelope"];
    assert_eq!((&envelope["jobName"], &envelope["source"]), (&value!("edge-logs"), &value!("dashboard")));
    assert_eq!(envelope["jobPayload"], value!({ "files": ["*.log"], "format": "auto" }));
}

#[tokio::test]
async fn numbers_and_layout_are_sent_as_they_are_written() {
    let host = Scripted::host([problem(404, "not_found", "nothing"), json(202, ACCEPTED)]).await;
    let payload = RawValue::from_string(r#"{ "n": 18446744073709551616.50 }"#.to_owned()).unwrap();
    Scheduler::new(host.client(), "api").task_of("echo", &payload).send().await.unwrap();
    assert!(host.asked()[1].body.contains(r#""jobPayload":{ "n": 18446744073709551616.50 }"#));
}

#[tokio::test]
async fn what_can_be_known_without_a_host_is_refused_without_asking_one() {
    let host = Scripted::host([]).await;
    let Timed { scheduler, .. } = timed(&host);
    let echo = |payload: Value| scheduler.task_of("echo", &payload);
    let long = "x".repeat(256 << 10);
    for (task, code, pointer) in [
        (echo(value!([1])), RejectionCode::WrongType, "/jobPayload"),
        (echo(value!({ "x": long })), RejectionCode::TooLarge, "/jobPayload"),
        (echo(value!({})).configuration("x", long.as_str()), RejectionCode::TooLarge, "/configuration"),
        (echo(value!({})).priority(10), RejectionCode::OptionsInvalid, "/options/priority"),
        (echo(value!({})).label(""), RejectionCode::OptionsInvalid, "/options/label"),
        (echo(value!({})).tag("a").tag("a"), RejectionCode::OptionsInvalid, "/options/tags"),
        (echo(value!({})).delay(Duration::MAX), RejectionCode::OptionsInvalid, "/options/delayMs"),
        (echo(value!({})).expires_at(NOW), RejectionCode::OptionsInvalid, "/options/expiresAt"),
    ] {
        let shown = format!("{task:?}");
        let rejected = rejected(task.send().await.unwrap_err());
        assert_eq!((rejected.code, rejected.pointer.as_deref()), (code, Some(pointer)), "{shown}");
        assert!(rejected.hint.is_some(), "{rejected}");
    }
    let twice = RawValue::from_string(r#"{"a":1,"a":2}"#.to_owned()).unwrap();
    let error = scheduler.task_of("echo", &twice).send().await.unwrap_err();
    assert_eq!(rejected(error).code, RejectionCode::MalformedJson);
    let no_json = BTreeMap::from([((1, 2), 3)]);
    let error = scheduler.task_of("echo", &no_json).send().await.unwrap_err();
    assert_eq!(error.to_string(), "the payload for `echo` cannot be written as JSON: key must be a string");
    assert!(error.is_final());
    assert!(host.asked().is_empty());
}

#[tokio::test]
async fn a_job_is_asked_about_once_and_then_a_task_is_one_request() {
    let host = Scripted::host([
        described(5),
        json(202, ACCEPTED),
        json(202, ACCEPTED),
        unchanged(),
        json(202, ACCEPTED),
        json(202, ACCEPTED),
    ])
    .await;
    let Timed { scheduler, elapsed_ms } = timed(&host);
    for (at_ms, n) in [(0, 1), (59_999, 2), (60_000, 3), (119_999, 4)] {
        elapsed_ms.store(at_ms, Ordering::Relaxed);
        // A clone knows what the other knows.
        echo(&scheduler.clone(), n).send().await.unwrap();
    }
    assert_eq!(host.lines(), [LOOK, SEND, SEND, LOOK, SEND, SEND]);
    let known: Vec<_> =
        host.asked().iter().map(|asked| asked.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!((known[0].as_deref(), known[3].as_deref()), (None, Some("\"max-5\"")));
}

#[tokio::test]
async fn what_the_job_does_not_take_is_refused_before_it_is_sent() {
    let host = Scripted::host([described(5), unchanged(), unchanged(), unchanged()]).await;
    let Timed { scheduler, .. } = timed(&host);
    let refused = rejected(echo(&scheduler, 6).send().await.unwrap_err());
    assert_eq!(
        (refused.code, refused.pointer.as_deref()),
        (RejectionCode::PayloadInvalid, Some("/jobPayload/n"))
    );
    assert_eq!(
        refused.detail,
        "the payload of `echo` is not what it accepts: at `/jobPayload/n` found `6`, expected at most 5"
    );
    assert_eq!(host.lines(), [LOOK], "it was asked just now");
    assert_eq!(rejected(echo(&scheduler, 6).send().await.unwrap_err()), refused);
    assert_eq!(host.lines(), [LOOK, LOOK], "and is asked again before what is known refuses");

    let without_key = scheduler.task_of("echo", &value!({ "n": 1 }));
    let refused = rejected(without_key.send().await.unwrap_err());
    assert_eq!(refused.code, RejectionCode::MissingConfiguration);
    assert!(refused.detail.contains("`key`"), "the host's own key is for the host to say: {refused}");
}

#[tokio::test]
async fn a_source_that_the_job_does_not_list_is_refused() {
    let host = Scripted::host([described(5)]).await;
    let error = echo(&Scheduler::new(host.client(), "ci"), 1).send().await.unwrap_err();
    let refused = rejected(error);
    assert_eq!(
        (refused.code, refused.pointer.as_deref()),
        (RejectionCode::SourceNotAllowed, Some("/source"))
    );
}

#[tokio::test]
async fn a_new_revision_is_no_false_refusal() {
    let host =
        Scripted::host([described(5), json(202, ACCEPTED), described(7), json(202, ACCEPTED), unchanged()])
            .await;
    let Timed { scheduler, .. } = timed(&host);
    echo(&scheduler, 5).send().await.unwrap();
    echo(&scheduler, 7).send().await.unwrap();
    assert_eq!(host.asked()[2].header("if-none-match"), Some("\"max-5\""));
    let refused = rejected(echo(&scheduler, 8).send().await.unwrap_err());
    assert!(refused.detail.ends_with("expected at most 7"), "{refused}");
    assert_eq!(host.lines(), [LOOK, SEND, LOOK, SEND, LOOK]);
}

#[tokio::test]
async fn a_job_that_there_is_not_is_refused_in_the_words_of_the_host() {
    let unknown = r#"{"type":"about:blank","title":"Not Found","status":404,"code":"unknown_job","detail":"there is no job `ecko` here","pointer":"/jobName","hint":"did you mean `echo`?"}"#;
    let host = Scripted::host([json(404, unknown), described(5), json(202, ACCEPTED)]).await;
    let Timed { scheduler, .. } = timed(&host);
    let refused = rejected(scheduler.task_of("ecko", &value!({})).send().await.unwrap_err());
    assert_eq!(
        refused,
        Rejected {
            code: RejectionCode::UnknownJob,
            pointer: Some("/jobName".to_owned()),
            detail: "there is no job `ecko` here".to_owned(),
            hint: Some("did you mean `echo`?".to_owned()),
            index: None,
        }
    );
    echo(&scheduler, 1).send().await.unwrap();
    assert_eq!(host.lines()[0], "GET /v1/jobs/ecko/description");
}

#[tokio::test]
async fn a_host_that_does_not_say_in_time_decides_by_itself() {
    let payload_invalid = problem(422, "payload_invalid", "too much");
    let host = Scripted::host([
        Script::BreakOff,
        json(202, ACCEPTED),
        json(202, ACCEPTED),
        described(5),
        json(202, ACCEPTED),
        Script::BreakOff,
        payload_invalid,
    ])
    .await;
    let Timed { scheduler, elapsed_ms } = timed(&host);
    echo(&scheduler, 9).send().await.unwrap();
    elapsed_ms.store(4_999, Ordering::Relaxed);
    echo(&scheduler, 9).send().await.unwrap();
    elapsed_ms.store(5_000, Ordering::Relaxed);
    echo(&scheduler, 1).send().await.unwrap();
    assert_eq!(host.lines(), [LOOK, SEND, SEND, LOOK, SEND], "it is not asked for each task");
    // What is known refuses, and nobody confirms it.
    assert_eq!(rejected(echo(&scheduler, 9).send().await.unwrap_err()).detail, "too much");
    assert_eq!(host.lines()[5..], [LOOK, SEND]);
}

#[tokio::test]
async fn a_host_that_holds_its_answer_keeps_no_task_for_long() {
    let host = Scripted::host([Script::Hold, json(202, ACCEPTED)]).await;
    let options = SchedulerOptions { description_answer_ms: 20, ..SchedulerOptions::default() };
    let scheduler = Scheduler::with_options(host.client(), "api", options);
    echo(&scheduler, 1).send().await.unwrap();
    assert_eq!(host.lines(), [LOOK, SEND]);
}

#[tokio::test]
async fn a_description_that_cannot_be_read_refuses_nothing_and_is_kept() {
    let mut newer = description(5);
    newer["manifest"]["a-section-of-tomorrow"] = value!({});
    let host =
        Scripted::host([json(200, &newer.to_string()), json(202, ACCEPTED), json(202, ACCEPTED)]).await;
    let Timed { scheduler, .. } = timed(&host);
    echo(&scheduler, 9).send().await.unwrap();
    echo(&scheduler, 9).send().await.unwrap();
    assert_eq!(host.lines(), [LOOK, SEND, SEND]);
}

#[tokio::test]
async fn many_at_once_ask_about_their_job_once() {
    let host = Scripted::host([described(5)].into_iter().chain((0..8).map(|_| json(202, ACCEPTED)))).await;
    let Timed { scheduler, .. } = timed(&host);
    let sent = futures_util::future::join_all((0..8).map(|_| echo(&scheduler, 1).send())).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert_eq!(host.lines().iter().filter(|line| *line == LOOK).count(), 1);
}

#[tokio::test]
async fn a_batch_is_sent_whole_or_not_at_all() {
    let host = Scripted::host([described(5), json(202, r#"{"taskIds":["t1","t2"]}"#), unchanged()]).await;
    let Timed { scheduler, .. } = timed(&host);
    assert!(scheduler.send_all::<Value>(Vec::new()).await.unwrap().is_empty());
    let handles =
        scheduler.send_all(vec![echo(&scheduler, 1), echo(&scheduler, 2).label("b")]).await.unwrap();
    assert_eq!(handles.iter().map(|handle| handle.id()).collect::<Vec<_>>(), ["t1", "t2"]);
    let sent = host.asked()[1].json();
    assert_eq!(sent["tasks"][1]["envelope"]["jobPayload"], value!({ "n": 2 }));
    assert_eq!(sent["tasks"][1]["options"], value!({ "label": "b", "idempotencyKey": "key-2" }));

    let tasks = vec![echo(&scheduler, 1), echo(&scheduler, 6), echo(&scheduler, 7)];
    let refused = rejected(scheduler.send_all(tasks).await.unwrap_err());
    assert_eq!((refused.code, refused.index), (RejectionCode::PayloadInvalid, Some(1)));
    assert_eq!(host.lines(), [LOOK, "POST /v1/tasks/batch", LOOK]);
}

#[tokio::test]
async fn more_than_a_host_takes_at_once_is_refused_with_its_bound() {
    let host = Scripted::host([]).await;
    let Timed { scheduler, .. } = timed(&host);
    let many = (0..10_001).map(|n| echo(&scheduler, n)).collect();
    let refused = rejected(scheduler.send_all(many).await.unwrap_err());
    assert_eq!(refused.to_string(), "too_large: the batch has 10001 tasks, expected at most 10000");
    assert_eq!(refused.hint.as_deref(), Some("send several batches"));
    let large = value!({ "x": "x".repeat(255 << 10) });
    let large = (0..300).map(|_| scheduler.task_of("echo", &large)).collect();
    let refused = rejected(scheduler.send_all(large).await.unwrap_err());
    assert_eq!((refused.code, refused.index), (RejectionCode::TooLarge, None));
    assert!(refused.detail.ends_with(" bytes, expected at most 67108864"), "{refused}");
    assert!(host.asked().is_empty());
}

#[tokio::test]
async fn rejections_of_the_host_are_told_like_ones_own_and_its_troubles_are_not() {
    let host = Scripted::host([
        problem(404, "not_found", "nothing"),
        problem(422, "missing_configuration", "no `url`"),
        problem(503, "stopping", "the host is stopping"),
        problem(503, "stopping", "the host is stopping"),
        problem(503, "stopping", "the host is stopping"),
        problem(503, "stopping", "the host is stopping"),
        problem(409, "unique_conflict", "held"),
        problem(401, "unauthenticated", "no"),
        problem(422, "of_tomorrow", "nobody knows"),
    ])
    .await;
    let Timed { scheduler, .. } = timed(&host);
    let send = async || echo(&scheduler, 1).send().await.unwrap_err();
    let error = send().await;
    assert!(error.is_final());
    assert_eq!(rejected(error).code, RejectionCode::MissingConfiguration);
    let error = send().await;
    assert!(
        matches!(&error, ScheduleError::Client(ClientError::Problem(problem)) if problem.code == "stopping")
    );
    assert!(!error.is_final() && !error.may_be_done());
    let error = send().await;
    assert!(!error.is_final(), "whoever holds the key will let go of it");
    assert_eq!(rejected(error).code, RejectionCode::UniqueConflict);
    assert!(matches!(send().await, ScheduleError::Client(ClientError::Unauthenticated { .. })));
    assert!(matches!(send().await, ScheduleError::Client(ClientError::Problem(_))));
}

const END: &str = "event: end\ndata: {\"state\":\"completed\",\"outcome\":\"completed\"}\n\n";

/// A task that has ended.
fn task(state: &str, outcome: &str, result: &str, error: &str) -> Script {
    json(
        200,
        &format!(
            r#"{{"taskId":"t1","job":"echo","revision":"sha256:0","source":"api","state":"{state}","outcome":"{outcome}",
"result":{result},"error":{error},"progress":null,"priority":0,"label":null,"tags":[],"createdAt":"x","runAt":"x",
"expiresAt":null,"startedAt":null,"finishedAt":"x","maxAttempts":5,"cancelRequested":false,"parent":null,"attempts":[]}}"#
        ),
    )
}

#[derive(Debug, PartialEq, Deserialize)]
struct Answer {
    n: u64,
}

async fn result_of(ended: Script) -> Result<Answer, ResultError> {
    let host = Scripted::host([stream_of(END), ended]).await;
    Scheduler::new(host.client(), "api").handle("t1").result().await
}

#[tokio::test]
async fn a_result_is_of_its_type_or_the_reason_why_there_is_none() {
    assert_eq!(result_of(task("completed", "completed", r#"{"n":5}"#, "null")).await, Ok(Answer { n: 5 }));
    let other = result_of(task("completed", "completed", r#"{"n":"five"}"#, "null")).await.unwrap_err();
    assert!(
        matches!(&other, ResultError::OtherType { problem, .. } if problem.contains("expected u64")),
        "{other}"
    );
    let error = r#"{"code":"job_rejected","message":"no such account","hint":"ask `support`"}"#;
    assert_eq!(
        result_of(task("failed", "rejected", "null", error)).await.unwrap_err(),
        ResultError::Failed {
            task_id: "t1".to_owned(),
            outcome: Some(Outcome::Rejected),
            code: "job_rejected".to_owned(),
            message: "no such account".to_owned(),
            hint: Some("ask `support`".to_owned()),
        }
    );
    let lost = result_of(task("failed", "lost", "null", "null")).await.unwrap_err();
    assert_eq!(lost.to_string(), "the task t1 has failed: lost: its last attempt was lost");
    let task_id = || "t1".to_owned();
    assert_eq!(
        result_of(task("cancelled", "cancelled", "null", "null")).await,
        Err(ResultError::Cancelled { task_id: task_id() })
    );
    assert_eq!(
        result_of(task("expired", "failed", "null", "null")).await,
        Err(ResultError::Expired { task_id: task_id() })
    );
    let error = result_of(problem(404, "unknown_task", "no")).await.unwrap_err();
    assert!(matches!(error, ResultError::Client(_)), "{error}");
}

#[tokio::test]
async fn a_job_that_returns_nothing_has_a_result_too() {
    let host = Scripted::host([stream_of(END), task("completed", "completed", "null", "null")]).await;
    let task = Scheduler::new(host.client(), "api").handle::<()>("t1");
    assert_eq!(task.result().await, Ok(()));
}

#[tokio::test]
async fn a_handle_follows_asks_and_cancels() {
    let line = "id: 1.1\nevent: line\ndata: {\"attempt\":1,\"atMs\":5,\"level\":\"info\",\"context\":\"\",\"message\":\"hello\"}\n\n";
    let host = Scripted::host([
        stream_of(&format!("{line}{END}")),
        task("running", "", "null", "null"),
        json(200, r#"{"taskId":"t1","cancel":"requested"}"#),
    ])
    .await;
    let task = Scheduler::new(host.client(), "api").handle::<Value>("t1");
    let mut log = task.follow().unwrap();
    let mut steps = 0;
    while log.next().await.unwrap().is_some() {
        steps += 1;
    }
    assert_eq!(steps, 2);
    assert_eq!(task.clone().status().await.unwrap().state, "running");
    assert_eq!(task.cancel().await.unwrap().cancel, "requested");
    assert_eq!(host.lines(), ["GET /v1/tasks/t1/log?follow", "GET /v1/tasks/t1", "POST /v1/tasks/t1/cancel"]);
}

#[tokio::test]
async fn neither_payload_nor_secrets_are_shown() {
    let host = Scripted::host([described(5)]).await;
    let Timed { scheduler, .. } = timed(&host);
    let task = scheduler
        .task_of("echo", &value!({ "n": 6, "private": "between us" }))
        .configuration("key", "hush-hush")
        .label("June");
    let shown = format!("{task:?} {scheduler:?}");
    assert!(shown.contains("June") && shown.contains("\"key\"") && shown.contains("\"api\""), "{shown}");
    let error = task.send().await.unwrap_err();
    let all = format!("{shown} {error:?} {error}");
    for secret in ["hush-hush", "between us", "open-sesame"] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[tokio::test]
async fn a_mail_is_sent_by_its_type() {
    let host = Scripted::host([problem(404, "not_found", "nothing"), json(202, ACCEPTED)]).await;
    let email: SendEmailPayload =
        Email::Welcome { account: "acme".to_owned() }.to("ada@acme.example".parse().unwrap());
    Scheduler::new(host.client(), "api").task(&email).send().await.unwrap();
    assert_eq!(
        host.asked()[1].json()["envelope"]["jobPayload"],
        value!({ "template": "welcome", "to": "ada@acme.example", "variables": { "account": "acme" } })
    );
}
