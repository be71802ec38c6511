//! The company's jobs from end to end: real modules, real sockets, settings as an operator writes them.

use crate::company::{Company, token};
use crate::services::{COMPANY, Received, Service, answer, json as answers};
use serde_json::{Value, json};
use std::fs;

/// One line of an edge server's log.
pub(crate) fn line(stream: &str, bytes: u64) -> String {
    format!(
        "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET /{stream}/1.ts HTTP/1.1\" 200 {bytes} \"-\" \"-\"\n"
    )
}

/// The accounts service.
fn accounts() -> Service {
    Service::over_tls(&COMPANY, |request| match request.line().as_str() {
        "GET /v1/streams" => answers(
            200,
            &json!({ "streams": { "live": "acme", "news": "acme", "films": "globex", "talk": "initech" } }),
        ),
        "GET /v1/plans" => answers(
            200,
            &json!({ "plans": {
                "acme": { "bytesPerMonth": 1000, "email": "ops@acme.example", "since": "2011" },
                "globex": { "bytesPerMonth": 1000, "email": "it@globex.example" },
                "initech": {},
            } }),
        ),
        "GET /v1/charges?month=2015-05" => answers(
            200,
            &json!({ "charges": [
                { "account": "acme", "amountCents": 1200, "currency": "EUR" },
                { "account": "broken", "amountCents": 900, "currency": "EUR" },
                { "account": "globex", "amountCents": 700, "currency": "EUR" },
                { "account": "idle", "amountCents": 0, "currency": "EUR" },
                { "account": "poor", "amountCents": 500, "currency": "USD" },
            ] }),
        ),
        _ => answers(404, &json!({})),
    })
}

fn email() -> Service {
    Service::over_tls(&COMPANY, |request| match request.line().as_str() {
        "POST /v1/messages" => answers(202, &json!({ "id": "m-1" })),
        _ => answers(404, &json!({})),
    })
}

/// The payments service: a declined card, and an account that it has trouble with.
fn payments(trouble: u16) -> Service {
    Service::over_tls(&COMPANY, move |request| {
        let body = request.json();
        match (request.line().as_str(), body["account"].as_str().unwrap_or_default()) {
            ("POST /v1/charges", "poor") => answers(402, &json!({ "reason": "insufficient funds" })),
            ("POST /v1/charges", "broken") => answers(trouble, &json!({ "id": "ch-broken" })),
            ("POST /v1/charges", account) => answers(201, &json!({ "id": format!("ch-{account}") })),
            _ => answers(404, &json!({})),
        }
    })
}

#[track_caller]
fn asked_with_token(request: &Received, service: &str) {
    assert_eq!(request.header("authorization"), Some(format!("Bearer {}", token(service)).as_str()));
}

/// Logs to reports, reports to warnings, warnings to e-mails, as the queue will do it: each task that a report names is
/// put in as it stands there.
#[test]
fn logs_become_warnings_that_arrive_as_e_mails() {
    let (accounts, email) = (accounts(), email());
    let company = Company::with(&[("accounts", &accounts), ("email", &email)]);
    company
        .host
        .write("edge-logs/edge-1.log", [line("live", 600), line("films", 300), line("talk", 7)].concat())
        .write("edge-logs/edge-2.log", [line("news", 330), line("films", 700), line("osaka", 11)].concat());

    let report = company.report("edge-logs", "scheduler", json!({ "files": ["*.log"] }), (0, "completed"));
    assert_eq!(
        report["result"],
        json!({ "lines": 6, "broken": 0, "bytes": 1948,
            "accounts": {
                "acme": { "bytes": 930, "requests": 2 },
                "globex": { "bytes": 1000, "requests": 2 },
                "initech": { "bytes": 7, "requests": 1 },
            },
            "unknown": { "osaka": { "bytes": 11, "requests": 1 } } })
    );
    assert_eq!(report["usage"]["httpCalls"], 1);
    let request = accounts.only();
    assert_eq!(request.line(), "GET /v1/streams");
    asked_with_token(&request, "accounts");
    assert_eq!(request.header("host"), Some(accounts.authority()));

    let month = json!({ "month": "2015-05" });
    let report = company.report("account-bandwidth", "scheduler", month.clone(), (0, "completed"));
    assert_eq!(
        report["result"]["accounts"],
        json!({
            "acme": { "bytes": 930, "limitBytes": 1000, "percent": 93, "warned": [90] },
            "globex": { "bytes": 1000, "limitBytes": 1000, "percent": 100, "warned": [90, 100] },
            "initech": { "bytes": 7 },
        })
    );
    let tasks = report["scheduled"].as_array().unwrap();
    let keys: Vec<&Value> = tasks.iter().map(|task| &task["options"]["idempotencyKey"]).collect();
    assert_eq!(keys, ["acme:2015-05:90", "globex:2015-05:90", "globex:2015-05:100"]);

    for task in tasks {
        let report = company.host.run(&task["envelope"]).arg("--json").finish().exits(0).report();
        assert_eq!(
            (&report["source"], &report["result"]),
            (&json!("job:account-bandwidth"), &json!({ "messageId": "m-1" }))
        );
        let request = email.received().pop().unwrap();
        assert_eq!(request.line(), "POST /v1/messages");
        asked_with_token(&request, "email");
        assert_eq!(request.header("idempotency-key"), report["taskId"].as_str());
        assert_eq!(request.json(), task["envelope"]["jobPayload"]);
    }
    assert_eq!(
        email.received()[2].json(),
        json!({ "template": "bandwidth-warning", "to": "it@globex.example",
            "variables": { "account": "globex", "month": "2015-05", "percent": "100" } })
    );

    // The same month once more asks for the same.
    let again = company.report("account-bandwidth", "dashboard", month, (0, "completed"));
    let without_ids = |report: &Value| -> Vec<Value> {
        let tasks = report["scheduled"].as_array().unwrap().iter();
        tasks.map(|task| json!([task["envelope"], task["options"]])).collect()
    };
    assert_eq!(without_ids(&again), without_ids(&report));
}

