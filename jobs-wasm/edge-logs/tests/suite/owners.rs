//! Whose a stream is, where the payload does not say.

use edge_logs::with_accounts;
use mainworker::http::ErrorKind;
use mainworker::testing::{Host, RecordedAnswer, answer};
use mainworker::{Context, Failure};
use serde_json::json;

use crate::edge::{Edge, combined, payload};

fn host(reply: RecordedAnswer) -> Host {
    Host::new()
        .config("accounts.url", "https://accounts.example/v1")
        .config("accounts.token", "sample-token")
        .http(reply)
}

fn streams() -> RecordedAnswer {
    answer("GET", "https://accounts.example/v1/streams")
}

#[test]
fn the_accounts_service_says_whose_a_stream_is() {
    let edge = Edge::new().with("a.log", combined("osaka", 7));
    let host = host(streams().json(200, &json!({ "streams": { "osaka": "acme" } })));
    let report = host.run(|| edge.run(with_accounts(payload(&[]))?)).unwrap();
    assert_eq!((report.accounts["acme"].bytes, report.unknown.len()), (7, 0));
    let [request] = host.requests().try_into().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer sample-token"));
}

#[test]
fn accounts_of_the_payload_go_first() {
    let host = host(streams());
    let asked = payload(&[("osaka", "globex")]);
    assert_eq!(host.run(|| with_accounts(asked.clone())), Ok(asked));
    assert_eq!(host.requests(), []);
}

#[test]
fn without_both_all_streams_are_unknown() {
    let edge = Edge::new().with("a.log", combined("osaka", 7));
    let report = Host::new().run(|| edge.run(with_accounts(payload(&[]))?)).unwrap();
    assert_eq!((report.accounts.len(), report.unknown["osaka"].bytes), (0, 7));
}

#[test]
fn an_accounts_service_that_does_not_answer_as_it_should_fails_the_attempt() {
    for reply in [
        streams().body("<html>"),
        streams().json(200, &json!({ "streams": ["osaka"] })),
        streams().status(404),
        streams().status(500),
        streams().fails(ErrorKind::Unreachable),
        streams().fails(ErrorKind::Denied),
    ] {
        let failure = host(reply).run(|| with_accounts(payload(&[]))).context("reading").unwrap_err();
        assert_eq!(failure, Failure::failed(failure.message()));
        let start = "reading: asking the accounts service: GET https://accounts.example/v1/streams: ";
        assert!(failure.message().starts_with(start), "{failure}");
    }
}
