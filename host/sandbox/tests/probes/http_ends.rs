//! How an attempt ends whose requests are too many, too large or too slow, and what bad servers look like to a job.

use crate::support::harness::Harness;
use crate::support::run::{Run, result};
use crate::support::server::{Answer, Identity, Server, nobody, ok, speaks_first};
use mainworker_domain::limits::HTTP_IN_FLIGHT_MAX;
use mainworker_sandbox::attempt::StopReason;
use mainworker_sandbox::capabilities::http::{Network, Resolver, Roots};
use serde_json::json;
use std::future::{Future, pending};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

fn to(run: Run, server: &Server) -> Run {
    run.with("authority", server.authority()).http(&server.origin())
}

#[tokio::test]
async fn a_guest_parked_in_http_is_stopped_at_its_wall_time() {
    let harness = Harness::shared().await;
    for (row, sent) in
        [("parked in HTTP past its wall time", &b""[..]), ("parked in a body past its wall time", HEAD)]
    {
        let server = Server::start(Answer::Silent(sent.to_vec()));
        let (run, case) = harness.case(row);
        case.check(&to(run, &server).end().await);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_is_too_large_ends_the_attempt_at_its_limit() {
    let harness = Harness::shared().await;
    let endless = Server::start(Answer::Endless(HEAD.to_vec()));
    let (run, case) = harness.case("reads a body without end");
    let report = to(run, &endless).end().await;
    case.check(&report);
    assert!(report.usage.http_bytes_in >= 1 << 20);

    let server = Server::start(ok(""));
    for row in ["sends a body of two megabytes", "sends a URL of ten thousand bytes"] {
        let (run, case) = harness.case(row);
        case.check(&to(run, &server).end().await);
    }
    assert_eq!(server.requests(), Vec::<String>::new(), "nothing of it was sent");
}

/// Finds no address, ever; counts who asks.
#[derive(Clone, Debug, Default)]
struct Never(Arc<AtomicUsize>);

impl Resolver for Never {
    fn resolve(&self, _name: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(pending())
    }
}

#[tokio::test]
async fn a_guest_is_cancelled_wherever_it_waits_for_the_network() {
    let harness = Harness::shared().await;
    let (head, body) =
        (Server::start(Answer::Silent(Vec::new())), Server::start(Answer::Silent(HEAD.to_vec())));
    let row = || harness.case("is cancelled in a call over the network");
    for place in ["name", "head", "body", "request"] {
        let (run, case) = row();
        let mut run = match place {
            "name" => {
                let never = Network::resolving(Vec::new(), Roots::System, Arc::new(Never::default()));
                let run = run.with("authority", "api.example").http("http://api.example").transport(never);
                run.with("announce", 1)
            }
            "head" => to(run, &head).with("announce", 1),
            "body" => to(run, &body).with("announce-body", 1),
            _ => to(run, &head).with("method", "POST").with("never-finish", 1),
        };
        let (mut said, stop) = (run.listen(), run.stop());
        let running = tokio::spawn(run.end());
        said.ready().await;
        stop.request(StopReason::Cancel);
        case.check(&running.await.unwrap());
    }
}

/// Each has its code for the guest and a line in the log that says what happened.
#[tokio::test]
async fn bad_servers_are_told_apart() {
    let harness = Harness::shared().await;
    let bytes = |bytes: &[u8]| Server::start(Answer::Bytes(bytes.to_vec())).authority();
    let headers: String = (0..100_000).map(|n| format!("x-{n}: v\r\n")).collect();
    let identity = Identity::of(&["other.example"]);
    for (what, scheme, authority, error, says) in [
        ("nobody", "http", nobody(), "ConnectionRefused", "connecting to 127.0.0.1:"),
        ("hangs up", "http", speaks_first(b"").to_string(), "", ""),
        ("no HTTP", "http", bytes(b"SSH-2.0-OpenSSH_9.9\r\n"), "HttpProtocolError", "invalid HTTP"),
        (
            "half a head",
            "http",
            bytes(b"HTTP/1.1 200 OK\r\ncontent-le"),
            "HttpResponseIncomplete",
            "before message completed",
        ),
        (
            "a head without end",
            "http",
            bytes(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes()),
            "HttpResponseHeaderSectionSize",
            "too large",
        ),
        (
            "two lengths",
            "http",
            bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
            "HttpProtocolError",
            "content-length",
        ),
        (
            "no TLS",
            "https",
            speaks_first(b"HTTP/1.1 400 Bad Request\r\n\r\n").to_string(),
            "TlsProtocolError",
            "TLS: ",
        ),
        (
            "an unknown authority",
            "https",
            Server::over_tls(&identity, ok("")).authority(),
            "TlsCertificateError",
            "invalid peer certificate",
        ),
    ] {
        let run = harness
            .probe(json!({ "probe": "sends_http", "scheme": scheme, "authority": authority, "path": "/" }));
        let report = run.http(&format!("{scheme}://{authority}")).end().await;
        let found = result(&report);
        let log: Vec<&str> = report.log.iter().map(|line| line.message.as_str()).collect();
        if error.is_empty() {
            // Depends on which packet comes first.
            assert!(found["error"].is_string(), "{what}: {found}");
            continue;
        }
        assert_eq!(found["error"], error, "{what}: {found} {log:?}");
        assert!(log.iter().any(|line| line.starts_with("GET ") && line.contains(says)), "{what}: {log:?}");
    }
}

/// Half of a body is never taken for a whole one.
#[tokio::test]
async fn a_body_that_breaks_off_is_not_a_shorter_body() {
    let harness = Harness::shared().await;
    for sent in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive!",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfive!\r\n",
    ] {
        let server = Server::start(Answer::Bytes(sent.as_bytes().to_vec()));
        let found = to(harness.probe(json!({ "probe": "sends_http" })), &server).result().await;
        assert_eq!(found["body"], "five!", "{found}");
        assert_eq!(found["broken"]["code"], "HttpResponseIncomplete", "{found}");
        let text = found["broken"]["text"].as_str().unwrap();
        assert!(!text.contains('\n') && !text.contains(".rs"), "nothing of the host's inside: {text}");
    }
    let slow = Server::start(Answer::Silent([HEAD, b"five!"].concat()));
    let run = to(harness.probe(json!({ "probe": "sends_http" })), &slow).with("timeout-ns", 50_000_000);
    let found = run.result().await;
    assert_eq!(found["broken"]["code"], "ConnectionReadTimeout", "{found}");
}

#[tokio::test]
async fn over_tls_the_name_counts_and_not_the_address() {
    let harness = Harness::shared().await;
    let identity = Identity::of(&["api.example"]);
    let server = Server::over_tls(&identity, ok("over tls"));
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, &identity.pem).unwrap();
    for (name, expected) in [("api.example", "over tls"), ("other.example", "TlsCertificateError")] {
        let authority = format!("{name}:{}", server.port());
        let network = Network::resolving(
            vec!["127.0.0.1/32".parse().unwrap()],
            Roots::File(roots.clone()),
            Arc::new(crate::http::Script::of(&[&["127.0.0.1"]])),
        );
        let run = harness.probe(json!({ "probe": "sends_http", "scheme": "https", "authority": authority }));
        let found = run.http(&format!("https://{authority}")).transport(network).result().await;
        let got = found["body"].as_str().or(found["error"].as_str());
        assert_eq!(got, Some(expected), "{name}: {found}");
    }
}

/// What the host holds for responses that nobody reads is bounded: the ninth request waits for one of the eight.
#[tokio::test]
async fn a_guest_that_reads_no_response_waits_for_room() {
    let harness = Harness::shared().await;
    let server = Server::start(Answer::Endless(HEAD.to_vec()));
    let (run, case) = harness.case("keeps responses that it does not read");
    case.check(&to(run, &server).end().await);
    assert_eq!(server.requests().len(), HTTP_IN_FLIGHT_MAX);
}

/// A look-up holds a thread until the system's resolver gives up, whether anybody waits or not.
#[tokio::test]
async fn names_that_are_never_found_hold_no_more_than_an_attempts_room() {
    let harness = Harness::shared().await;
    let never = Never::default();
    let (run, case) = harness.case("gives up on names that are never found");
    let network = Network::resolving(Vec::new(), Roots::System, Arc::new(never.clone()));
    case.check(&run.http("http://api.example").transport(network).end().await);
    assert_eq!(never.0.load(Ordering::Relaxed), HTTP_IN_FLIGHT_MAX);
}
