//! The job as an ordinary function, with recorded answers of both services and a clock that stands still.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, SystemTime};

use charge_accounts::{ACCOUNTS_MAX, FAILURES_IN_A_ROW, run};
use mainworker::http::ErrorKind;
use mainworker::testing::{self, Host, RecordedAnswer, answer};
use mainworker::{Failure, Task};
use mainworker_models::{ChargeAccountsPayload, ChargeAccountsReport};
use serde_json::{Value, json};

const CHARGES: &str = "https://pay.example/v2/charges";
const JUNE_2015: u64 = 1_433_116_800;

fn at(unix_seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds)
}

fn host_with(charges: &Value) -> Host {
    let owed = answer("GET", "https://accounts.example/charges?month=2015-05");
    Host::new()
        .config("accounts.url", "https://accounts.example")
        .config("accounts.token", "accounts-token")
        .config("payments.url", "https://pay.example/v2")
        .config("payments.token", "payments-token")
        .clock(at(JUNE_2015))
        .http(owed.json(200, &json!({ "charges": charges })))
}

/// A host whose accounts owe 1 cent, 2 cents and so on.
fn host(accounts: &[&str]) -> Host {
    let charges: Vec<Value> =
        accounts.iter().zip(1..).map(|(account, cents)| charge(account, cents)).collect();
    host_with(&json!(charges))
}

fn charge(account: &str, cents: u64) -> Value {
    json!({ "account": account, "amountCents": cents, "currency": "EUR" })
}

fn payment() -> RecordedAnswer {
    answer("POST", CHARGES)
}

fn paid() -> RecordedAnswer {
    payment().json(201, &json!({ "id": "ch-1" }))
}

fn attempt(host: &Host) -> Result<ChargeAccountsReport, Failure> {
    let task = Task { source: "scheduler".to_owned(), ..testing::task("charge-accounts") };
    host.run(|| run(&task, ChargeAccountsPayload { month: "2015-05".parse().unwrap() }))
}

