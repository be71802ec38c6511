//! Streams that grow, break off and come back.

use crate::scripted::{Script, Scripted, cut_stream_of, json, problem, stream_of};
use bytes::Bytes;
use mainworker_client::wire::LogEntry;
use mainworker_client::{ClientError, Followed, Happened, LogFollower};
use mainworker_domain::manifest::Retry;
use tokio::sync::mpsc;

fn line(cursor: &str, message: &str) -> String {
    format!(
        "id: {cursor}\nevent: line\ndata: {{\"attempt\":1,\"atMs\":5,\"level\":\"info\",\"context\":\"\",\"message\":\"{message}\"}}\n\n"
    )
}

const END: &str = "event: end\ndata: {\"state\":\"completed\",\"outcome\":\"completed\"}\n\n";

fn task(state: &str) -> Script {
    json(
        200,
        &format!(
            r#"{{"taskId":"t","job":"echo","revision":"sha256:0","source":"api","state":"{state}","outcome":null,"result":null,
"error":null,"progress":null,"priority":0,"label":null,"tags":[],"createdAt":"x","runAt":"x","expiresAt":null,"startedAt":null,
"finishedAt":null,"maxAttempts":5,"cancelRequested":false,"parent":null,"attempts":[]}}"#
        ),
    )
}

/// What a follower brings until its end, in short.
async fn all(log: &mut LogFollower) -> Result<Vec<String>, ClientError> {
    let mut said = Vec::new();
    while let Some(step) = log.next().await? {
        said.push(short(&step));
    }
    Ok(said)
}

fn short(step: &Followed) -> String {
    match step {
        Followed::Line(LogEntry { message, .. }) => message.clone(),
        Followed::Progress(progress) => format!("{} %", progress.percent),
        Followed::End(end) => format!("end: {}", end.state),
    }
}

#[tokio::test]
async fn a_log_is_followed_to_the_end_of_its_task() {
    let progress = "event: progress\ndata: {\"percent\":50,\"message\":\"half\"}\n\n";
    let text =
        format!("{}: alive\n\n{progress}event: new\ndata: 1\n\n{}{END}", line("1.1", "a"), line("1.2", "b"));
    let host = Scripted::host([stream_of(&text)]).await;
    let mut log = host.client().follow_log("t").unwrap();
    assert_eq!(all(&mut log).await.unwrap(), ["a", "50 %", "b", "end: completed"]);
    assert_eq!(log.next().await.unwrap(), None, "nothing follows");
    assert_eq!(host.lines(), ["GET /v1/tasks/t/log?follow"]);
    assert_eq!(host.asked()[0].header("accept"), Some("text/event-stream"));
    assert_eq!(host.asked()[0].header("last-event-id"), None);
}

#[tokio::test]
async fn a_stream_that_is_cut_goes_on_after_its_last_whole_line() {
    let (first, second) = (line("1.1", "a"), line("1.2", "b"));
    let (half, _) = second.split_at(20);
    let host = Scripted::host([
        cut_stream_of(&format!("{first}{half}")),
        Script::BreakOff,
        stream_of(&second),
        stream_of(END),
    ])
    .await;
    let mut log = host.client().follow_log("t").unwrap();
    assert_eq!(all(&mut log).await.unwrap(), ["a", "b", "end: completed"]);
    let after: Vec<_> =
        host.asked().iter().map(|asked| asked.header("last-event-id").map(str::to_owned)).collect();
    let after: Vec<_> = after.iter().map(Option::as_deref).collect();
    assert_eq!(after, [None, Some("1.1"), Some("1.1"), Some("1.2")]);
}

#[tokio::test]
async fn streams_that_do_not_last_are_asked_for_ever_more_slowly() {
    let empty = || stream_of(": hello\n\n");
    let host = Scripted::host([empty(), empty(), empty(), empty(), stream_of(END)]).await;
    all(&mut host.client().follow_log("t").unwrap()).await.unwrap();
    assert_eq!(host.waits(), [50, 100, 200, 400]);
}

#[tokio::test]
async fn a_host_that_restarts_is_waited_for_and_one_that_stays_away_is_not() {
    let away = (0..200).map(|_| problem(503, "stopping", "the host is stopping"));
    let host = Scripted::host([stream_of(&line("1.1", "a"))].into_iter().chain(away)).await;
    let mut log = host.client().follow_log("t").unwrap();
    let error = all(&mut log).await.unwrap_err();
    assert_eq!(error.to_string(), "stopping: the host is stopping");
    let waited: u64 = host.waits().iter().sum();
    assert!((55_000..=65_000).contains(&waited), "{waited} ms, about a minute");
}

#[tokio::test]
async fn a_stream_that_never_was_there_gets_the_tries_of_any_request() {
    let host = Scripted::host([
        Script::BreakOff,
        Script::BreakOff,
        Script::BreakOff,
        Script::BreakOff,
        stream_of(END),
    ])
    .await;
    let error = all(&mut host.client().follow_log("t").unwrap()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { may_be_done: false, .. }), "{error}");
    assert_eq!(host.lines().len(), 4);
}

#[tokio::test]
async fn a_task_that_is_not_there_has_no_log() {
    let host = Scripted::host([problem(404, "unknown_task", "there is no task `t` here")]).await;
    let error = host.client().follow_log("t").unwrap().next().await.unwrap_err();
    assert_eq!(error.problem().map(|problem| problem.code.as_str()), Some("unknown_task"));
    assert_eq!(host.lines().len(), 1);
}

