//! When a request is made again, and when it must not be.

use crate::scripted::{Script, Scripted, json, problem, problem_after, stream_of};
use mainworker_client::wire::{BulkRequest, TaskFilter};
use mainworker_client::{Client, ClientError};
use mainworker_domain::manifest::Retry;
use mainworker_domain::task_options::TaskOptions;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

fn envelope() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap()
}

fn accepted() -> Script {
    json(202, r#"{"taskId":"t1"}"#)
}

#[tokio::test]
async fn a_task_that_may_have_been_taken_is_sent_again_under_the_same_key() {
    let host = Scripted::host([
        Script::BreakOff,
        Script::BreakOffInside,
        problem_after(429, "queue_full", "the queue is full", Some("7")),
        accepted(),
    ])
    .await;
    let taken = host.client().enqueue(&envelope(), &TaskOptions::default()).await.unwrap();
    assert_eq!(taken.task_id, "t1");
    let asked = host.asked();
    assert_eq!(asked.len(), 4);
    assert!(
        asked.iter().all(|again| again.body == asked[0].body && again.body.contains("key-1")),
        "{asked:?}"
    );
    // Half of 100 and of 200 ms, then seven seconds and half of 100 ms.
    assert_eq!(host.waits(), [50, 100, 7_050]);
}

#[tokio::test]
async fn tries_end() {
    let host =
        Scripted::host([Script::BreakOff, Script::BreakOff, Script::BreakOff, Script::BreakOff, accepted()])
            .await;
    let error = host.client().enqueue(&envelope(), &TaskOptions::default()).await.unwrap_err();
    assert!(error.may_be_done(), "{error}");
    assert!(error.to_string().ends_with("; whether it was done is not known"), "{error}");
    assert_eq!((host.lines().len(), host.waits()), (4, vec![50, 100, 200]));
}

#[tokio::test]
async fn what_the_host_refuses_is_not_asked_again() {
    let host = Scripted::host([problem(422, "payload_invalid", "no"), accepted()]).await;
    let error = host.client().enqueue(&envelope(), &TaskOptions::default()).await.unwrap_err();
    assert_eq!(error.problem().map(|problem| problem.code.as_str()), Some("payload_invalid"));
    assert_eq!(host.lines().len(), 1);
}

#[tokio::test]
async fn a_host_that_stops_is_asked_again_and_then_told_of() {
    let stopping = || problem_after(503, "stopping", "the host is stopping", Some("1"));
    let host = Scripted::host([stopping(), stopping(), stopping(), stopping()]).await;
    let error = host.client().stats().await.unwrap_err();
    assert_eq!(error.to_string(), "stopping: the host is stopping");
    assert_eq!(host.waits(), [1_050, 1_050, 1_050]);
}

#[tokio::test]
async fn a_wait_beyond_the_time_for_all_tries_is_not_begun() {
    let busy = || problem_after(429, "rate_limited", "slowly", Some("25"));
    let host = Scripted::host([busy(), busy(), busy(), busy()]).await;
    let error = host.client().stats().await.unwrap_err();
    assert_eq!(error.problem().map(|problem| problem.status), Some(429));
    assert_eq!(
        (host.lines().len(), host.waits()),
        (3, vec![25_050, 25_050]),
        "a third time is over a minute"
    );
}

/// Before that it would be told the same.
#[tokio::test]
async fn a_wait_that_is_too_long_is_told_at_once() {
    let busy = || problem_after(429, "rate_limited", "not before tomorrow", Some("86400"));
    let host = Scripted::host([busy(), accepted()]).await;
    let error = host.client().enqueue(&envelope(), &TaskOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "rate_limited: not before tomorrow");
    assert!(!error.may_be_done(), "{error}");
    assert_eq!((host.lines().len(), host.waits()), (1, vec![]));

    let host = Scripted::host([busy(), stream_of("event: end\ndata: {}\n\n")]).await;
    host.client().events(None, None).next().await.unwrap_err();
    assert_eq!((host.lines().len(), host.waits()), (1, vec![]), "nor a stream");
}

#[tokio::test]
async fn what_never_passes_is_not_sent_again() {
    let host = Scripted::host([problem(413, "too_large", "send less"), accepted()]).await;
    host.client().enqueue(&envelope(), &TaskOptions::default()).await.unwrap_err();
    assert_eq!(host.lines().len(), 1);
}

#[tokio::test]
async fn a_retry_by_hand_is_sent_once() {
    for script in
        [Script::BreakOff, Script::BreakOffInside, problem(503, "store_unavailable", "the disk is full")]
    {
        let host = Scripted::host([script, json(202, r#"{"taskId":"t","state":"queued"}"#)]).await;
        host.client().retry("t", None).await.unwrap_err();
        assert_eq!(host.lines(), ["POST /v1/tasks/t/retry"]);
    }
    let host = Scripted::host([Script::BreakOff]).await;
    let error = host.client().retry_many(&BulkRequest::default()).await.unwrap_err();
    assert!(error.may_be_done(), "{error}");
    assert_eq!(host.lines(), ["POST /v1/tasks/retry"]);
}

#[tokio::test]
async fn a_retry_by_hand_that_was_not_let_in_is_sent_again() {
    let host = Scripted::host([
        problem(429, "rate_limited", "slowly"),
        json(202, r#"{"taskId":"t","state":"queued"}"#),
    ])
    .await;
    assert_eq!(host.client().retry("t", None).await.unwrap().state, "queued");
}

#[tokio::test]
async fn counting_what_a_retry_would_do_is_harmless() {
    let host =
        Scripted::host([Script::BreakOff, json(200, r#"{"matched":2,"changed":0,"refused":{}}"#)]).await;
    let request = BulkRequest { filter: TaskFilter::default(), preview: true };
    assert_eq!(host.client().retry_many(&request).await.unwrap().matched, 2);
}

#[tokio::test]
async fn a_cancel_can_be_said_twice() {
    let host = Scripted::host([Script::BreakOff, json(200, r#"{"taskId":"t","cancel":"already"}"#)]).await;
    assert_eq!(host.client().cancel("t").await.unwrap().cancel, "already");
}

/// A port where nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn where_nobody_listens_nothing_can_have_been_done() {
    let host = Scripted::host([]).await;
    let client = Client::with_options(&nobody().await, None, host.options()).unwrap();
    // Also what is sent only once: it was not.
    let error = client.retry("t", None).await.unwrap_err();
    let ClientError::Unreachable { problem, may_be_done: false, .. } = &error else { panic!("{error}") };
    assert!(problem.contains("Connection refused"), "{error}");
    assert_eq!(host.waits(), [50, 100, 200]);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told() {
    let host = Scripted::host([]).await;
    let client = Client::with_options("http://nobody.invalid", None, host.options()).unwrap();
    let error = client.stats().await.unwrap_err();
    assert!(matches!(&error, ClientError::Unreachable { may_be_done: false, .. }), "{error}");
    assert!(error.to_string().starts_with("reading the stats at `http://nobody.invalid`: "), "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_without_end() {
    let host = Scripted::host([Script::Hold, Script::Hold]).await;
    let client = host.client_with(|options| {
        options.answer_ms = 300;
        options.retry = Retry { max_attempts: 2, ..options.retry };
    });
    let error = client.enqueue(&envelope(), &TaskOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { waited_ms: 300, may_be_done: true, .. }), "{error}");
    assert_eq!(host.lines().len(), 2);
}

#[tokio::test]
async fn what_is_about_many_tasks_may_take_longer() {
    let host = Scripted::host([Script::Hold]).await;
    let client = host.client_with(|options| {
        options.answer_ms = 1;
        options.many_answer_ms = 200;
    });
    let error = client.retry_many(&BulkRequest::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { waited_ms: 200, .. }), "{error}");
}

#[tokio::test]
async fn after_an_answer_that_did_not_come_the_next_is_read_on_another_connection() {
    let host = Scripted::host([Script::Hold, accepted()]).await;
    let client = host.client_with(|options| options.answer_ms = 500);
    client.enqueue(&envelope(), &TaskOptions::default()).await.unwrap();
    let connections: Vec<_> = host.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [1, 2]);
}
