//! What services are asked, and how their answers are read.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use mainworker::Failure;
use mainworker::config::ConfigError;
use mainworker::http::ErrorKind;
use mainworker::testing::{Host, RecordedAnswer, answer};
use mainworker_models::{AccountCharge, Currency, Plan};
use mainworker_services::Accounts;
use serde_json::json;

const URL: &str = "https://accounts.example/v1";

fn host(answer: RecordedAnswer) -> Host {
    Host::new().config("accounts.url", URL).config("accounts.token", "sample-token").http(answer)
}

fn streams(reply: RecordedAnswer) -> Failure {
    host(reply).run(|| Accounts::require().unwrap().streams()).unwrap_err()
}

fn get(path: &str) -> RecordedAnswer {
    answer("GET", &format!("{URL}/{path}"))
}

#[test]
fn the_accounts_service_is_asked_with_its_token() {
    let host = host(get("streams").json(200, &json!({ "streams": { "morning": "acme" }, "since": 2015 })));
    let streams = host.run(|| Accounts::require().unwrap().streams()).unwrap();
    assert_eq!(streams["morning"], "acme");
    let [request] = host.requests().try_into().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer sample-token"));
}

#[test]
fn a_service_without_a_token_is_asked_without_one() {
    let host = Host::new().config("accounts.url", "https://accounts.example/v1/");
    let host = host.http(get("streams").json(200, &json!({ "streams": {} })));
    assert!(host.run(|| Accounts::require().unwrap().streams()).unwrap().is_empty());
    assert_eq!(host.requests()[0].header("authorization"), None);
}

#[test]
fn a_service_that_is_not_configured_is_none_or_missing() {
    let host = Host::new();
    assert!(host.run(Accounts::find).unwrap().is_none());
    assert_eq!(host.run(Accounts::require).unwrap_err(), ConfigError::missing("accounts.url"));
}

#[test]
fn plans_have_a_limit_and_an_address_or_not() {
    let plans =
        json!({ "plans": { "acme": { "bytesPerMonth": 5, "email": "a@b" }, "free": { "name": "Free" } } });
    let host = host(get("plans").json(200, &plans));
    let plans = host.run(|| Accounts::require().unwrap().plans()).unwrap();
    assert_eq!(plans["acme"].bytes_per_month.unwrap().get(), 5);
    assert_eq!(plans["free"], Plan { bytes_per_month: None, email: None });
}

#[test]
fn charges_are_asked_for_by_month() {
    let charges = json!({ "charges": [{ "account": "acme", "amountCents": 1200, "currency": "EUR" }] });
    let host = host(get("charges?month=2015-05").json(200, &charges));
    let charges = host.run(|| Accounts::require().unwrap().charges("2015-05".parse().unwrap())).unwrap();
    let currency = Currency::new("EUR").unwrap();
    assert_eq!(charges, [AccountCharge { account: "acme".to_owned(), amount_cents: 1_200, currency }]);
}

#[test]
fn an_account_that_owes_twice_is_named() {
    let charge = json!({ "account": "acme", "amountCents": 1, "currency": "EUR" });
    let host = host(get("charges?month=2015-05").json(200, &json!({ "charges": [charge, charge] })));
    let failure = host.run(|| Accounts::require().unwrap().charges("2015-05".parse().unwrap())).unwrap_err();
    let expected = "asking the accounts service: GET https://accounts.example/v1/charges: \
        the answer names the account `acme` twice; expected each account once";
    assert_eq!(failure, Failure::failed(expected));
}

#[test]
fn garbage_is_told_with_what_was_expected() {
    let start = "asking the accounts service: GET https://accounts.example/v1/streams: the answer ";
    let expected = r#"; expected `{"streams":{STREAM:ACCOUNT}}`"#;
    let rows = [
        (
            get("streams").header("content-type", "text/html").body("<html>"),
            "(text/html, 6 bytes) is not the JSON expected: expected value at line 1 column 1",
        ),
        (
            get("streams"),
            "(of no content type, 0 bytes) is not the JSON expected: EOF while parsing a value at line 1 column 0",
        ),
        (
            get("streams").json(200, &json!({})),
            "(application/json, 2 bytes) is not the JSON expected: missing field `streams` at line 1 column 2",
        ),
        (
            get("streams").json(200, &json!({ "streams": { "a": 1 } })),
            "(application/json, 19 bytes) is not the JSON expected: invalid type: integer `1`, expected a string at line 1 column 17",
        ),
        (get("streams").json(200, &json!([])), "(application/json, 2 bytes) is not the JSON expected: "),
    ];
    for (reply, found) in rows {
        let failure = streams(reply);
        assert_eq!(failure, Failure::failed(failure.message()));
        assert!(failure.message().starts_with(&format!("{start}{found}")), "{failure}");
        assert!(failure.message().ends_with(expected), "{failure}");
    }
}

#[test]
fn other_statuses_and_no_answer_at_all_fail_the_attempt() {
    let start = "asking the accounts service: GET https://accounts.example/v1/streams: ";
    for status in [301, 400, 401, 404, 500, 503] {
        let failure = streams(get("streams").status(status).text("no"));
        assert_eq!(failure, Failure::failed(failure.message()));
        assert!(failure.message().starts_with(&format!("{start}the server answered with status {status}")));
    }
    for kind in [ErrorKind::Unreachable, ErrorKind::Timeout, ErrorKind::Tls, ErrorKind::Denied] {
        let failure = streams(get("streams").fails(kind));
        assert_eq!(failure, Failure::failed(failure.message()));
        assert!(failure.message().starts_with(start), "{failure}");
    }
}

#[test]
fn a_pause_is_kept() {
    let wait = |reply: RecordedAnswer| match streams(reply) {
        Failure::RetryAfter { after, message } => (after.as_secs(), message),
        other => (0, other.to_string()),
    };
    let message =
        |seconds| format!("asking the accounts service: it asks for a pause of {seconds} s (status 429)");
    assert_eq!(wait(get("streams").status(429).header("retry-after", "7")), (7, message(7)));
    assert_eq!(wait(get("streams").status(429)), (60, message(60)));
}
