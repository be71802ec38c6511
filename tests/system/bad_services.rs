//! Services that cannot be reached, break off, are somebody else, or answer what nobody expects: how an attempt ends then,
//! and what is said of it.

use crate::company::Company;
use crate::host::TestHost;
use crate::services::{COMPANY, Identity, NOBODY, OTHER_NAME, Received, STRANGER, Service, answer};
use serde_json::{Value, json};
use std::fs;

const LINE: &str = r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /live/1.ts HTTP/1.1" 200 1000 "-" "-""#;

/// What is seen of `edge-logs` when its accounts service is at this origin. It never leaves a report: without accounts it
/// would be a wrong one.
#[track_caller]
fn at(origin: &str, outcome: &str) -> String {
    let company = Company::at(&[("accounts", origin.to_owned())]);
    company.host.write("edge-logs/access.log", format!("{LINE}\n"));
    let payload = json!({ "files": ["*.log"] });
    let report = company.report("edge-logs", "scheduler", payload.clone(), (1, outcome));
    assert_eq!((&report["result"], &report["scheduled"]), (&Value::Null, &json!([])));
    let seen = company.seen(&company.run("edge-logs", "scheduler", payload).finish().exits(1));
    assert_eq!(fs::read_dir(company.host.path("reports")).unwrap().count(), 0, "it left a report");
    seen
}

fn fails(service: &Service) -> String {
    at(&service.origin(), "failed")
}

/// A service that sends these bytes to everybody.
fn sends(bytes: impl Into<Vec<u8>>) -> Service {
    let bytes = bytes.into();
    Service::over_tls(&COMPANY, move |_| bytes.clone())
}

