//! What is not the answer that was asked for, and how it is told.

use crate::scripted::{Script, Scripted, json, problem};
use mainworker_client::ClientError;
use tokio::net::TcpListener;

fn page(status: u16, headers: &[(&'static str, &str)], body: &str) -> Script {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Script::Answer { status, headers, body: body.to_owned() }
}

async fn error_of(script: Script) -> ClientError {
    let host = Scripted::host([script]).await;
    host.client().retry("t", None).await.unwrap_err()
}

#[tokio::test]
async fn a_problem_is_told_by_its_code_and_in_the_words_of_the_host() {
    let error = error_of(problem(409, "not_retryable", "the task is running, expected one that ended")).await;
    assert_eq!(error.to_string(), "not_retryable: the task is running, expected one that ended");
    assert_eq!(
        error.problem().map(|problem| (problem.status, problem.code.as_str())),
        Some((409, "not_retryable"))
    );
}

#[tokio::test]
async fn a_token_that_does_not_open_is_told_apart_from_a_role_that_is_missing() {
    let error = error_of(problem(401, "unauthenticated", "no token was shown")).await;
    assert!(
        matches!(&error, ClientError::Unauthenticated { detail, .. } if detail == "no token was shown"),
        "{error}"
    );
    let error = error_of(problem(403, "role_missing", "the role `operate` is missing")).await;
    assert!(
        matches!(&error, ClientError::RoleMissing { detail, .. } if detail.contains("operate")),
        "{error}"
    );
    let error = error_of(page(401, &[], "")).await;
    assert!(matches!(error, ClientError::Unauthenticated { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_no_answer() {
    let html = &[("content-type", "text/html; charset=utf-8")];
    for (script, found) in [
        (page(200, html, "<html>"), "found 200 OK with `text/html`: "),
        (
            page(404, html, "<html>"),
            "found 404 Not Found with `text/html`, expected an answer of MainWorker's",
        ),
        (page(500, &[], ""), "found 500 Internal Server Error with no media type"),
        (
            page(302, &[("location", "https://b.example/login")], ""),
            "found 302 Found to `https://b.example/login`",
        ),
        (json(200, "[]"), "found 200 OK with `application/json`: "),
        (json(404, r#"{"status":404,"message":"no"}"#), "found 404 Not Found with `application/json`"),
    ] {
        let error = error_of(script).await;
        assert!(matches!(error, ClientError::NotAHost { .. }), "{error}");
        assert!(error.to_string().contains(found), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_stays() {
    let other = Scripted::host([json(200, "{}")]).await;
    let host =
        Scripted::host([page(307, &[("location", &format!("{}/v1/tasks/t/retry", other.base))], "")]).await;
    host.client().retry("t", None).await.unwrap_err();
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_gateway_that_reaches_nobody_is_unreachable() {
    for status in [502, 503, 504] {
        let error = error_of(page(status, &[("content-type", "text/html")], "<html>")).await;
        let ClientError::Unreachable { problem, may_be_done, .. } = &error else { panic!("{error}") };
        assert!(problem.starts_with(&format!("a gateway answers {status} ")), "{error}");
        assert!(may_be_done, "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let host = Scripted::host([json(200, &format!("\"{}\"", "x".repeat(2_000)))]).await;
    let client = host.client_with(|options| options.answer_bytes_max = 1_000);
    let error = client.stats().await.unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { bytes_max: 1_000, .. }), "{error}");
    assert_eq!(host.lines().len(), 1, "and not asked for again");
}

#[tokio::test]
async fn what_speaks_no_http_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.writable().await.unwrap();
            socket.try_write(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap();
        }
    });
    let host = Scripted::host([]).await;
    let client = mainworker_client::Client::with_options(&base, None, host.options()).unwrap();
    let error = client.stats().await.unwrap_err();
    assert!(matches!(&error, ClientError::Unreachable { .. }), "{error}");
    assert!(!error.may_be_done(), "{error}");
}