#[test]
fn the_accounts_service_is_as_good_as_accounts_in_the_payload() {
    let Some(log) = crate::edge_logs::access_log() else { return };
    let streams = json!({ "presentations": "acme", "files": "acme", "": "root" });
    let told = streams.clone();
    let accounts = Service::over_tls(&COMPANY, move |_| answers(200, &json!({ "streams": told })));
    let company = Company::with(&[("accounts", &accounts)]);
    company.host.write("edge-logs/access.log", log);
    let run = |payload: Value| {
        company.report("edge-logs", "dashboard", payload, (0, "completed"))["result"].clone()
    };
    let files = json!(["access.log"]);
    let asked = run(json!({ "files": files }));
    assert!(asked["accounts"]["acme"]["bytes"].as_u64() > Some(0), "{asked}");
    assert_eq!(asked, run(json!({ "files": files, "accounts": streams })));
    assert_eq!(accounts.lines(), ["GET /v1/streams"]);
}

/// A packet of a transport stream.
fn packet(of: u8) -> Vec<u8> {
    [&[0x47, 0x01, 0x00, 0x10][..], &[of; 184]].concat()
}

const PLAYLIST: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n0.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:2.5,\n1.ts\n";

#[test]
fn a_recording_becomes_one_file_with_an_index() {
    let company = Company::with(&[]);
    let run = |end| company.report("archive-stream", "api", json!({ "playlist": "launch/index.m3u8" }), end);
    let host = &company.host;
    let (first, second) = (packet(1), [packet(2), packet(3)].concat());
    host.write("recordings/launch/index.m3u8", PLAYLIST).write("recordings/launch/0.ts", &first);
    let waits = run((1, "retry-asked"));
    insta::assert_snapshot!(waits["error"]["message"].as_str().unwrap(), @"the segment `launch/1.ts` is not there yet; the recording goes on (asked to be tried again after 6s)");
    host.write("recordings/launch/index.m3u8", format!("{PLAYLIST}#EXT-X-ENDLIST\n"));
    let missing = run((1, "rejected"));
    insta::assert_snapshot!(missing["error"]["message"].as_str().unwrap(), @"the segment `launch/1.ts` is missing, and the recording is over");
    host.write("recordings/launch/1.ts", &second[1..]);
    let torn = run((1, "rejected"));
    insta::assert_snapshot!(torn["error"]["message"].as_str().unwrap(), @"the segment `launch/1.ts` has 375 bytes; expected whole transport stream packets of 188 bytes");
    assert_eq!(fs::read_dir(host.path("archive")).unwrap().count(), 0);

    host.write("recordings/launch/1.ts", &second);
    let done = run((0, "completed"))["result"].clone();
    assert_eq!(
        done,
        json!({ "file": "launch/index.ts", "index": "launch/index.json", "bytes": 564, "packets": 3,
            "segments": 2, "discontinuities": 1, "seconds": 8.5 })
    );
    assert_eq!(fs::read(host.path("archive/launch/index.ts")).unwrap(), [first, second].concat());
    let index: Value =
        serde_json::from_slice(&fs::read(host.path("archive/launch/index.json")).unwrap()).unwrap();
    assert_eq!(
        (&index["discontinuityOffsets"], &index["segments"][1]["offset"]),
        (&json!([188]), &json!(188))
    );
    let kept = |host: &crate::host::TestHost| {
        let archive = host.path("archive");
        host.files().into_iter().filter(|(path, _)| path.starts_with(&archive)).collect::<Vec<_>>()
    };
    let before = kept(host);
    assert_eq!(before.len(), 2, "{before:?}");
    assert_eq!(run((0, "completed"))["result"], done);
    assert_eq!(kept(host), before, "a second run changed something");
}

