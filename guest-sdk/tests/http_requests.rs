//! What a job's request looks like when it reaches the host, and what is refused before.

use std::time::Duration;

use mainworker::http::{self, ErrorKind, Request};
use mainworker::testing::{self, SentRequest};

const URL: &str = "https://mail.example/v1/send";

/// What reaches the host. No answer is recorded for it.
fn sent(request: Request) -> SentRequest {
    let host = testing::Host::new();
    let error = host.run(|| request.send()).expect_err("no answer is recorded");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    host.requests().pop().expect("what reached the host is kept")
}

fn refused(request: Request) -> String {
    let host = testing::Host::new();
    let error = host.run(|| request.send()).expect_err("it cannot be sent");
    assert_eq!((error.kind(), host.requests().len()), (ErrorKind::Invalid, 0), "{error}");
    error.to_string()
}

#[test]
fn a_request_is_sent_as_it_was_built() {
    let request = sent(
        http::post(format!("{URL}?dry"))
            .query("to", "a b&c@mail.example")
            .query("key", "mwsecret-0a1b-1")
            .header("Idempotency-Key", "task 7")
            .bearer("mwsecret-0a1b-2")
            .timeout(Duration::from_secs(5))
            .json(&serde_json::json!({ "token": "mwsecret-0a1b-3" })),
    );
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.url,
        "https://mail.example/v1/send?dry&to=a%20b%26c%40mail.example&key=mwsecret-0a1b-1"
    );
    let headers = [
        ("idempotency-key", "task 7"),
        ("authorization", "Bearer mwsecret-0a1b-2"),
        ("content-type", "application/json"),
    ];
    assert_eq!(request.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(request.json().unwrap(), serde_json::json!({ "token": "mwsecret-0a1b-3" }));
    assert_eq!(request.timeout, Some(Duration::from_secs(5)));
}

#[test]
fn each_method_is_sent_under_its_name() {
    for (request, method) in [
        (http::get(URL), "GET"),
        (http::head(URL), "HEAD"),
        (http::post(URL), "POST"),
        (http::put(URL), "PUT"),
        (http::patch(URL), "PATCH"),
        (http::delete(URL), "DELETE"),
        (http::request("OPTIONS", URL), "OPTIONS"),
    ] {
        assert_eq!(sent(request).method, method);
    }
}

#[test]
fn a_form_and_basic_credentials_are_encoded() {
    let request =
        sent(http::put(URL).form(&[("to", "a&b=c"), ("text", "grün")]).basic("Aladdin", "open sesame"));
    assert_eq!(request.body, b"to=a%26b%3Dc&text=gr%C3%BCn");
    assert_eq!(request.header("Content-Type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

#[test]
fn a_header_takes_the_place_of_an_earlier_one() {
    let request = sent(http::post(URL).json(&()).header("Content-Type", "application/merge-patch+json"));
    let expected = (String::from("content-type"), String::from("application/merge-patch+json"));
    assert_eq!(request.headers, [expected]);
}

#[test]
fn what_cannot_be_sent_is_said_by_send_without_what_may_be_secret() {
    let line_end = refused(http::post(URL).bearer("hunter2\n"));
    assert_eq!(
        line_end,
        "POST https://mail.example/v1/send: the value of the header `authorization` has a line end, another control \
         character or a character outside ASCII at byte 14"
    );
    let not_json = refused(http::post(URL).json(&std::collections::BTreeMap::from([(vec![1], 2)])));
    assert_eq!(
        not_json,
        "POST https://mail.example/v1/send: the body cannot be written as JSON: key must be a string"
    );
    let no_url = refused(http::get("mail.example?key=hunter2"));
    assert_eq!(no_url, "GET `mail.example`: the URL begins with neither `https://` nor `http://`");
    let no_method = refused(http::request("get\n", format!("{URL}?key=hunter2")));
    assert_eq!(
        no_method,
        "get\\n https://mail.example/v1/send: the method is not written in upper-case letters, as in `GET`"
    );
    for (request, text) in [
        (http::request("", URL), "the method is not written"),
        (http::get(URL).header("Host", "b.example"), "the header `host` is written by the host"),
        (http::get(URL).header("content-length", "0"), "the header `content-length` is written by the host"),
        (http::get(URL).header("", "a"), "`` cannot be the name of a header"),
        (http::get(URL).header("a b", "a"), "`a b` cannot be the name of a header"),
        (http::get(URL).header("a\r\nhost", "a"), "`a\\r\\nhost` cannot be the name of a header"),
        (http::get(URL).header("x-name", "grün"), "outside ASCII at byte 2"),
        (http::get(URL).basic("a:b", "c"), "the user name for the Basic scheme has a `:`"),
        (http::get(URL).timeout(Duration::ZERO), "the timeout is zero"),
        // The first thing wrong is said.
        (http::get("nowhere").header("a b", "").header("Host", ""), "`a b` cannot be the name"),
    ] {
        let refused = refused(request);
        assert!(refused.contains(text), "{refused}");
    }
}

#[test]
fn what_a_request_carries_is_not_printed() {
    let request =
        http::post("https://user:hunter2@mail.example/send?key=hunter2").bearer("hunter2").json("hunter2");
    assert!(!format!("{request:?}").contains("hunter2"), "{request:?}");
}
