//! A secret that the job is granted and tells wherever it can. That a secret which it is not granted appears nowhere is
//! asserted of every run of every test ([`crate::finished`]).

use crate::host::{CANARY, TestHost, envelope};
use serde_json::{Value, json};

const PLACES: [(&str, i32); 9] = [
    ("log", 0),
    ("stdout", 0),
    ("stderr", 0),
    ("progress", 0),
    ("result", 0),
    ("rejected", 1),
    ("failed", 1),
    ("retry", 1),
    ("panic", 1),
];

/// Runs the job with the secret that `host` or `configuration` gives it, which tells it in each place.
fn tells(host: &TestHost, configuration: &Value, environment: &str) {
    for (place, exit) in PLACES {
        for json in [false, true] {
            let payload = json!({ "probe": "tells_secrets", "place": place });
            let envelope = json!({ "configuration": configuration, "jobName": "prober", "source": "api", "jobPayload": payload });
            host.write("envelope.json", envelope.to_string());
            let run = host.run_written().env("MW_SECRET", environment);
            let run = if json { run.arg("--json") } else { run };
            let printed = run.finish().exits(exit);
            let told = format!("{}{}", printed.stdout(), printed.stderr());
            // Progress is only for terminals.
            assert!(place == "progress" || told.contains("***"), "`{place}` told nothing: {told}");
        }
    }
}

#[test]
fn a_secret_of_the_settings_is_masked() {
    let host = TestHost::with_probes(json!({}));
    host.settings(&format!("[configuration.values]\nsecret = \"{CANARY}\""));
    tells(&host, &json!({}), "");
}

#[test]
fn a_secret_of_the_environment_is_masked() {
    let host = TestHost::with_probes(json!({}));
    host.settings("[configuration]\nenv-prefix = \"MW_\"");
    tells(&host, &json!({}), CANARY);
}

#[test]
fn a_secret_of_a_file_is_masked() {
    let host = TestHost::with_probes(json!({}));
    host.write("files/secret", format!("{CANARY}\n")).settings("[configuration]\nfiles-dir = \"files\"");
    tells(&host, &json!({}), "");
}

#[test]
fn a_secret_of_an_envelope_is_masked() {
    tells(&TestHost::with_probes(json!({})), &json!({ "secret": CANARY, "other": CANARY }), "");
}

#[test]
fn a_secret_that_the_job_may_only_send_is_a_placeholder() {
    let secret = json!({ "secret": true, "only-to": ["https://accounts.example.com"], "in": ["header"] });
    let host = TestHost::with_probes(json!({ "configuration": { "secret": secret } }));
    let payload = json!({ "probe": "reads_configuration", "keys": ["secret"] });
    let envelope = json!({ "configuration": { "secret": CANARY }, "jobName": "prober", "source": "api", "jobPayload": payload });
    host.write("envelope.json", envelope.to_string());
    let printed = host.run_written().finish().exits(0);
    assert!(printed.stdout().starts_with(r#"{"secret":"mwsecret-"#), "{}", printed.stdout());
}

/// The host's own diagnostics too.
#[test]
fn the_hosts_own_log_holds_no_secret() {
    let host = TestHost::with_probes(json!({}));
    host.settings(&format!("[configuration.values]\nsecret = \"{CANARY}\""));
    let run = host.probe(json!({ "probe": "tells_secrets", "place": "result" }));
    drop(run.env("MAINWORKER_LOG", "trace").finish().exits(0));
}

/// The search itself: what it is for, it finds.
#[test]
#[should_panic(expected = "the secret was printed")]
fn a_printed_secret_is_found() {
    let host = TestHost::new();
    drop(host.run(&envelope("echo", "api", json!({ "told": CANARY }))).finish());
}

#[test]
#[should_panic(expected = "holds the secret")]
fn a_written_secret_is_found() {
    let host = TestHost::with_jobs(&[]);
    std::fs::write(host.path("left-over"), format!("a {CANARY} b")).unwrap();
    drop(host.mainworker(&["settings", "check"]).finish());
}