#[test]
fn accounts_are_charged_by_the_scheduler_alone() {
    let (accounts, payments) = (accounts(), payments(201));
    let company = Company::with(&[("accounts", &accounts), ("payments", &payments)]);
    let month = json!({ "month": "2015-05" });
    let refused = company.run("charge-accounts", "api", month.clone()).finish().exits(3);
    insta::assert_snapshot!(company.seen(&refused), @r"
    error[source_not_allowed]: source `api` may not schedule `charge-accounts`, expected `scheduler`
      at /source
    hint: only a schedule asks for it: `mainworker schedule put --help` makes one, for whoever has the role `admin`; or add the source to `[schedulable-by] sources` in the job.toml of `charge-accounts`
    ");
    let early = company.run("charge-accounts", "scheduler", json!({ "month": "9998-12" })).finish().exits(1);
    insta::assert_snapshot!(company.seen(&early), @r"
    error[job_rejected]: the month 9998-12 is not over (UTC): what is owed for it may still change
    hint: ask `billing`, who owns the job
    charge-accounts rejected in [time and memory]
    ");
    assert_eq!((accounts.lines(), payments.lines()), (vec![], vec![]));

    let report = company.report("charge-accounts", "scheduler", month, (0, "completed"));
    assert_eq!(
        report["result"],
        json!({ "month": "2015-05", "charged": 3, "chargedCents": { "EUR": 2800 }, "nothingDue": 1,
            "declined": [{ "account": "poor", "amountCents": 500, "currency": "USD", "reason": "insufficient funds" }] })
    );
    asked_with_token(&accounts.only(), "accounts");
    let keys: Vec<Option<String>> = payments
        .received()
        .iter()
        .map(|request| {
            asked_with_token(request, "payments");
            request.header("idempotency-key").map(str::to_owned)
        })
        .collect();
    let expected = ["acme:2015-05", "broken:2015-05", "globex:2015-05", "poor:2015-05"];
    assert_eq!(keys, expected.map(|key| Some(key.to_owned())));
    assert_eq!(
        payments.received()[0].json(),
        json!({ "account": "acme", "month": "2015-05", "amountCents": 1200, "currency": "EUR" })
    );
}

#[test]
fn one_account_that_cannot_be_charged_does_not_keep_the_others() {
    let accounts = accounts();
    let charge = |trouble: u16| {
        let payments = payments(trouble);
        let company = Company::with(&[("accounts", &accounts), ("payments", &payments)]);
        let run = company.run("charge-accounts", "scheduler", json!({ "month": "2015-05" }));
        (company.seen(&run.finish().exits(1)), payments.lines().len())
    };
    let (seen, asked) = charge(500);
    assert_eq!(asked, 4);
    insta::assert_snapshot!(seen, @r#"
     info charge_accounts charges_read month=2015-05 accounts=5
     info charge_accounts::ledger account_charged account=acme cents=1200 currency=EUR charge=ch-acme
    error charge_accounts::ledger account_not_charged account=broken reason=asking the payments service: POST https://[payments]/v1/charges: the server answered with status 500: {"id":"ch-broken"}
     info charge_accounts::ledger account_charged account=globex cents=700 currency=EUR charge=ch-globex
     warn charge_accounts::ledger account_declined account=poor cents=500 currency=USD reason=insufficient funds
    error[job_failed]: 1 of 5 accounts were not charged for 2015-05 (2 charged, 1 declined, 1 with nothing due, 0 not asked for)
      `broken`: asking the payments service: POST https://[payments]/v1/charges: the server answered with status 500: {"id":"ch-broken"}
    hint: ask `billing`, who owns the job
    charge-accounts failed in [time and memory]
    "#);
    let (seen, asked) = charge(422);
    assert_eq!(asked, 4);
    insta::assert_snapshot!(seen, @r#"
     info charge_accounts charges_read month=2015-05 accounts=5
     info charge_accounts::ledger account_charged account=acme cents=1200 currency=EUR charge=ch-acme
    error charge_accounts::ledger account_not_charged account=broken reason=asking the payments service: POST https://[payments]/v1/charges: the server answered with status 422: {"id":"ch-broken"}
     info charge_accounts::ledger account_charged account=globex cents=700 currency=EUR charge=ch-globex
     warn charge_accounts::ledger account_declined account=poor cents=500 currency=USD reason=insufficient funds
    error[job_failed]: 1 of 5 accounts were not charged for 2015-05 (2 charged, 1 declined, 1 with nothing due, 0 not asked for)
      `broken`: asking the payments service: POST https://[payments]/v1/charges: the server answered with status 422: {"id":"ch-broken"}
    hint: ask `billing`, who owns the job
    charge-accounts failed in [time and memory]
    "#);
    // What concerns all accounts ends it.
    let (seen, asked) = charge(401);
    assert_eq!(asked, 2);
    insta::assert_snapshot!(seen, @r#"
     info charge_accounts charges_read month=2015-05 accounts=5
     info charge_accounts::ledger account_charged account=acme cents=1200 currency=EUR charge=ch-acme
    error[job_failed]: charging `broken` for 2015-05 (1 charged, 0 declined, 0 with nothing due, 4 not asked for): asking the payments service: POST https://[payments]/v1/charges: the server answered with status 401: {"id":"ch-broken"}
    hint: ask `billing`, who owns the job
    charge-accounts failed in [time and memory]
    "#);
}

#[test]
fn an_e_mail_that_is_not_taken() {
    let said = |bytes: Vec<u8>, outcome: &str| {
        let email = Service::over_tls(&COMPANY, move |_| bytes.clone());
        let company = Company::with(&[("email", &email)]);
        let payload =
            json!({ "template": "welcome", "to": "a@acme.example", "variables": { "account": "acme" } });
        company.report("send-email", "api", payload.clone(), (1, outcome));
        assert_eq!(email.lines(), ["POST /v1/messages"]);
        company.seen(&company.run("send-email", "api", payload).finish().exits(1))
    };
    insta::assert_snapshot!(said(answer(429, "retry-after: 7\r\n", "slow down"), "retry-asked"), @r"
    error[job_retry_asked]: asking the email service: it asks for a pause of 7 s (status 429) (asked to be tried again after 7s)
    hint: ask `support`, who owns the job
    send-email retry-asked in [time and memory]
    ");
    insta::assert_snapshot!(said(answer(429, "", "slow down"), "retry-asked"), @r"
    error[job_retry_asked]: asking the email service: it asks for a pause of 60 s (status 429) (asked to be tried again after 1m)
    hint: ask `support`, who owns the job
    send-email retry-asked in [time and memory]
    ");
    insta::assert_snapshot!(said(answer(400, "", "no such template"), "rejected"), @r"
    error[job_rejected]: asking the email service: POST https://[email]/v1/messages: the server answered with status 400
    hint: ask `support`, who owns the job
    send-email rejected in [time and memory]
    ");
    insta::assert_snapshot!(said(answer(401, "", ""), "rejected"), @r"
    error[job_rejected]: asking the email service: POST https://[email]/v1/messages: the server answered with status 401
    hint: ask `support`, who owns the job
    send-email rejected in [time and memory]
    ");
    insta::assert_snapshot!(said(answer(503, "retry-after: 7\r\n", ""), "failed"), @r"
    error[job_failed]: asking the email service: POST https://[email]/v1/messages: the server answered with status 503
    hint: ask `support`, who owns the job
    send-email failed in [time and memory]
    ");
    insta::assert_snapshot!(said(answer(302, "location: http://127.0.0.2:9/\r\n", ""), "failed"), @r"
    error[job_failed]: asking the email service: POST https://[email]/v1/messages: the server answered with status 302
    hint: ask `support`, who owns the job
    send-email failed in [time and memory]
    ");
}
