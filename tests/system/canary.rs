//! Where a granted secret goes: to its service, and nowhere else. Every token of [`crate::company`] has the canary in it,
//! and whatever a run prints or leaves in its world is searched for it ([`crate::finished`]): here the data folder too, and
//! services that send back what they were told.

use crate::company::{Company, token};
use crate::host::{CANARY, TestHost, envelope};
use crate::services::{COMPANY, Received, Service, answer, json as answers};
use serde_json::{Value, json};

/// A service that puts the token it was sent into all that it says.
fn echoing() -> Service {
    Service::over_tls(&COMPANY, |request| {
        let told = request.header("authorization").unwrap_or_default().replace("Bearer ", "");
        let body = request.json();
        match (request.line().as_str(), body["account"].as_str().unwrap_or_default()) {
            ("GET /v1/plans", _) => {
                let plan = json!({ "bytesPerMonth": 1000, "email": format!("{told}@acme.example") });
                answers(200, &json!({ "plans": { "acme": plan } }))
            }
            ("GET /v1/charges?month=2015-05", _) => {
                let charge =
                    |account: &str| json!({ "account": account, "amountCents": 100, "currency": "EUR" });
                answers(200, &json!({ "charges": [charge(&told), charge("broken"), charge("poor")] }))
            }
            ("POST /v1/charges", "poor") => answers(402, &json!({ "reason": told })),
            ("POST /v1/charges", "broken") => answer(422, "content-type: text/plain\r\n", &told),
            ("POST /v1/charges" | "POST /v1/messages", _) => answers(201, &json!({ "id": told })),
            _ => answer(500, "content-type: text/plain\r\n", &format!("what is {told}?")),
        }
    })
}

#[track_caller]
fn got_its_token(service: &Service, name: &str) {
    let received = service.received();
    assert!(!received.is_empty(), "`{name}` was not asked");
    for request in &received {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {}", token(name)).as_str()));
        assert!(!request.text().contains("mwsecret-"), "a placeholder arrived: {request:?}");
    }
}

/// All that a run says, for people and for programs. The data folder is in the world, so it is searched too.
#[track_caller]
fn said(host: &TestHost, envelope: &Value, exit: i32) -> String {
    host.write("envelope.json", envelope.to_string());
    let shown = host.run_written().env("MAINWORKER_LOG", "trace").finish().exits(exit);
    let reported = host.run_written().arg("--json").finish().exits(exit);
    assert!(host.path("data").exists());
    format!("{}{}{}", shown.stdout(), shown.stderr(), reported.report())
}

#[test]
fn a_token_is_seen_by_its_service_alone() {
    let services = ["accounts", "payments", "email"].map(|name| (name, echoing()));
    let company = Company::with(&services.each_ref().map(|(name, service)| (*name, service)));
    let line = r#"192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /live/1.ts HTTP/1.1" 200 950 "-" "-""#;
    company.host.write("edge-logs/access.log", format!("{line}\n"));
    let said = |job: &str, source: &str, payload: Value, exit: i32| {
        said(&company.host, &envelope(job, source, payload), exit)
    };

    // The error of a failing service.
    let told = said("edge-logs", "scheduler", json!({ "files": ["*"] }), 1);
    assert!(told.contains("what is ***?"), "{told}");
    // A task that would carry it.
    let owners = json!({ "files": ["*"], "accounts": { "live": "acme" } });
    said("edge-logs", "scheduler", owners, 0);
    let told = said("account-bandwidth", "scheduler", json!({ "month": "2015-05" }), 0);
    assert!(told.contains("the payload has one of the job's secrets in it"), "{told}");
    assert!(told.contains(r#""scheduled":[]"#), "{told}");
    // Log lines, progress, and the message of a failure.
    let told = said("charge-accounts", "scheduler", json!({ "month": "2015-05" }), 1);
    assert!(told.contains("account_charged account=***") && told.contains("reason=***"), "{told}");
    // A result.
    let welcome =
        json!({ "template": "welcome", "to": "a@acme.example", "variables": { "account": "acme" } });
    let told = said("send-email", "api", welcome, 0);
    assert!(told.contains(r#"{"messageId":"***"}"#), "{told}");

    for (name, service) in &services {
        got_its_token(service, name);
    }
}

#[test]
fn a_token_of_the_environment_is_one_as_well() {
    let email = echoing();
    let company = Company::with(&[("email", &email)]);
    std::fs::remove_file(company.host.path("secrets/email.token")).unwrap();
    let settings = std::fs::read_to_string(company.host.path("mainworker.toml")).unwrap();
    company.host.settings(
        &settings
            .replace("files-dir = \"secrets\"", "env-prefix = \"MW_\"")
            .replace("server.token", "server.source"),
    );
    let welcome =
        json!({ "template": "welcome", "to": "a@acme.example", "variables": { "account": "acme" } });
    let run = company.run("send-email", "api", welcome);
    let printed = run.env("MW_EMAIL_TOKEN", &token("email")).finish().exits(0);
    assert_eq!(printed.stdout(), "{\"messageId\":\"***\"}\n");
    got_its_token(&email, "email");
}

/// A secret without `only-to` is the job's own to send; what comes back of it is masked all the same.
#[test]
fn a_secret_that_a_job_holds_itself() {
    let server = Service::start(|request: &Received| answer(200, "", &request.text()));
    let grant = json!({ "to": server.origin(), "methods": ["POST"] });
    let host = TestHost::with_probes(json!({
        "configuration": { "secret": { "secret": true, "from": "host" } },
        "grants": { "http": [grant] },
    }));
    host.settings(&format!(
        "[http]\nallow = [\"{}\"]\nallow-private = [\"127.0.0.1\"]\n[configuration]\nenv-prefix = \"MW_\"",
        server.origin()
    ));
    for place in ["authorization", "json", "form", "text", "query"] {
        let text = if place == "query" { "/?key={}" } else { "key {}" };
        let payload = json!({ "probe": "sends_secret", "authority": server.authority(), place: text });
        let printed = host.probe(payload).env("MW_SECRET", CANARY).finish().exits(0);
        assert!(printed.stdout().contains("***"), "{place}: {}", printed.stdout());
        let got = server.received().pop().unwrap();
        assert!(got.text().contains(CANARY), "{place}: {got:?}");
    }
}
