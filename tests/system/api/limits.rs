//! What a client can use up.

use super::{echo, shown};
use crate::host::TestHost;
use crate::serving::ALL_ROLES;
use serde_json::json;

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
    slow.send(b"GET /healthz HTTP/1.1\r\nHost");
    assert!(slow.is_closed(), "it was answered");
    http.get("/healthz").is(200);
    serving.stop();
}

#[test]
fn headers_and_lines_have_a_size() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let long = "x".repeat(33 << 10);
    for request in [
        format!("GET /v1/tasks?label={long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("GET /v1/tasks HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n"),
        format!("GET /v1/tasks HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200)),
    ] {
        let mut connection = http.connect();
        connection.send(request.as_bytes());
        connection.answer().is(431);
    }
    http.get("/healthz").is(200);
    serving.stop();
}

#[test]
fn what_is_no_http_is_refused() {
    let host = TestHost::new();
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    for request in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n"] {
        let mut connection = http.connect();
        connection.send(request.as_bytes());
        connection.answer().is(400);
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
    let serving = host.serve(ALL_ROLES);
    let http = serving.http();
    let streams: Vec<_> = (0..256).map(|_| http.follow("/v1/events", &[])).collect();
    let problem = http.get("/v1/events").is_problem(429, "rate_limited");
    insta::assert_snapshot!(shown(&problem), @"
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
