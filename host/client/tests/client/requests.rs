//! What goes out for each thing that can be asked, and what comes back.

use crate::scripted::{Script, Scripted, json, problem};
use mainworker_client::wire::{BulkRequest, TaskFilter};
use mainworker_client::{Client, ClientError, ClientOptions, NewTask};
use mainworker_domain::task_options::TaskOptions;
use secrecy::SecretString;
use serde_json::json;
use serde_json::value::RawValue;

const TASK: &str = r#"{"taskId":"t","job":"echo","revision":"sha256:0","source":"api","state":"completed","outcome":"completed",
"result":{"n":1.50},"error":null,"progress":null,"priority":0,"label":null,"tags":[],"createdAt":"2015-05-17T08:05:32.000Z",
"runAt":"2015-05-17T08:05:32.000Z","expiresAt":null,"startedAt":null,"finishedAt":null,"maxAttempts":5,
"cancelRequested":false,"parent":null,"attempts":[],"somethingNew":1}"#;

fn envelope() -> Box<RawValue> {
    let text = r#"{"configuration":{}, "jobName":"echo","source":"api","jobPayload":{"n":1.50}}"#;
    RawValue::from_string(text.to_owned()).unwrap()
}

fn text(body: &str) -> Script {
    Script::Answer {
        status: 200,
        headers: vec![("content-type", "text/plain".to_owned())],
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn a_task_is_handed_over_as_it_is_written_with_the_token_and_a_key() {
    let host = Scripted::host([json(202, r#"{"taskId":"t1"}"#)]).await;
    let options = TaskOptions { label: Some("May".to_owned()), ..TaskOptions::default() };
    let accepted = host.client().enqueue(&envelope(), &options).await.unwrap();
    assert_eq!(accepted.task_id, "t1");
    let asked = &host.asked()[0];
    assert_eq!(host.lines(), ["POST /v1/tasks"]);
    assert_eq!(asked.header("authorization"), Some("Bearer open-sesame"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    // Text, since a reader that rewrites numbers would hide that this one is as it was.
    let expected = format!(
        r#"{{"envelope":{},"options":{{"idempotencyKey":"key-1","label":"May"}}}}"#,
        envelope().get()
    );
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn a_key_of_the_caller_is_left_alone() {
    let host = Scripted::host([json(200, r#"{"taskId":"t1"}"#)]).await;
    let options = TaskOptions { idempotency_key: Some("mine".to_owned()), ..TaskOptions::default() };
    host.client().enqueue(&envelope(), &options).await.unwrap();
    assert_eq!(host.asked()[0].json()["options"], json!({ "idempotencyKey": "mine" }));
}

#[tokio::test]
async fn each_task_of_a_batch_has_a_key_of_its_own() {
    let host = Scripted::host([json(202, r#"{"taskIds":["t1","t2"]}"#)]).await;
    let (envelope, plain) = (envelope(), TaskOptions::default());
    let tasks = [NewTask { envelope: &envelope, options: &plain }; 2];
    let accepted = host.client().enqueue_batch(&tasks).await.unwrap();
    assert_eq!(accepted.task_ids, ["t1", "t2"]);
    let sent = host.asked()[0].json();
    let keys: Vec<_> = sent["tasks"].as_array().unwrap().iter().map(|task| &task["options"]).collect();
    assert_eq!(keys, [&json!({ "idempotencyKey": "key-1" }), &json!({ "idempotencyKey": "key-2" })]);
}

#[tokio::test]
async fn a_batch_that_comes_back_shorter_is_no_answer() {
    let host = Scripted::host([json(202, r#"{"taskIds":["t1"]}"#)]).await;
    let (envelope, plain) = (envelope(), TaskOptions::default());
    let tasks = [NewTask { envelope: &envelope, options: &plain }; 2];
    let error = host.client().enqueue_batch(&tasks).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::NotAHost { found, .. } if found == "1 task ids for 2 tasks"),
        "{error}"
    );
}

#[tokio::test]
async fn a_task_is_read_with_its_result_as_the_job_wrote_it() {
    let host = Scripted::host([json(200, TASK)]).await;
    let task = host.client().task("t").await.unwrap();
    assert_eq!(host.lines(), ["GET /v1/tasks/t"]);
    assert_eq!((task.state.as_str(), task.result.unwrap().get()), ("completed", r#"{"n":1.50}"#));
}

#[tokio::test]
async fn a_list_is_walked_page_by_page_with_its_filters() {
    let page = |next: &str| json(200, &format!(r#"{{"tasks":[],"nextCursor":{next}}}"#));
    let host = Scripted::host([page("\"a/b\""), page("null")]).await;
    let filter = TaskFilter {
        state: Some("queued,running".to_owned()),
        label: Some("May & June".to_owned()),
        longer_than: Some("90s".to_owned()),
        ..TaskFilter::default()
    };
    let mut pages = host.client().pages(filter, Some(2));
    let mut count = 0;
    while let Some(tasks) = pages.next().await.unwrap() {
        assert!(tasks.is_empty());
        count += 1;
    }
    assert_eq!(count, 2, "an empty page is not the last");
    let filters = "state=queued%2Crunning&label=May%20%26%20June&longer-than=90s&limit=2";
    assert_eq!(
        host.lines(),
        [format!("GET /v1/tasks?{filters}"), format!("GET /v1/tasks?{filters}&cursor=a%2Fb")]
    );
}

#[tokio::test]
async fn each_request_has_its_method_and_its_path() {
    let bulk = || json(200, r#"{"matched":3,"changed":0,"refused":{"not_retryable":1}}"#);
    let job = r#"{"name":"echo","version":null,"revision":null,"summary":null,"owner":null,"runbook":null,"schedulableBy":[],
"paused":false,"maxConcurrency":null,"tasks":{"queued":1}}"#;
    let host = Scripted::host([
        json(200, r#"{"lines":[],"nextCursor":null}"#),
        json(202, r#"{"taskId":"t","cancel":"requested"}"#),
        json(202, r#"{"taskId":"t","state":"queued"}"#),
        json(202, r#"{"taskId":"t","state":"queued"}"#),
        bulk(),
        bulk(),
        json(200, &format!(r#"{{"jobs":[{job}],"paused":false}}"#)),
        json(200, &format!(r#"{{"job":{job},"manifest":{{}},"payloadSchema":null,"resultSchema":null}}"#)),
        json(200, r#"{"job":"echo","paused":true}"#),
        json(200, r#"{"job":null,"paused":true}"#),
        json(200, r#"{"job":"echo","paused":false}"#),
        json(200, r#"{"job":null,"paused":false}"#),
        json(
            200,
            r#"{"host":"h","version":"1","startedAt":"x","paused":false,"slots":2,"running":[],"tasks":{},"storeBytes":0,"jobs":[]}"#,
        ),
        text("ok"),
        text("ok"),
        text("# EOF\n"),
        json(200, "{}"),
    ])
    .await;
    let client = host.client();
    let request = BulkRequest {
        filter: TaskFilter { job: Some("echo".to_owned()), ..TaskFilter::default() },
        preview: true,
    };
    client.log("t", Some("1.0")).await.unwrap();
    assert_eq!(client.cancel("t").await.unwrap().cancel, "requested");
    client.retry("t", None).await.unwrap();
    client.retry("t", Some(500)).await.unwrap();
    assert_eq!(client.cancel_many(&request).await.unwrap().matched, 3);
    assert_eq!(client.retry_many(&request).await.unwrap().refused["not_retryable"], 1);
    assert_eq!(client.jobs().await.unwrap().jobs[0].tasks["queued"], 1);
    assert_eq!(client.job("echo").await.unwrap().job.name, "echo");
    assert!(client.pause(Some("echo")).await.unwrap().paused);
    client.pause(None).await.unwrap();
    client.resume(Some("echo")).await.unwrap();
    client.resume(None).await.unwrap();
    assert_eq!(client.stats().await.unwrap().slots, 2);
    client.healthy().await.unwrap();
    client.ready().await.unwrap();
    assert_eq!(client.metrics().await.unwrap(), "# EOF\n");
    assert_eq!(client.openapi().await.unwrap(), "{}");
    assert_eq!(
        host.lines(),
        [
            "GET /v1/tasks/t/log?cursor=1.0",
            "POST /v1/tasks/t/cancel",
            "POST /v1/tasks/t/retry",
            "POST /v1/tasks/t/retry",
            "POST /v1/tasks/cancel",
            "POST /v1/tasks/retry",
            "GET /v1/jobs",
            "GET /v1/jobs/echo",
            "POST /v1/jobs/echo/pause",
            "POST /v1/pause",
            "POST /v1/jobs/echo/resume",
            "POST /v1/resume",
            "GET /v1/stats",
            "GET /healthz",
            "GET /readyz",
            "GET /metrics",
            "GET /openapi.json",
        ]
    );
    let asked = host.asked();
    assert_eq!((asked[1].body.as_str(), asked[3].json()), ("", json!({ "delayMs": 500 })));
    assert_eq!(asked[4].json(), json!({ "filter": { "job": "echo" }, "preview": true }));
    assert!(asked.iter().all(|asked| asked.connection == 1), "one connection for all of them");
}

#[tokio::test]
async fn a_host_below_a_path_is_reached_there_without_a_token() {
    let host = Scripted::host([json(200, r#"{"jobs":[],"paused":false}"#)]).await;
    let client = Client::with_options(&format!("{}/queue/", host.base), None, host.options()).unwrap();
    client.jobs().await.unwrap();
    assert_eq!(host.lines(), ["GET /queue/v1/jobs"]);
    assert_eq!(host.asked()[0].header("authorization"), None);
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_asked() {
    let host = Scripted::host([]).await;
    let client = host.client();
    for error in [
        client.task("").await.unwrap_err(),
        client.cancel("..").await.unwrap_err(),
        client.follow_log(".").unwrap_err(),
    ] {
        assert!(matches!(error, ClientError::InvalidName { what: "the task id", .. }), "{error}");
    }
    assert!(host.asked().is_empty());
}

#[tokio::test]
async fn a_base_or_a_token_that_cannot_be_meant_is_refused() {
    for base in
        ["", "127.0.0.1:8080", "ftp://a.example", "http://", "http://a.example/?x=1", "http://a.example:0"]
    {
        let error = Client::new(base, None).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the host's URL `{base}` cannot be used: ")), "{error}");
    }
    let error = Client::new("http://user:pa55@a.example", None).unwrap_err().to_string();
    assert!(!error.contains("pa55"), "{error}");
    for token in ["", "pa55\n", "pa55 word", "pä55"] {
        let error = Client::new("http://a.example", Some(SecretString::from(token))).unwrap_err();
        assert_eq!(error, ClientError::InvalidToken);
        assert!(!error.to_string().contains("55"), "{error}");
    }
}

#[tokio::test]
async fn the_token_is_nowhere_to_be_seen() {
    let host = Scripted::host([problem(401, "unauthenticated", "the token is not known")]).await;
    let client = host.client();
    let error = client.stats().await.unwrap_err();
    let options = ClientOptions::default();
    let follower = client.events(None, None);
    let shown = format!("{client:?} {error} {error:?} {options:?} {follower:?}");
    assert!(!shown.contains("sesame"), "{shown}");
    assert_eq!(host.asked()[0].header("authorization"), Some("Bearer open-sesame"), "it was there");
}
