//! The job as an ordinary function, with recorded answers of the e-mail service.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use mainworker::http::ErrorKind;
use mainworker::testing::{self, Host, RecordedAnswer, answer};
use mainworker::{Failure, Task};
use mainworker_models::{SendEmailPayload, SendEmailReport};
use send_email::run;
use serde_json::json;

const MESSAGES: &str = "https://mail.example/v1/messages";

fn task() -> Task {
    testing::task("send-email")
}

fn payload(variables: serde_json::Value) -> SendEmailPayload {
    let payload = json!({ "template": "welcome", "to": "ops@acme.example", "variables": variables });
    serde_json::from_value(payload).unwrap()
}

fn host() -> Host {
    Host::new().config("email.url", "https://mail.example/v1").config("email.token", "sample-token")
}

fn sent(reply: RecordedAnswer) -> Result<SendEmailReport, Failure> {
    host().http(reply).run(|| run(&task(), payload(json!({ "account": "acme" }))))
}

fn accepted() -> RecordedAnswer {
    answer("POST", MESSAGES).json(202, &json!({ "id": "m-1", "queued": true }))
}

#[test]
fn an_email_goes_out_once_with_token_and_key() {
    let host = host().http(accepted());
    let report = host.run(|| run(&task(), payload(json!({ "account": "acme" })))).unwrap();
    assert_eq!(report, SendEmailReport { message_id: "m-1".to_owned() });
    let [request] = host.requests().try_into().unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer sample-token"));
    assert_eq!(request.header("idempotency-key"), Some(task().id.as_str()));
    assert_eq!(
        request.json().unwrap(),
        json!({ "template": "welcome", "to": "ops@acme.example", "variables": { "account": "acme" } })
    );
}

#[test]
fn a_further_attempt_has_the_same_key() {
    let host = host().http(answer("POST", MESSAGES).fails(ErrorKind::Timeout)).http(accepted());
    let attempt = |number| Task { attempt: number, max_attempts: 5, ..task() };
    host.run(|| run(&attempt(1), payload(json!({ "account": "acme" })))).unwrap_err();
    host.run(|| run(&attempt(2), payload(json!({ "account": "acme" })))).unwrap();
    let [first, second] = host.requests().try_into().unwrap();
    assert_eq!((first.headers, first.body), (second.headers, second.body));
}

#[test]
fn variables_of_another_template_are_rejected_before_anything_is_sent() {
    for (variables, found) in [
        (json!({}), "has no `account`"),
        (json!({ "account": "acme", "month": "2015-05" }), "has the unknown `month`"),
    ] {
        let host = host();
        let failure = host.run(|| run(&task(), payload(variables))).unwrap_err();
        let expected = format!("`variables` {found}; the template `welcome` takes exactly `account`");
        assert_eq!(failure, Failure::rejected(expected));
        assert_eq!(host.requests(), []);
    }
}

#[test]
fn what_the_service_refuses_is_rejected() {
    for status in [400, 401, 403, 404, 409, 422] {
        let failure = sent(answer("POST", MESSAGES).status(status).text("no such template")).unwrap_err();
        let expected = format!(
            "asking the email service: POST {MESSAGES}: the server answered with status {status}: no such template"
        );
        assert_eq!(failure, Failure::rejected(expected));
    }
}

#[test]
fn a_pause_is_kept() {
    for (reply, seconds) in [
        (answer("POST", MESSAGES).status(429).header("retry-after", "120"), 120),
        (answer("POST", MESSAGES).status(429), 60),
        (answer("POST", MESSAGES).status(429).header("retry-after", "soon"), 60),
    ] {
        let message = format!("asking the email service: it asks for a pause of {seconds} s (status 429)");
        let expected = Failure::retry_after(std::time::Duration::from_secs(seconds), message);
        assert_eq!(sent(reply), Err(expected));
    }
}

#[test]
fn a_service_that_does_not_work_fails_the_attempt() {
    for reply in [
        answer("POST", MESSAGES).status(302),
        answer("POST", MESSAGES).status(500),
        answer("POST", MESSAGES).status(503).header("retry-after", "5"),
        answer("POST", MESSAGES).fails(ErrorKind::Unreachable),
        answer("POST", MESSAGES).fails(ErrorKind::Tls),
        answer("POST", MESSAGES).fails(ErrorKind::Protocol),
    ] {
        let failure = sent(reply).unwrap_err();
        assert_eq!(failure, Failure::failed(failure.message()));
        assert!(
            failure.message().starts_with(&format!("asking the email service: POST {MESSAGES}: ")),
            "{failure}"
        );
    }
}

#[test]
fn a_success_that_names_no_message_fails_the_attempt() {
    for reply in [
        answer("POST", MESSAGES).header("content-type", "text/html").body("<html>"),
        answer("POST", MESSAGES).json(200, &json!({ "ok": true })),
        answer("POST", MESSAGES).status(204),
    ] {
        let failure = sent(reply).unwrap_err();
        assert_eq!(failure, Failure::failed(failure.message()));
        assert!(failure.message().ends_with("; expected `{\"id\":ID}`"), "{failure}");
    }
}

#[test]
fn a_service_that_is_not_configured_is_named() {
    let failure = Host::new().run(|| run(&task(), payload(json!({ "account": "acme" })))).unwrap_err();
    assert!(failure.message().starts_with("configuration `email.url` was not given to the job"), "{failure}");
}
