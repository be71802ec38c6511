//! `[server.tls]`: a host that speaks TLS, whose certificate is renewed while it runs.

use crate::host::TestHost;
use crate::serving::{ALL_ROLES, Serving};
use crate::socket;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

const TLS: &str = "[server.tls]\ncert = \"tls/cert.pem\"\nkey = \"tls/key.pem\"";

/// A pair for loopback, as PEM; it vouches for itself.
fn pair() -> (String, String) {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("it is a name");
    params.distinguished_name.push(DnType::CommonName, "the host");
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

/// Puts a pair where the settings name it, and the certificate where clients look for authorities.
fn renew(host: &TestHost) {
    let (cert, key) = pair();
    write_key(host, &key);
    host.write("tls/cert.pem", &cert).write("authority.pem", &cert);
}

fn write_key(host: &TestHost, key: &str) {
    host.write("tls/key.pem", key);
    fs::set_permissions(host.path("tls/key.pem"), fs::Permissions::from_mode(0o600)).expect("it is there");
}

fn serve(host: &TestHost) -> Serving<'_> {
    renew(host);
    host.serve(&format!("{ALL_ROLES}\n{TLS}"))
}

/// The status that a client with this version of TLS is answered.
fn ask(host: &TestHost, address: SocketAddr, version: &'static SupportedProtocolVersion) -> String {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(host.path("authority.pem")).expect("a certificate");
    roots.add(authority).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("ring has it")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    let client = ClientConnection::new(Arc::new(config), name).expect("it begins");
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut stream = StreamOwned::new(client, stream);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").expect("TLS is agreed on");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    line
}

#[test]
fn clients_ask_over_tls_and_trust_whom_they_are_told_to() {
    let host = TestHost::new();
    let serving = serve(&host);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        assert!(ask(&host, serving.address(), version).starts_with("HTTP/1.1 200"), "{version:?}");
    }
    serving.command(&["stats"]).arg("--ca-file").arg("authority.pem").finish().exits(0);
    serving.command(&["stats"]).env("MAINWORKER_CA_FILE", "authority.pem").finish().exits(0);
    let stranger = serving.command(&["stats"]).finish().exits(6).stderr();
    assert!(stranger.contains("certificate") && stranger.contains("hint: "), "{stranger}");
    let none = serving.command(&["stats"]).arg("--ca-file").arg("tls/key.pem").finish().exits(6).stderr();
    assert!(none.contains("error[authorities_unreadable]") && none.contains("no certificate"), "{none}");
    serving.stop();
}

#[test]
fn whoever_speaks_no_tls_is_let_go_of_and_holds_up_nobody() {
    let host = TestHost::new();
    let serving = serve(&host);
    // Somebody who says nothing.
    let silent = TcpStream::connect(serving.address()).unwrap();
    for request in ["GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "x".repeat(100_000)] {
        let mut plain = TcpStream::connect(serving.address()).unwrap();
        plain.set_read_timeout(Some(PATIENCE)).unwrap();
        plain.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        plain.read_to_end(&mut answer).expect("an end, and no reset");
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    }
    assert!(ask(&host, serving.address(), &rustls::version::TLS13).starts_with("HTTP/1.1 200"));
    let figures = socket::ask_text(&host, "GET /metrics", "", "").1;
    assert!(figures.contains("mainworker_tls_handshakes_failed_total{why=\"not-tls\"} 2"), "{figures}");
    // Nor does it hold up the end.
    let asked_to_stop = Instant::now();
    serving.stop();
    assert!(asked_to_stop.elapsed() < Duration::from_secs(8), "it waited for whoever said nothing");
    drop(silent);
}

#[test]
fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let host = TestHost::new();
    let serving = serve(&host);
    let stats = || serving.command(&["stats"]).arg("--ca-file").arg("authority.pem").finish();
    stats().exits(0);
    let pid = serving.pid();
    renew(&host);
    let ends = Instant::now() + PATIENCE;
    while !is_trusted(&host, serving.address()) {
        assert!(Instant::now() < ends, "the new one is never taken");
        thread::sleep(Duration::from_millis(100));
    }
    stats().exits(0);

    let mut events = UnixStream::connect(host.path("data/host.sock")).unwrap();
    events.set_read_timeout(Some(PATIENCE)).unwrap();
    events.write_all(b"GET /v1/events?kind=host-error HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut events = BufReader::new(events).lines();
    assert_eq!(events.next().unwrap().unwrap(), "HTTP/1.1 200 OK");
    write_key(&host, &pair().1);
    let told = events.map(|line| line.expect("an event")).find(|line| line.starts_with("data:")).unwrap();
    assert!(told.contains("certificate_unusable") && told.contains("expected a pair"), "{told}");
    stats().exits(0);
    assert_eq!(serving.pid(), pid);
    let stderr = serving.stop();
    assert!(stderr.contains("the certificate was renewed"), "{stderr}");
    assert!(stderr.contains("the new certificate cannot be used"), "{stderr}");
}

