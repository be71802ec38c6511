//! What is tried again, how often, and after how long.

use crate::client::{blob, options, pull, registry};
use crate::scripted::{Answer, Server, answer, head};
use mainworker_publishing::registry::Registry;
use mainworker_publishing::repository::{Repository, RepositoryError};
use std::sync::Mutex;

/// Pulls `module` from a server; the waits in between.
async fn pull_with_waits(server: &Server) -> (Result<Vec<u8>, RepositoryError>, Vec<u64>) {
    let (options, waits) = options(&server.host);
    let pulled = pull(&Registry::new(&options).unwrap(), &blob("module")).await;
    let waits = waits.lock().unwrap().clone();
    (pulled, waits)
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_anew() {
    for broken in
        [Vec::new(), b"HTTP/1.1 2".to_vec(), [head(200, "content-length: 6\r\n"), b"mod".to_vec()].concat()]
    {
        let server = Server::start(move |_, n| match n {
            0 => Answer::Bytes(broken.clone()),
            _ => answer(200, "", "module"),
        });
        let (pulled, waits) = pull_with_waits(&server).await;
        assert_eq!(pulled.unwrap(), b"module");
        assert_eq!((server.lines().len(), waits), (2, vec![50]));
    }
}

#[tokio::test]
async fn the_bytes_of_a_broken_try_are_not_counted_twice() {
    let server = Server::start(|_, n| match n {
        0 => Answer::Bytes([head(200, "content-length: 6\r\n"), b"mod".to_vec()].concat()),
        _ => answer(200, "", "module"),
    });
    let heard = Mutex::new(Vec::new());
    let progress = |bytes| heard.lock().unwrap().push(bytes);
    registry(&server).blob(&blob("module").descriptor, &progress).await.unwrap();
    assert_eq!(heard.into_inner().unwrap(), [3, 6]);
}

#[tokio::test]
async fn a_body_that_always_breaks_off_is_given_up() {
    let server =
        Server::start(|_, _| Answer::Bytes([head(200, "content-length: 6\r\n"), b"mod".to_vec()].concat()));
    let (pulled, waits) = pull_with_waits(&server).await;
    let error = pulled.unwrap_err();
    assert!(matches!(error, RepositoryError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("broke off after 3 bytes"), "{error}");
    assert_eq!((server.lines().len(), waits), (3, vec![50, 100]));
}

#[tokio::test]
async fn trouble_of_the_registry_passes_or_is_given_up() {
    let server = Server::start(|_, n| if n < 2 { answer(500, "", "") } else { answer(200, "", "module") });
    let (pulled, waits) = pull_with_waits(&server).await;
    assert_eq!((pulled.unwrap(), waits), (b"module".to_vec(), vec![50, 100]));

    let server = Server::start(|_, _| answer(500, "", r#"{"errors":[{"code":"UNKNOWN","message":"disk"}]}"#));
    let (pulled, _) = pull_with_waits(&server).await;
    let error = pulled.unwrap_err();
    assert!(matches!(error, RepositoryError::Unavailable { .. }), "{error}");
    assert!(error.to_string().ends_with("it answered 500 Internal Server Error (UNKNOWN: disk)"), "{error}");
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn a_registry_that_has_too_many_requests_says_when_to_come_again() {
    let limited = |n, retry_after: &'static str| {
        if n == 0 {
            answer(429, &format!("retry-after: {retry_after}\r\n"), "")
        } else {
            answer(200, "", "module")
        }
    };
    let server = Server::start(move |_, n| limited(n, "2"));
    let (pulled, waits) = pull_with_waits(&server).await;
    assert_eq!((pulled.unwrap(), waits), (b"module".to_vec(), vec![2_050]), "never earlier than it says");

    let server = Server::start(move |_, n| limited(n, "3600"));
    let (pulled, waits) = pull_with_waits(&server).await;
    let error = pulled.unwrap_err();
    assert!(error.to_string().contains("429 Too Many Requests"), "{error}");
    assert_eq!((server.lines().len(), waits), (1, vec![]), "nobody waits for an hour");
}

#[tokio::test]
async fn what_will_not_change_is_asked_once() {
    for status in [400, 403, 404, 405, 416, 206, 204] {
        let server = Server::start(move |_, _| answer(status, "", ""));
        let (pulled, waits) = pull_with_waits(&server).await;
        assert!(pulled.unwrap_err().to_string().contains("pulling the blob"), "{status}");
        assert_eq!((server.lines().len(), waits), (1, vec![]), "{status}");
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (options, waits) = options(&host);
    let error = pull(&Registry::new(&options).unwrap(), &blob("module")).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert_eq!(*waits.lock().unwrap(), [50, 100]);
}
