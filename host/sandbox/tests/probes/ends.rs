//! Ends that say more than a row of the table can check.

use crate::support::harness::Harness;
use mainworker_domain::outcome::AttemptEnd;
use mainworker_sandbox::capabilities::clock::Clock;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_guest_that_spins_past_its_wall_time_is_stopped_at_a_tick() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("spins over its wall time");
    // A manifest may not ask for more processor time than wall time, so the two are equal there.
    let report = run.limit(mainworker_domain::limits::Limit::Cpu, 30_000).end().await;
    case.check(&report);
    assert!(report.usage.cpu_us > 0, "{:?}", report.usage);
}

#[tokio::test]
async fn a_runaway_recursion_has_a_short_backtrace() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("recurses without end");
    let report = run.end().await;
    case.check(&report);
    let AttemptEnd::Trapped(trap) = report.end else { panic!("{:?}", report.end) };
    assert!((1..=24).contains(&trap.backtrace.len()), "{} frames", trap.backtrace.len());
}

#[tokio::test]
async fn a_panic_says_its_text_its_place_its_function_and_the_last_lines() {
    let harness = Harness::shared().await;
    let run = harness.probe(json!({ "probe": "panics", "text": "first\n\nthird" }));
    let AttemptEnd::Trapped(trap) = run.end().await.end else { panic!("it panics") };
    let panic = trap.panic.expect("it has a text");
    assert!(panic.starts_with("the probe gives up: first\n"), "{panic}");
    assert!(panic.contains("third (tests/guests/src/probes/panics.rs:"), "{panic}");
    assert!(
        trap.backtrace.iter().any(|frame| frame == "guests::probes::panics::give_up"),
        "{:?}",
        trap.backtrace
    );
    assert_eq!(
        trap.last_lines.first().map(String::as_str),
        Some("before the panic"),
        "{:?}",
        trap.last_lines
    );
}

#[derive(Debug)]
struct BrokenClock;

impl Clock for BrokenClock {
    fn wall(&self) -> Duration {
        panic!("the clock fell off the wall")
    }

    fn monotonic_ns(&self) -> u64 {
        panic!("the clock fell off the wall")
    }
}

#[tokio::test]
async fn a_panic_of_the_host_is_that_attempts_host_error() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("reads a clock that panics");
    case.check(&run.clock(BrokenClock).end().await);
    let next = harness.probe(json!({ "probe": "reads_clock" })).result().await;
    assert_eq!(next["wentBack"], json!(false));
}

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn wall(&self) -> Duration {
        Duration::from_secs(86_400)
    }

    fn monotonic_ns(&self) -> u64 {
        7
    }
}

#[tokio::test]
async fn a_guest_sees_the_time_of_its_clock() {
    let harness = Harness::shared().await;
    let read = harness.probe(json!({ "probe": "reads_clock" })).clock(StoppedClock).result().await;
    assert_eq!(read, json!({ "unixSeconds": 86_400, "wentBack": false }));
}

#[tokio::test]
async fn the_environment_is_empty() {
    // Whatever this process has must not show; cargo gives every test a good many variables.
    assert!(std::env::vars().count() > 0);
    let harness = Harness::shared().await;
    let read = harness.case("reads its environment").0.result().await;
    assert_eq!(read, json!({ "variables": [], "arguments": [], "inputBytes": 0, "folder": false }));
}

#[tokio::test]
async fn only_granted_configuration_exists() {
    let harness = Harness::shared().await;
    let value = mainworker_domain::configuration::GrantedValue {
        value: "as given".to_owned().into(),
        secret: false,
        placeholder: false,
        of_host: false,
    };
    let (run, _) = harness.case("asks for keys that were not granted");
    let read = run.value("granted", value).result().await;
    assert_eq!(read, json!({ "granted": "as given", "not-granted": null, "": null }));
}
