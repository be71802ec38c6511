//! Secrets that are put into requests: for whom and where the manifest says, and nowhere else.

use crate::support::harness::Harness;
use crate::support::run::{Run, result};
use crate::support::server::{Answer, Server, ok};
use mainworker_domain::configuration::GrantedValue;
use serde_json::{Value, json};

/// With everything that JSON, a form and a URL write in another way.
const CANARY: &str = "canary \"4b1d\" &c0ffee=\\ü";
const PLAIN: &str = "canary-4b1d-c0ffee";

/// The probe reads its secret from `keys` and writes it where `{}` stands.
fn sending(harness: &Harness, server: &Server, value: &str, places: Value) -> Run {
    harness
        .probe(json!({ "probe": "sends_secret", "authority": server.authority(), "path": "/" }))
        .http(&server.origin())
        .key("secret", json!({ "secret": true, "only-to": [server.origin()], "in": places }))
        .value(
            "secret",
            GrantedValue { value: value.to_owned().into(), secret: true, placeholder: true, of_host: true },
        )
}

fn log(report: &mainworker_sandbox::attempt::AttemptReport) -> String {
    report.log.iter().map(|line| format!("{}\n", line.message)).collect()
}

#[tokio::test]
async fn a_secret_arrives_where_it_may_stand_in_the_form_of_its_place() {
    let harness = Harness::shared().await;
    let all = json!(["header", "query", "body"]);
    for (key, given, value, arrives) in [
        ("authorization", json!("Bearer {}"), PLAIN, format!("authorization: Bearer {PLAIN}\r\n")),
        (
            "query",
            json!("/?key={}&x=1"),
            CANARY,
            "/?key=canary%20%224b1d%22%20%26c0ffee%3D%5C%C3%BC&x=1 HTTP".to_owned(),
        ),
        ("json", json!("{\"key\":\"{}\"}"), CANARY, r#"{"key":"canary \"4b1d\" &c0ffee=\\ü"}"#.to_owned()),
        ("form", json!("key={}"), CANARY, "key=canary%20%224b1d%22%20%26c0ffee%3D%5C%C3%BC".to_owned()),
        ("text", json!("key {}"), CANARY, format!("key {CANARY}")),
        (
            "basic",
            json!("user:{}"),
            PLAIN,
            "authorization: Basic dXNlcjpjYW5hcnktNGIxZC1jMGZmZWU=\r\n".to_owned(),
        ),
    ] {
        let server = Server::start(ok("thanks"));
        let report = sending(&harness, &server, value, all.clone()).with(key, given).end().await;
        assert_eq!(result(&report)["status"], 200, "{key}");
        let request = server.request();
        assert!(request.contains(&arrives), "{key}: {request}");
        assert!(!request.contains("mwsecret"), "{key}: {request}");
        if let Some((head, body)) = request.split_once("\r\n\r\n")
            && !body.is_empty()
        {
            assert!(head.contains(&format!("content-length: {}", body.len())), "{key}: {request}");
        }
        let seen = format!("{report:?}");
        assert!(!seen.contains("canary") && !seen.contains("c0ffee"), "{key}: {seen}");
    }
}

/// The placeholder is all that arrives; the log says which lines would let the secret go there.
#[tokio::test]
async fn anywhere_else_only_the_placeholder_arrives() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("thanks"));
    for (places, key, given, says) in [
        (json!(["query"]), "authorization", "Bearer {}", "in = [\"query\", \"header\"]"),
        (json!(["header"]), "query", "/?key={}", "in = [\"header\", \"query\"]"),
        (json!(["header"]), "json", "{\"key\":\"{}\"}", "in = [\"header\", \"body\"]"),
        (
            json!(["header", "query", "body"]),
            "query",
            "/path/{}",
            "put it into a header, the query or the body",
        ),
        (json!(["body"]), "gzip", "{}", "it has a `content-encoding`"),
    ] {
        let report = sending(&harness, &server, PLAIN, places).with(key, given).end().await;
        assert_eq!(result(&report)["status"], 200, "{key}");
        let request = server.requests().pop().unwrap();
        assert!(request.contains("mwsecret-") && !request.contains("canary"), "{key}: {request}");
        assert!(log(&report).contains(says), "{key}: {}", log(&report));
    }

    let other = Server::start(ok("thanks"));
    let run = sending(&harness, &server, PLAIN, json!(["header"])).with("authorization", "Bearer {}");
    let report = run.with("authority", other.authority()).http(&other.origin()).end().await;
    let request = other.request();
    assert!(request.contains("Bearer mwsecret-") && !request.contains("canary"), "{request}");
    assert!(
        log(&report).contains(&format!("only-to = [\"{}\", \"{}\"]", server.origin(), other.origin())),
        "{}",
        log(&report)
    );
}

#[tokio::test]
async fn a_secret_that_a_header_cannot_hold_is_not_sent_in_part() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("thanks"));
    let run = sending(&harness, &server, "two\r\nlines: canary", json!(["header"]));
    let report = run.with("authorization", "Bearer {}").end().await;
    assert_eq!(result(&report)["error"], "InternalError");
    assert_eq!(server.requests(), Vec::<String>::new());
    let seen = format!("{report:?}");
    assert!(seen.contains("cannot stand in a header") && !seen.contains("canary"), "{seen}");
}

/// An echoing server is what `only-to` cannot help against; what is shown of it is masked all the same.
#[tokio::test]
async fn what_a_server_sends_back_is_masked_where_it_is_shown() {
    let harness = Harness::shared().await;
    let server = Server::start(Answer::Echo);
    let report = sending(&harness, &server, PLAIN, json!(["body"])).with("text", "{}").end().await;
    assert_eq!(result(&report)["body"], "***");
    assert!(!format!("{report:?}").contains("canary"));
}

/// A placeholder is shorter than what it stands for. What a request grows to is looked at while it grows, and no other
/// request than the one that was checked is ever sent.
#[tokio::test]
async fn secrets_that_make_a_request_too_large_end_the_attempt() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("thanks"));
    let value = "canary-".repeat(100);
    for (key, text, code) in [
        ("query", format!("/streams/x?a={}", "{}".repeat(180)), "http_url_bytes"),
        ("authorization", format!("Bearer {}", "{}".repeat(60)), "http_header_bytes"),
        ("text", "{}".repeat(10_000), "http_request_bytes"),
    ] {
        let run = sending(&harness, &server, &value, json!(["header", "query", "body"]));
        let report = run.with(key, text).end().await;
        assert_eq!(report.end.code(), Some(code), "{key}: {}", report.end.message());
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_digit_behind_a_placeholder_makes_no_other_placeholder_of_it() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("thanks"));
    let mut run =
        sending(&harness, &server, "the-second", json!(["header"])).with("authorization", "Bearer {}0");
    for key in ["a", "t02", "t03", "t04", "t05", "t06", "t07", "t08", "t09", "t10", "t11"] {
        let value =
            GrantedValue { value: key.repeat(9).into(), secret: true, placeholder: true, of_host: true };
        run = run
            .key(key, json!({ "secret": true, "only-to": [server.origin()], "in": ["header"] }))
            .value(key, value);
    }
    assert_eq!(result(&run.end().await)["status"], 200);
    assert!(server.request().contains("Bearer the-second0\r\n"), "{}", server.request());
}
