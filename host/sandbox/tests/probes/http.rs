//! Requests out: which are sent, to which address, and what a job that tries another way gets.

use crate::support::harness::Harness;
use crate::support::run::Run;
use crate::support::server::{Answer, Server, ok, with_status};
use mainworker_sandbox::capabilities::http::{Network, Resolver, Roots};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

/// Answers with one list of addresses after the other; further questions fail.
#[derive(Clone, Debug)]
pub(crate) struct Script(Arc<Mutex<VecDeque<Vec<IpAddr>>>>);

impl Script {
    pub(crate) fn of(answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        Self(Arc::new(Mutex::new(answers.iter().map(parse).collect())))
    }

    fn unasked(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Resolver for Script {
    fn resolve(&self, name: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let answer = self.0.lock().unwrap().pop_front();
        let name = name.to_owned();
        Box::pin(async move { answer.ok_or_else(|| io::Error::other(format!("nobody knows `{name}`"))) })
    }
}

pub(crate) fn network(resolver: impl Resolver + 'static) -> Network {
    Network::resolving(vec!["127.0.0.1/32".parse().unwrap()], Roots::System, Arc::new(resolver))
}

fn get(harness: &Harness, authority: &str, path: &str) -> Run {
    harness.probe(json!({ "probe": "sends_http", "authority": authority, "path": path }))
}

/// What the probe got, and what the log says of it.
async fn answered(run: Run) -> (Value, String) {
    let report = run.end().await;
    let log: Vec<String> = report.log.iter().map(|line| line.message.clone()).collect();
    (crate::support::run::result(&report), log.join("\n"))
}

#[tokio::test]
async fn a_request_is_sent_as_the_grant_says_and_its_answer_comes_back() {
    let harness = Harness::shared().await;
    let server = Server::start(with_status("201 Created", "x-made: yes\r\n", "made"));
    let run = get(&harness, &server.authority(), "/streams?of=a")
        .with("method", "POST")
        .with("body", "{\"a\":1}")
        .with("headers", json!([["content-type", "application/json"]]))
        .http(&server.origin());
    let report = run.end().await;
    let result = crate::support::run::result(&report);
    assert_eq!((&result["status"], &result["body"]), (&json!(201), &json!("made")));
    assert!(result["headers"].as_array().unwrap().contains(&json!(["x-made", "yes"])), "{result}");
    let request = server.request();
    assert!(request.starts_with("POST /streams?of=a HTTP/1.1\r\n"), "{request}");
    for line in
        [&format!("host: {}\r\n", server.authority()), "content-length: 7\r\n", "connection: close\r\n"]
    {
        assert!(request.to_ascii_lowercase().contains(line), "`{line}` is not in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
    let usage = report.usage;
    assert_eq!((usage.http_calls, usage.http_bytes_out, usage.http_bytes_in), (1, 7, 4));
}

/// Denied before anything is resolved: the guest gets the code, the log the rule and the lines.
#[tokio::test]
async fn a_request_beside_its_grant_is_denied_with_the_lines_that_would_allow_it() {
    let harness = Harness::shared().await;
    let resolver = Script::of(&[&["127.0.0.1"]]);
    let grant = json!({ "to": "https://*.x.com", "methods": ["GET"], "paths": ["/streams"] });
    let port = json!({ "to": "http://y.com:8080", "methods": ["GET"] });
    for (scheme, authority, method, path, says) in [
        ("https", "x.com", "GET", "/streams", "no grant of the job names this origin"),
        ("https", "evilx.com", "GET", "/streams", "no grant of the job names this origin"),
        ("https", "a.x.com.evil.com", "GET", "/streams", "no grant"),
        (
            "http",
            "a.x.com",
            "GET",
            "/streams",
            "http = [{ to = \"http://a.x.com\", methods = [\"GET\"], paths = [\"/streams\"] }]",
        ),
        ("https", "a.x.com:8443", "GET", "/streams", "to = \"https://a.x.com:8443\""),
        ("http", "y.com", "GET", "/", "no grant"),
        ("https", "y.com:8080", "GET", "/", "no grant"),
        ("https", "a.x.com", "POST", "/streams", "methods = [\"GET\", \"POST\"]"),
        ("https", "a.x.com", "get", "/streams", "methods = [\"GET\", \"get\"]"),
        ("https", "a.x.com", "CONNECT", "/streams", "is for `GET`"),
        ("https", "a.x.com", "GET", "/streams-of-others", "paths = [\"/streams\", \"/streams-of-others\"]"),
        ("https", "a.x.com", "GET", "/streams/../admin", "has a segment `.` or `..`"),
        ("https", "a.x.com", "GET", "/streams/%2e%2e/admin", "has a segment `.` or `..`"),
        ("https", "b.x.com", "GET", "/streams", "[http]\nallow = [\"https://b.x.com\"]"),
        ("https", "a.x.com.", "GET", "/streams", "its host ends with a dot"),
        ("https", "user:pass@a.x.com", "GET", "/streams", "it has a user name before the host"),
        ("http", "2130706433", "GET", "/", "its host ends with a number"),
        ("http", "0177.0.0.1", "GET", "/", "its host ends with a number"),
        ("http", "0x7f.1", "GET", "/", "its host ends with a number"),
    ] {
        let run = get(&harness, authority, path)
            .with("scheme", scheme)
            .with("method", method)
            .asks_http(grant.clone())
            .asks_http(port.clone())
            .allows("https://a.x.com")
            .allows("http://y.com:8080")
            .transport(network(resolver.clone()));
        let (result, log) = answered(run).await;
        assert_eq!(result["error"], "HttpRequestDenied", "{method} {scheme}://{authority}{path}: {result}");
        assert!(log.contains("denied ") && log.contains(says), "{method} {authority}{path}: {log}");
        assert!(!log.contains("pass"), "{log}");
    }
    assert_eq!(resolver.unasked(), 1, "nothing was resolved");
}

/// What `wasi:http` itself does not take.
#[tokio::test]
async fn what_is_no_request_is_refused_by_the_call_that_says_it() {
    let harness = Harness::shared().await;
    let server = Server::start(ok(""));
    let elsewhere = Server::start(ok(""));
    let sending = |key: &str, value: Value| {
        get(&harness, &server.authority(), "/").with(key, value).http(&server.origin())
    };
    for (key, value, refused) in [
        ("path", json!(format!("{}/", elsewhere.origin())), "path"),
        ("path", json!("//x@y\r\nhost: evil"), "path"),
        ("path-bytes", json!(1 << 20), "path"),
        ("authority", json!("bücher.example"), "authority"),
        ("authority", json!("127.0.0.1/x"), "authority"),
        ("headers", json!([["host", "evil.example"]]), "header: HeaderError::Forbidden"),
        ("headers", json!([["transfer-encoding", "chunked"]]), "header: HeaderError::Forbidden"),
        ("headers", json!([["connection", "keep-alive"]]), "header: HeaderError::Forbidden"),
        ("headers", json!([["x", "a\r\nhost: evil.example"]]), "header: HeaderError::InvalidSyntax"),
        ("headers", json!([["content-length", "1"], ["content-length", "2"]]), "header: "),
        ("trailers", json!([["host", "evil.example"]]), "trailer: HeaderError::Forbidden"),
    ] {
        let result = sending(key, value.clone()).result().await;
        let text = result["refused"].as_str().unwrap_or_else(|| panic!("{key} = {value}: {result}"));
        assert!(text.starts_with(refused), "{key} = {value}: {result}");
    }
    let scheme = sending("scheme", json!("gopher")).result().await;
    assert_eq!(scheme["error"], "HttpProtocolError", "{scheme}");
    let trailers = sending("trailers", json!([["x-after", "1"]])).result().await;
    assert_eq!(trailers["error"], "HttpRequestTrailerSectionSize", "{trailers}");
    let short = sending("headers", json!([["content-length", "10"]])).with("body", "four").result().await;
    assert!(short["refused"].is_string() || short["error"].is_string(), "{short}");
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
    assert_eq!(server.requests(), Vec::<String>::new());
}

/// Granted by the manifest and allowed by the settings, and still not to be reached.
#[tokio::test]
async fn an_address_that_is_not_public_is_not_connected_to() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("reached"));
    let port = server.port();
    for host in [
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "127.0.0.2",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "255.255.255.255",
        "224.0.0.1",
    ] {
        let authority = format!("{host}:{port}");
        let run = get(&harness, &authority, "/").http(&format!("http://{authority}"));
        let (result, log) = answered(run).await;
        assert_eq!(result["error"], "DestinationIpProhibited", "{host}: {result} {log}");
        assert!(log.contains("[http]\nallow-private = [\""), "{host}: {log}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
    let mapped = format!("[::ffff:127.0.0.1]:{port}");
    let result = get(&harness, &mapped, "/").http(&format!("http://{mapped}")).result().await;
    assert!(result["body"] == "reached" || result["error"] == "DestinationIpUnroutable", "{result}");
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_followed() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("reached"));
    let authority = format!("api.example:{}", server.port());
    let run = |resolver: Script| {
        get(&harness, &authority, "/").http(&format!("http://{authority}")).transport(network(resolver))
    };
    for private in ["10.0.0.1", "127.0.0.2", "169.254.169.254", "::1", "::ffff:10.0.0.1"] {
        let (result, log) = answered(run(Script::of(&[&[private]]))).await;
        assert_eq!(result["error"], "DestinationIpProhibited", "{private}: {result}");
        assert!(log.contains(&format!("its host is at {private}, ")), "{log}");
    }
    // Of several addresses only those are tried that a job may reach.
    let result = run(Script::of(&[&["10.0.0.1", "127.0.0.1", "::1"]])).result().await;
    assert_eq!(result["body"], "reached");
    let (result, log) = answered(run(Script::of(&[]))).await;
    assert_eq!(result["error"], "DnsError", "{result}");
    assert!(log.contains("finding the address of `api.example`: nobody knows"), "{log}");
    let none = run(Script::of(&[&[]])).result().await;
    assert_eq!(none["error"], "DnsError", "{none}");
}

/// What was checked is what is connected to; the next request asks again.
#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("reached"));
    let authority = format!("api.example:{}", server.port());
    let resolver = Script::of(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]]);
    let run = || {
        get(&harness, &authority, "/")
            .http(&format!("http://{authority}"))
            .transport(network(resolver.clone()))
    };
    assert_eq!(run().result().await["body"], "reached");
    assert_eq!(resolver.unasked(), 2, "it was asked once");
    assert_eq!(run().result().await["error"], "DestinationIpProhibited");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn upper_case_is_the_same_host_and_letters_beyond_ascii_are_written_as_their_code() {
    let harness = Harness::shared().await;
    let server = Server::start(ok("reached"));
    for (asked, granted) in
        [("API.Example", "api.example"), ("xn--bcher-kva.example", "XN--bcher-kva.example")]
    {
        let (asked, granted) = (format!("{asked}:{}", server.port()), format!("{granted}:{}", server.port()));
        let run = get(&harness, &asked, "/")
            .http(&format!("http://{granted}"))
            .transport(network(Script::of(&[&["127.0.0.1"]])));
        assert_eq!(run.result().await["body"], "reached", "{asked}");
        let request = server.requests().pop().unwrap().to_ascii_lowercase();
        assert!(request.contains(&format!("host: {}\r\n", granted.to_ascii_lowercase())), "{request}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_others() {
    let harness = Harness::shared().await;
    let private = Server::start(ok("the crown jewels"));
    let location = format!("location: {}/\r\n", private.origin());
    let server = Server::start(with_status("302 Found", &location, ""));
    let result = get(&harness, &server.authority(), "/").http(&server.origin()).result().await;
    assert_eq!(result["status"], 302);
    assert_eq!(private.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_timeout_of_nothing_is_one_millisecond() {
    let harness = Harness::shared().await;
    let server = Server::start(Answer::Silent(Vec::new()));
    let run = get(&harness, &server.authority(), "/").with("timeout-ns", 0).http(&server.origin());
    let result = run.result().await;
    let error = result["error"].as_str().unwrap_or_default();
    assert!(["ConnectionTimeout", "ConnectionReadTimeout"].contains(&error), "{result}");
}