fn asked(host: &Host) -> Vec<String> {
    let bodies = host.requests().into_iter().skip(1).map(|request| request.json().unwrap());
    bodies.map(|body| body["account"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_account_is_charged_once_with_token_and_key() {
    let host = host(&["acme", "Zürich TV"]).http(paid()).http(payment().json(200, &json!({ "id": "ch-2" })));
    let report = attempt(&host).unwrap();
    assert_eq!(
        serde_json::to_value(report).unwrap(),
        json!({ "month": "2015-05", "charged": 2, "chargedCents": { "EUR": 3 }, "nothingDue": 0, "declined": [] })
    );
    let [owed, first, second] = host.requests().try_into().unwrap();
    assert_eq!(owed.header("authorization"), Some("Bearer accounts-token"));
    assert_eq!(first.header("authorization"), Some("Bearer payments-token"));
    assert_eq!(first.header("idempotency-key"), Some("acme:2015-05"));
    assert_eq!(
        first.json().unwrap(),
        json!({ "account": "acme", "month": "2015-05", "amountCents": 1, "currency": "EUR" })
    );
    assert_eq!(second.header("idempotency-key"), Some("Z%C3%BCrich%20TV:2015-05"));
}

#[test]
fn a_month_that_is_not_over_is_rejected_before_anybody_is_asked() {
    let host = host(&["acme"]).clock(at(JUNE_2015 - 1));
    let expected = "the month 2015-05 is not over (UTC): what is owed for it may still change";
    assert_eq!(attempt(&host), Err(Failure::rejected(expected)));
    assert_eq!(host.requests(), []);
}

#[test]
fn a_declined_card_is_a_result() {
    let host = host(&["acme", "globex", "initech"])
        .http(payment().json(402, &json!({ "reason": "card expired" })))
        .http(payment().status(402).body("no money"))
        .http(paid());
    let report = attempt(&host).unwrap();
    assert_eq!(
        serde_json::to_value(report).unwrap(),
        json!({
            "month": "2015-05", "charged": 1, "chargedCents": { "EUR": 3 }, "nothingDue": 0,
            "declined": [
                { "account": "acme", "amountCents": 1, "currency": "EUR", "reason": "card expired" },
                { "account": "globex", "amountCents": 2, "currency": "EUR", "reason": "no reason given" },
            ],
        })
    );
}

#[test]
fn who_owes_nothing_is_not_charged() {
    let charges = json!([
        charge("acme", 0),
        { "account": "globex", "amountCents": 700, "currency": "USD" },
        charge("initech", 5),
    ]);
    let host = host_with(&charges).http(paid()).http(paid());
    let report = attempt(&host).unwrap();
    assert_eq!((report.nothing_due, report.charged), (1, 2));
    assert_eq!(serde_json::to_value(report.charged_cents).unwrap(), json!({ "EUR": 5, "USD": 700 }));
    assert_eq!(asked(&host), ["globex", "initech"]);
    assert_eq!(attempt(&host_with(&json!([]))).unwrap().charged, 0);
}

#[test]
fn trouble_with_one_account_does_not_keep_the_others_from_being_charged() {
    let host = host(&["acme", "globex", "initech", "umbrella", "wayne"])
        .http(paid())
        .http(payment().status(422).text("no such account"))
        .http(payment().status(500))
        .http(payment().json(402, &json!({ "reason": "card expired" })))
        .http(paid());
    let failure = attempt(&host).unwrap_err();
    assert_eq!(asked(&host).len(), 5);
    let expected = "2 of 5 accounts were not charged for 2015-05 (2 charged, 1 declined, 0 with nothing due, 0 not asked for)\n\
        `globex`: asking the payments service: POST https://pay.example/v2/charges: the server answered with status 422: no such account\n\
        `initech`: asking the payments service: POST https://pay.example/v2/charges: the server answered with status 500";
    assert_eq!(failure, Failure::failed(expected));
    let logged: Vec<_> = host.logs().into_iter().map(|line| line.message).collect();
    assert!(
        logged.contains(
            &"account_declined account=umbrella cents=4 currency=EUR reason=card expired".to_owned()
        )
    );
    assert_eq!(logged.iter().filter(|line| line.starts_with("account_not_charged account=")).count(), 2);
}

#[test]
fn a_further_attempt_asks_with_the_same_keys() {
    let charges = json!([charge("acme", 1), charge("globex", 2)]);
    let first = host_with(&charges).http(paid()).http(payment().fails(ErrorKind::Timeout));
    attempt(&first).unwrap_err();
    let second = host_with(&charges).http(paid()).http(paid());
    assert_eq!(attempt(&second).unwrap().charged, 2);
    assert_eq!(first.requests(), second.requests());
}

#[test]
fn a_service_that_does_not_work_is_not_asked_for_ever() {
    let names: Vec<String> = (0..30).map(|number| format!("account-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let failures = [
        payment().fails(ErrorKind::Unreachable),
        payment().fails(ErrorKind::Tls),
        payment().status(503),
        payment().status(302),
        payment().header("content-type", "text/html").body("<html>"),
    ];
    assert_eq!(failures.len(), FAILURES_IN_A_ROW);
    let mut host = host(&names).http(payment().status(500)).http(paid());
    for failure in failures {
        host = host.http(failure);
    }
    let failure = attempt(&host).unwrap_err();
    assert_eq!(asked(&host).len(), 7);
    let start = "6 of 30 accounts were not charged for 2015-05 (1 charged, 0 declined, 0 with nothing due, 23 not asked for)\n";
    assert!(failure.message().starts_with(start), "{failure}");
    assert!(failure.message().contains("expected `{\"id\":ID}`"), "{failure}");
}

#[test]
fn what_would_be_the_same_for_every_account_ends_the_attempt() {
    for reply in [payment().status(401), payment().status(403), payment().fails(ErrorKind::Denied)] {
        let host = host(&["acme", "globex", "initech"]).http(paid()).http(reply);
        let failure = attempt(&host).unwrap_err();
        assert_eq!(failure, Failure::failed(failure.message()));
        let start = "charging `globex` for 2015-05 (1 charged, 0 declined, 0 with nothing due, 2 not asked for): \
            asking the payments service: POST https://pay.example/v2/charges: ";
        assert!(failure.message().starts_with(start), "{failure}");
        assert_eq!(asked(&host), ["acme", "globex"]);
    }
}

#[test]
fn a_pause_is_kept() {
    let host = host(&["acme", "globex"]).http(payment().status(429).header("retry-after", "30"));
    let expected = "charging `acme` for 2015-05 (0 charged, 0 declined, 0 with nothing due, 2 not asked for): \
        asking the payments service: it asks for a pause of 30 s (status 429)";
    assert_eq!(attempt(&host), Err(Failure::retry_after(Duration::from_secs(30), expected)));
}

#[test]
fn a_failure_names_the_first_accounts_and_counts_the_others() {
    let names: Vec<String> = (0..15).map(|number| format!("account-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut host = host(&names);
    for _ in &names {
        host = host.http(payment().status(400).text("x".repeat(5_000)));
    }
    let failure = attempt(&host).unwrap_err();
    assert!(failure.message().ends_with("\nand 5 more, in the log"), "{failure}");
    assert!(failure.message().len() < 8 << 10, "{} bytes", failure.message().len());
}

#[test]
fn accounts_that_cannot_be_read_are_not_charged() {
    for charges in [
        json!([{ "account": "acme", "amountCents": -1, "currency": "EUR" }]),
        json!([{ "account": "acme", "amountCents": 1.5, "currency": "EUR" }]),
        json!([{ "account": "acme", "amountCents": 1, "currency": "euro" }]),
        json!([charge("acme", 1), { "amountCents": 1, "currency": "EUR" }]),
        json!([charge("acme", 1), charge("acme", 2)]),
        json!({ "acme": 1 }),
    ] {
        let host = host_with(&charges);
        let failure = attempt(&host).unwrap_err();
        assert_eq!(failure, Failure::failed(failure.message()));
        assert!(
            failure
                .message()
                .starts_with("asking the accounts service: GET https://accounts.example/charges: ")
        );
        assert_eq!(host.requests().len(), 1);
    }
}

#[test]
fn more_accounts_than_an_attempt_can_charge_are_refused_before_the_first() {
    let calls = format!("\nhttp-calls = {} ", ACCOUNTS_MAX + 1);
    assert!(
        include_str!("../job.toml").contains(&calls),
        "one to ask what is owed, and one for each account"
    );
    let charges: Vec<Value> = (0..=ACCOUNTS_MAX).map(|number| charge(&number.to_string(), 1)).collect();
    let host = host_with(&json!(charges));
    let expected =
        "20001 accounts owe something for 2015-05; expected at most 20000, which one attempt can charge";
    assert_eq!(attempt(&host), Err(Failure::failed(expected)));
    assert_eq!(host.requests().len(), 1);
}