#[tokio::test]
async fn a_problem_in_a_stream_that_may_pass_is_waited_for_and_another_is_told() {
    let said = |status: u16, code: &str| {
        format!(
            "event: problem\ndata: {{\"type\":\"about:blank\",\"title\":\"x\",\"status\":{status},\"code\":\"{code}\",\"detail\":\"d\"}}\n\n"
        )
    };
    let host = Scripted::host([
        stream_of(&said(503, "store_unavailable")),
        stream_of("event: stopping\ndata: {}\n\n"),
        stream_of(&said(404, "unknown_task")),
    ])
    .await;
    let error = host.client().follow_log("t").unwrap().next().await.unwrap_err();
    assert_eq!(error.problem().map(|problem| problem.code.as_str()), Some("unknown_task"));
    assert_eq!(host.waits(), [50, 100]);
}

#[tokio::test]
async fn a_stream_in_which_nothing_comes_is_taken_for_dead() {
    // The sender is kept: nobody closes this connection.
    let (_silent, pieces) = mpsc::unbounded_channel();
    let host = Scripted::host([Script::Stream(pieces), stream_of(END)]).await;
    let client = host.client_with(|options| options.stream_idle_ms = 500);
    assert_eq!(all(&mut client.follow_log("t").unwrap()).await.unwrap(), ["end: completed"]);
}

#[tokio::test]
async fn what_was_cut_short_by_a_select_is_not_lost() {
    let (send, pieces) = mpsc::unbounded_channel();
    let host = Scripted::host([Script::Stream(pieces)]).await;
    let mut log = host.client().follow_log("t").unwrap();
    let text = format!("{}{END}", line("1.1", "a"));
    let mut bytes = text.into_bytes().into_iter();
    let mut said = Vec::new();
    loop {
        tokio::select! {
            biased;
            step = log.next() => match step.unwrap() {
                Some(step) => said.push(short(&step)),
                None => break,
            },
            () = tokio::task::yield_now() => {
                if let Some(byte) = bytes.next() {
                    send.send(Ok(Bytes::from(vec![byte]))).unwrap();
                }
            }
        }
    }
    assert_eq!(said, ["a", "end: completed"]);
    assert_eq!(host.lines().len(), 1, "on one connection");
}

#[tokio::test]
async fn an_event_without_end_is_not_held() {
    let host = Scripted::host([stream_of(&format!("data: {}", "x".repeat(2_000)))]).await;
    let client = host.client_with(|options| options.answer_bytes_max = 1_000);
    let error = client.follow_log("t").unwrap().next().await.unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { bytes_max: 1_000, .. }), "{error}");
}

#[tokio::test]
async fn an_end_with_other_data_is_of_somebody_else() {
    let host = Scripted::host([stream_of("event: end\ndata: bye\n\n")]).await;
    let error = host.client().follow_log("t").unwrap().next().await.unwrap_err();
    assert!(matches!(&error, ClientError::NotAHost { found, .. } if found.contains("`end`")), "{error}");
}

#[tokio::test]
async fn waiting_brings_the_task_and_what_it_says() {
    let host = Scripted::host([stream_of(&format!("{}{END}", line("1.1", "a"))), task("completed")]).await;
    let mut said = Vec::new();
    let ended = host.client().wait_with("t", |step| said.push(short(&step))).await.unwrap();
    assert_eq!(
        (ended.state.as_str(), said),
        ("completed", vec!["a".to_owned(), "end: completed".to_owned()])
    );
}

#[tokio::test]
async fn a_task_with_a_new_life_is_waited_for_again() {
    let host = Scripted::host([stream_of(END), task("queued"), stream_of(END), task("completed")]).await;
    assert_eq!(host.client().wait("t").await.unwrap().state, "completed");
    assert_eq!(host.lines().len(), 4);
}

#[tokio::test]
async fn where_streams_do_not_come_through_the_task_is_looked_at() {
    let host =
        Scripted::host([json(200, "{}"), task("queued"), task("running"), task("queued"), task("failed")])
            .await;
    assert_eq!(host.client().wait("t").await.unwrap().state, "failed");
    assert_eq!(host.waits(), [375, 750, 1_500]);
    let many = || problem(429, "rate_limited", "256 streams are open");
    let host = Scripted::host([many(), many(), many(), many(), task("completed")]).await;
    assert_eq!(host.client().wait("t").await.unwrap().state, "completed");
    let host = Scripted::host([Script::Hold, task("completed")]).await;
    let client = host.client_with(|options| {
        options.answer_ms = 500;
        options.retry = Retry { max_attempts: 1, ..options.retry };
    });
    assert_eq!(client.wait("t").await.unwrap().state, "completed");
}

#[tokio::test]
async fn events_come_with_their_fields_and_gaps_are_told() {
    let host = Scripted::host([
        stream_of("event: attempt-started\ndata: {\"kind\":\"attempt-started\",\"attempt\":1}\n\nevent: missed\ndata: {\"kind\":\"missed\",\"count\":7}\n\n"),
        stream_of("event: paused\ndata: {\"kind\":\"paused\"}\n\n"),
    ])
    .await;
    let mut events = host.client().events(Some("echo"), None);
    let Happened::Event { kind, data } = events.next().await.unwrap() else { panic!() };
    assert_eq!((kind.as_str(), &data["attempt"]), ("attempt-started", &serde_json::json!(1)));
    assert_eq!(events.next().await.unwrap(), Happened::Missed { count: Some(7) });
    assert_eq!(events.next().await.unwrap(), Happened::Missed { count: None });
    assert!(matches!(events.next().await.unwrap(), Happened::Event { kind, .. } if kind == "paused"));
    assert_eq!(host.lines(), ["GET /v1/events?job=echo", "GET /v1/events?job=echo"]);
}
