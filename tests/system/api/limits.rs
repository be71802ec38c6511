//! What a client can use up.

use super::tokens::{create, with};
use super::{echo, shown};
use crate::host::TestHost;
use crate::http::Http;
use crate::serving::ALL_ROLES;
use serde_json::json;
use std::time::{Duration, Instant};

/// Longer than any client is waited for.
const PATIENCE: Duration = Duration::from_secs(100);

#[test]
fn a_connection_is_kept() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let mut connection = http.connect();
    let body = echo(json!({})).to_string();
    for _ in 0..20 {
        connection.send(&http.head("POST", "/v1/tasks", &[("content-type", "application/json")], body.len()));
        connection.send(body.as_bytes());
        connection.answer().is(202);
        connection.send(&http.head("GET", "/v1/tasks?limit=1", &[], 0));
        connection.answer().is(200);
        connection.send(&http.head("GET", "/nowhere", &[], 0));
        connection.answer().is_problem(404, "not_found");
        // Refused before it is read, and the connection goes on all the same.
        connection.send(&http.without_token().head("POST", "/v1/tasks", &[], body.len()));
        connection.send(body.as_bytes());
        connection.answer().is_problem(401, "unauthenticated");
    }
    serving.stop();
}

#[test]
fn a_client_that_sends_its_headers_letter_by_letter_is_given_up() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let mut slow = http.connect();
    let begun = Instant::now();
    slow.send(b"GET /healthz HTTP/1.1\r\nx-slow: ");
    while !slow.closes_within(Duration::from_millis(200)) {
        assert!(begun.elapsed() < PATIENCE, "letters keep it open");
        slow.send(b"x");
    }
    http.get("/healthz").is(200);
    serving.stop();
}

#[test]
fn headers_and_lines_have_a_size() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let (long, endless) = ("x".repeat(33 << 10), "x".repeat(2 << 20));
    for request in [
        format!("GET /v1/tasks?label={long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("GET /v1/tasks HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n"),
        format!("GET /v1/tasks HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200)),
        // Whoever is not at the end of it when it is refused sees the answer as well.
        format!("GET /v1/tasks HTTP/1.1\r\nhost: x\r\nx-long: {endless}"),
        format!("GET /{endless}"),
    ] {
        let mut connection = http.connect();
        connection.send(request.as_bytes());
        let answer = connection.answer();
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown(&answer.is_problem(431, "headers_too_large")), @"
            431 headers_too_large
              the line and the headers of the request are too large, expected at most 32768 bytes and 100 headers
              hint: shorten the query, and leave out headers and cookies that the host does not need
            ");
        }
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.is_closed());
    }
    http.get("/healthz").is(200);
    serving.stop();
}

#[test]
fn what_is_no_http_is_refused() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    for request in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        // The first bytes of TLS.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let mut connection = http.connect();
        connection.send(request);
        let answer = connection.answer();
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown(&answer.is_problem(400, "malformed_request")), @"
            400 malformed_request
              the request cannot be read: its line or a header is not HTTP/1.1
              hint: send HTTP/1.1, over TLS only to a host that listens on `https://`; a client library does, `curl --verbose` shows what is sent
            ");
        }
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.is_closed());
    }
    serving.stop();
}

/// What was asked for before on the connection is answered as if nothing came after it.
#[test]
fn only_what_cannot_be_read_is_refused() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let good = http.head("GET", "/v1/jobs", &[], 0);
    let alone = http.get("/v1/jobs").is(200).json();
    for is_at_once in [false, true] {
        let mut connection = http.connect();
        for _ in 0..3 {
            connection.send(&good);
            if !is_at_once {
                assert_eq!(connection.answer().is(200).json(), alone);
            }
        }
        connection.send(b"GET / HTTP/9\r\n\r\n");
        if is_at_once {
            for _ in 0..3 {
                assert_eq!(connection.answer().is(200).json(), alone);
            }
        }
        connection.answer().is_problem(400, "malformed_request");
        assert!(connection.is_closed());
    }
    serving.stop();
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let json = [("content-type", "application/json")];
    // Of that size it is only said to be; its answer comes all the same.
    let mut announced = http.connect();
    announced.send(&http.head("POST", "/v1/tasks/batch", &json, (64 << 20) + 1));
    let problem = announced.answer().is_problem(413, "too_large");
    insta::assert_snapshot!(shown(&problem), @"
    413 too_large
      the batch has 67108865 bytes, expected at most 67108864
      hint: send several batches
    ");

    // One that does not say how much there is.
    let mut chunked = http.connect();
    let head = http.head(
        "GET",
        "/v1/tasks",
        &[("content-type", "application/json"), ("transfer-encoding", "chunked")],
        0,
    );
    let head = String::from_utf8(head).expect("text").replacen("GET", "POST", 1);
    chunked.send(head.as_bytes());
    let piece = format!("{:x}\r\n{}\r\n", 128 << 10, "x".repeat(128 << 10));
    for _ in 0..10 {
        chunked.send(piece.as_bytes());
    }
    let problem = chunked.answer().is_problem(413, "too_large");
    insta::assert_snapshot!(shown(&problem), @"
    413 too_large
      the request has more than 1114112 bytes, expected at most 1114112
      hint: pass data in a mount and name it in the payload
    ");
    serving.stop();
}

#[test]
fn streams_are_bounded() {
    let host = TestHost::new();
    let serving = host.serve("server.source = \"api\"\nserver.roles = [\"enqueue\", \"read\", \"admin\"]");
    let http = serving.http();
    let tokens = [(); 2].map(|()| create(&serving, &["--source", "ci", "--role", "read"]).1);
    let [other, third] = tokens.map(|token| with(&serving, &token));
    let refused = |http: &Http| shown(&http.get("/v1/events").is_problem(429, "rate_limited"));
    let mut streams: Vec<_> = (0..128).map(|_| http.follow("/v1/events", &[])).collect();
    // Nobody takes all places.
    insta::assert_snapshot!(refused(&http), @"
    429 rate_limited
      128 streams are open, expected fewer
      hint: close some, or try again later
    ");
    streams.extend((0..128).map(|_| other.follow("/v1/events", &[])));
    insta::assert_snapshot!(refused(&third), @"
    429 rate_limited
      256 streams are open, expected fewer
      hint: close some, or try again later
    ");
    // Everything else is answered all the same, and who leaves makes room.
    http.get("/v1/stats").is(200);
    drop(streams);
    while http.ask_status("GET", "/v1/events") == 429 {
        std::thread::yield_now();
    }
    serving.stop();
}

#[test]
fn a_body_that_breaks_off_stores_nothing() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    http.post("/v1/pause", &json!({})).is(200);
    let body = echo(json!({})).to_string();
    let mut connection = http.connect();
    connection.send(&http.head("POST", "/v1/tasks", &[], body.len() + 1));
    connection.send(body.as_bytes());
    drop(connection);
    // Chunked, and then no chunk.
    let mut connection = http.connect();
    let head = String::from_utf8(http.head("GET", "/v1/tasks", &[("transfer-encoding", "chunked")], 0));
    connection.send(head.expect("text").replacen("GET", "POST", 1).as_bytes());
    connection.send(format!("{:x}\r\n{body}\r\nnot a size\r\n", body.len()).as_bytes());
    connection.answer().is_problem(400, "malformed_json");
    assert_eq!(http.get("/v1/tasks").json()["tasks"], json!([]));
    serving.stop();
}