/// Whether the certificate in use is the one that clients trust.
fn is_trusted(host: &TestHost, address: SocketAddr) -> bool {
    let url = format!("https://{address}");
    let args = ["stats", "--host", &url, "--token", crate::host::CANARY, "--ca-file", "authority.pem"];
    let (mut command, _) = host.mainworker(&args).by_hand();
    command.output().expect("it starts").status.success()
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_before_anything_begins() {
    let host = TestHost::new();
    renew(&host);
    host.folder("modules").settings(&format!("{ALL_ROLES}\n{TLS}\n[modules]\ndir = \"modules\""));
    host.mainworker(&["settings", "check"]).finish().exits(0);
    let refused = || {
        let checked = host.mainworker(&["settings", "check"]).finish().exits(2).stderr();
        let serve = ["serve", "--data", "data", "--listen", "127.0.0.1:0"];
        assert_eq!(host.mainworker(&serve).finish().exits(2).stderr(), checked);
        assert!(!host.path("data").exists(), "something was begun");
        checked
    };
    let mut said = Vec::new();
    let good = fs::read_to_string(host.path("tls/key.pem")).unwrap();
    write_key(&host, &pair().1);
    said.push(refused());
    write_key(&host, "");
    said.push(refused());
    write_key(&host, &good);
    fs::set_permissions(host.path("tls/key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    said.push(refused());
    write_key(&host, &good);
    host.write("tls/cert.pem", "not a certificate");
    said.push(refused());
    fs::remove_file(host.path("tls/cert.pem")).unwrap();
    said.push(refused());
    insta::assert_snapshot!(said.join("\n"), @"
    error[certificate_unusable]: the key `tls/key.pem` is not that of the certificate `tls/cert.pem`, expected a pair; of a chain the host's own certificate comes first
    hint: these print the same for a pair: `openssl x509 -noout -pubkey -in tls/cert.pem`, `openssl pkey -pubout -in tls/key.pem`
    error[certificate_unusable]: reading the key `tls/key.pem`: found an empty file, expected PEM with `PRIVATE KEY`
    hint: `openssl pkey -noout -in tls/key.pem` reads a key without a password
    error[certificate_unusable]: reading the key `tls/key.pem`: found the mode 0644, expected that nobody but its owner may read it
    hint: `chmod 600 tls/key.pem`
    error[certificate_unusable]: reading the certificate `tls/cert.pem`: found no PEM, expected PEM with `CERTIFICATE`
    hint: `openssl x509 -noout -subject -in tls/cert.pem` reads a certificate
    error[certificate_unusable]: reading the certificate `tls/cert.pem`: No such file or directory (os error 2)
    hint: mend `cert` under `[server.tls]`, or the permissions there
    ");
    // Half of it is no setting.
    host.settings("[server.tls]\ncert = \"tls/cert.pem\"");
    let half = host.mainworker(&["settings", "check"]).finish().exits(2).stderr();
    assert!(half.contains("`server.tls.key`: missing"), "{half}");
}

#[test]
fn an_open_address_without_tls_is_warned_of() {
    let host = TestHost::new();
    host.settings(ALL_ROLES);
    let stderr = host.serve_at("mainworker.toml", "0.0.0.0:0").stop();
    assert!(stderr.contains("over the network without TLS"), "{stderr}");
    let stderr = host.serve_written("mainworker.toml").stop();
    assert!(!stderr.contains("without TLS"), "{stderr}");
    renew(&host);
    host.settings(&format!("{ALL_ROLES}\n{TLS}"));
    let stderr = host.serve_at("mainworker.toml", "0.0.0.0:0").stop();
    assert!(!stderr.contains("without TLS"), "{stderr}");
}