#[test]
fn a_service_that_nobody_answers_for() {
    insta::assert_snapshot!(at(&format!("http://{NOBODY}"), "failed"), @r"
     warn host GET http://[accounts]/v1/streams: connecting to [accounts]: Connection refused (os error 111)
    error[job_failed]: asking the accounts service: GET http://[accounts]/v1/streams: the server refused the connection
    hint: check that the service runs and is reached from this machine: `curl -v http://[accounts]`
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(at(&format!("https://{NOBODY}"), "failed"), @r"
     warn host GET https://[accounts]/v1/streams: connecting to [accounts]: Connection refused (os error 111)
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server refused the connection
    hint: check that the service runs and is reached from this machine: `curl -v https://[accounts]`
    edge-logs failed in [time and memory]
    ");
}

#[test]
fn a_service_that_breaks_off() {
    insta::assert_snapshot!(fails(&sends("")), @r"
     warn host GET https://[accounts]/v1/streams: the connection ended before the response did
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer ended before it was complete
    hint: the service ended the connection: its own log says why; `curl -v https://[accounts]`
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&sends("HTTP/1.1 200 OK\r\ncontent-le")), @r"
     warn host GET https://[accounts]/v1/streams: the connection ended before the response did
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer ended before it was complete
    hint: the service ended the connection: its own log says why; `curl -v https://[accounts]`
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&sends("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"streams\":{\"live\":\"ac")), @r"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer ended before it was complete
    hint: the service ended the connection: its own log says why; `curl -v https://[accounts]`
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&sends("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"stre")), @r"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer ended before it was complete
    hint: the service ended the connection: its own log says why; `curl -v https://[accounts]`
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&Service::start(|_| Vec::new())), @r"
     warn host GET http://[accounts]/v1/streams: connection closed before message completed
    error[job_failed]: asking the accounts service: GET http://[accounts]/v1/streams: the answer ended before it was complete
    hint: the service ended the connection: its own log says why; `curl -v http://[accounts]`
    edge-logs failed in [time and memory]
    ");
}

#[test]
fn a_service_that_is_somebody_else() {
    let well = |_: &Received| answer(200, "", r#"{"streams":{"live":"acme"}}"#);
    let of = |identity: &Identity| {
        let service = Service::over_tls(identity, well);
        let seen = fails(&service);
        assert_eq!(service.lines(), Vec::<String>::new(), "it was sent a request");
        seen
    };
    insta::assert_snapshot!(of(&STRANGER), @r#"
     warn host GET https://[accounts]/v1/streams: TLS: invalid peer certificate: UnknownIssuer
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server's certificate is not trusted
    hint: if its authority is the company's own, in the settings:
    [http]
    ca-file = "/…/authorities.pem"
    edge-logs failed in [time and memory]
    "#);
    insta::assert_snapshot!(of(&OTHER_NAME), @r#"
     warn host GET https://[accounts]/v1/streams: TLS: invalid peer certificate: certificate not valid for name "127.0.0.1"; certificate is only valid for DnsName("elsewhere.example")
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server's certificate is not trusted
    hint: if its authority is the company's own, in the settings:
    [http]
    ca-file = "/…/authorities.pem"
    edge-logs failed in [time and memory]
    "#);

    // Plain HTTP at the port that was to be TLS, and something else where HTTP was to be.
    let plain = Service::start(well);
    insta::assert_snapshot!(at(&plain.origin().replace("http:", "https:"), "failed"), @r"
     warn host GET https://[accounts]/v1/streams: TLS: received corrupt message of type InvalidContentType
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server does not speak TLS as it should
    hint: see what it speaks: `openssl s_client -connect [accounts]`; `http://` if it is no TLS
    edge-logs failed in [time and memory]
    ");
    assert_eq!(plain.lines(), Vec::<String>::new(), "it was sent a request");
    // Whether the request was on its way by then is chance, and the words depend on it.
    let seen = fails(&Service::speaking_first(b"220 mail.example ESMTP\r\n"));
    assert!(
        seen.contains(
            "\nerror[job_failed]: asking the accounts service: GET http://[accounts]/v1/streams: the "
        ),
        "{seen}"
    );
}

#[test]
fn a_service_that_answers_what_nobody_expects() {
    insta::assert_snapshot!(fails(&sends("it works!\n")), @r"
     warn host GET https://[accounts]/v1/streams: invalid HTTP version parsed
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server does not speak HTTP as it should
    hint: see what it answers: `curl -v --http1.1 https://[accounts]`
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&sends(answer(200, "content-type: text/html\r\n", "<html>login</html>"))), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer (text/html, 18 bytes) is not the JSON expected: expected value at line 1 column 1; expected `{"streams":{STREAM:ACCOUNT}}`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    "#);
    insta::assert_snapshot!(fails(&sends(answer(200, "", ""))), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer (of no content type, 0 bytes) is not the JSON expected: EOF while parsing a value at line 1 column 0; expected `{"streams":{STREAM:ACCOUNT}}`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    "#);
    insta::assert_snapshot!(fails(&sends(answer(200, "", "\u{0}\u{1}\u{1b}[31mred"))), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer (of no content type, 10 bytes) is not the JSON expected: expected value at line 1 column 1; expected `{"streams":{STREAM:ACCOUNT}}`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    "#);
    insta::assert_snapshot!(fails(&sends(answer(200, "", r#"{"streams":["live"]}"#))), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer (of no content type, 20 bytes) is not the JSON expected: invalid type: sequence, expected a map at line 1 column 11; expected `{"streams":{STREAM:ACCOUNT}}`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    "#);
    insta::assert_snapshot!(fails(&sends(answer(200, "", r#"{"streams":{"live":7}}"#))), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer (of no content type, 22 bytes) is not the JSON expected: invalid type: integer `7`, expected a string at line 1 column 20; expected `{"streams":{STREAM:ACCOUNT}}`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    "#);
    insta::assert_snapshot!(fails(&sends(answer(200, "", r#"{"streams":{"live":"ac"#))), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer (of no content type, 22 bytes) is not the JSON expected: EOF while parsing a string at line 1 column 22; expected `{"streams":{STREAM:ACCOUNT}}`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    "#);
    insta::assert_snapshot!(fails(&sends(answer(204, "", ""))), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the answer (of no content type, 0 bytes) is not the JSON expected: EOF while parsing a value at line 1 column 0; expected `{"streams":{STREAM:ACCOUNT}}`
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    "#);
}

#[test]
fn a_service_that_says_no() {
    insta::assert_snapshot!(fails(&sends(answer(500, "", "oops"))), @r"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server answered with status 500
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&sends(answer(402, "", "pay first"))), @r"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server answered with status 402
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&sends(answer(403, "content-type: text/plain\r\n", "no"))), @r"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server answered with status 403: no
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(fails(&sends(answer(301, "location: https://127.0.0.2:9/v1/streams\r\n", ""))), @r"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/streams: the server answered with status 301
    hint: ask `billing`, who owns the job
    edge-logs failed in [time and memory]
    ");
    insta::assert_snapshot!(at(&sends(answer(429, "retry-after: 90\r\n", "")).origin(), "retry-asked"), @r"
    error[job_retry_asked]: asking the accounts service: it asks for a pause of 90 s (status 429) (asked to be tried again after 1m 30s)
    hint: ask `billing`, who owns the job
    edge-logs retry-asked in [time and memory]
    ");
}

/// What is too large is a limit of the attempt, not an answer.
#[test]
fn a_service_that_never_stops() {
    let long = "x".repeat(17 << 20);
    let company = Company::at(&[("accounts", sends(answer(200, "", &long)).origin())]);
    company.host.write("edge-logs/access.log", format!("{LINE}\n"));
    let printed = company.run("edge-logs", "scheduler", json!({ "files": ["*.log"] })).finish().exits(4);
    // How much more than allowed had come by then is chance.
    let seen = company.seen(&printed);
    let (first, rest) = seen.split_once('\n').unwrap();
    assert!(
        first.starts_with("error[http_response_bytes]: the body of an HTTP response has at least 16"),
        "{first}"
    );
    assert!(first.ends_with("B, allowed are 16MiB"), "{first}");
    insta::assert_snapshot!(rest, @r#"
    hint: if it needs that much, in job.toml:
    [limits]
    http-response = "25MiB"
    edge-logs over-limit in [time and memory]
    "#);
}

#[test]
fn each_job_says_what_it_expected() {
    let garbage = || sends(answer(200, "", r#"{"plans":{"acme":{"bytesPerMonth":"many"}}}"#));
    let company = Company::with(&[("accounts", &garbage()), ("payments", &garbage()), ("email", &garbage())]);
    let seen = |job: &str, source: &str, payload: Value| {
        company.seen(&company.run(job, source, payload).finish().exits(1))
    };
    let month = json!({ "month": "2015-05" });
    insta::assert_snapshot!(seen("account-bandwidth", "scheduler", month.clone()), @r#"
     info account_bandwidth reports_read month=2015-05 files=0 foreign=0 accounts=0
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/plans: the answer (of no content type, 43 bytes) is not the JSON expected: invalid type: string "many", expected a nonzero u64 at line 1 column 40; expected `{"plans":{ACCOUNT:{"bytesPerMonth":N,"email":ADDRESS}}}`
    hint: ask `billing`, who owns the job
    account-bandwidth failed in [time and memory]
    "#);
    insta::assert_snapshot!(seen("charge-accounts", "scheduler", month), @r#"
    error[job_failed]: asking the accounts service: GET https://[accounts]/v1/charges: the answer (of no content type, 43 bytes) is not the JSON expected: missing field `charges` at line 1 column 43; expected `{"charges":[{"account":ACCOUNT,"amountCents":N,"currency":"EUR"}]}`
    hint: ask `billing`, who owns the job
    charge-accounts failed in [time and memory]
    "#);
    let welcome =
        json!({ "template": "welcome", "to": "a@acme.example", "variables": { "account": "acme" } });
    insta::assert_snapshot!(seen("send-email", "api", welcome), @r#"
    error[job_failed]: asking the email service: POST https://[email]/v1/messages: the answer (of no content type, 43 bytes) is not the JSON expected: missing field `id` at line 1 column 43; expected `{"id":ID}`
    hint: ask `support`, who owns the job
    send-email failed in [time and memory]
    "#);
}

/// A payments service that stops working is not asked for each of a thousand accounts.
#[test]
fn a_payments_service_that_is_gone_is_not_asked_for_ever() {
    let charges: Vec<Value> = (0..1000)
        .map(|n| json!({ "account": format!("a{n}"), "amountCents": 100, "currency": "EUR" }))
        .collect();
    let owed = json!({ "charges": charges }).to_string();
    let accounts = sends(answer(200, "", &owed));
    let company = Company::at(&[("accounts", accounts.origin()), ("payments", format!("https://{NOBODY}"))]);
    let report = company.report("charge-accounts", "scheduler", json!({ "month": "2015-05" }), (1, "failed"));
    assert_eq!(report["usage"]["httpCalls"], 6);
    let message = report["error"]["message"].as_str().unwrap();
    insta::assert_snapshot!(message.lines().next().unwrap(), @"5 of 1000 accounts were not charged for 2015-05 (0 charged, 0 declined, 0 with nothing due, 995 not asked for)");
}

/// A file of certificates that is gone is found out before anything is sent.
#[test]
fn a_host_without_its_certificates() {
    let service = sends(answer(200, "", "{}"));
    let company = Company::with(&[("accounts", &service)]);
    company.host.write("edge-logs/access.log", format!("{LINE}\n"));
    let seen = |company: &Company| {
        let run = company.run("edge-logs", "scheduler", json!({ "files": ["*.log"] }));
        let seen = company.seen(&run.finish().exits(2));
        assert_eq!(service.lines(), Vec::<String>::new(), "it was sent a request");
        seen
    };
    company.host.write("ca.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n");
    insta::assert_snapshot!(seen(&company), @r"
    error[settings_unusable]: `[http] ca-file`: reading the certificates in `ca.pem`: a section has no line `-----END …-----`
    hint: mend the path, or the permissions there
    ");
    fs::remove_file(company.host.path("ca.pem")).unwrap();
    insta::assert_snapshot!(seen(&company), @r"
    error[settings_unusable]: `[http] ca-file`: reading the certificates in `ca.pem`: No such file or directory (os error 2)
    hint: mend the path, or the permissions there
    ");
    let checked = |host: &TestHost| host.mainworker(&["settings", "check"]).finish().exits(2).stderr();
    insta::assert_snapshot!(checked(&company.host), @r"
    error[settings_unusable]: `[http] ca-file`: reading the certificates in `ca.pem`: No such file or directory (os error 2)
    hint: mend the path, or the permissions there
    ");
    company.host.write("ca.pem", "");
    insta::assert_snapshot!(checked(&company.host), @r"
    error[settings_unusable]: `[http] ca-file`: reading the certificates in `ca.pem`: found no certificate, expected PEM
    hint: mend the path, or the permissions there
    ");
}
