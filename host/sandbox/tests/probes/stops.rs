//! Attempts that are stopped from outside.

use crate::support::harness::Harness;
use mainworker_domain::limits::Limit;
use mainworker_domain::manifest::Access;
use mainworker_sandbox::attempt::StopReason;
use serde_json::json;
use std::time::{Duration, Instant};

/// The grace for a guest that computes, and a good deal for a busy machine.
const QUICKLY: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_wish_to_stop_ends_any_attempt_quickly() {
    let harness = Harness::shared().await;
    for (name, reason) in [
        ("is cancelled while it spins", StopReason::Cancel),
        ("is cancelled while it sleeps", StopReason::Cancel),
        ("is interrupted while it spins", StopReason::Interrupt),
        ("is interrupted while it sleeps", StopReason::Interrupt),
    ] {
        let (mut run, case) = harness.case(name);
        let (mut events, stop) = (run.events(), run.stop());
        let attempt = tokio::spawn(run.end());
        events.ready().await;
        let asked = Instant::now();
        stop.request(reason);
        case.check(&attempt.await.unwrap());
        assert!(asked.elapsed() < QUICKLY, "`{name}` took {:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn a_wish_to_stop_from_before_the_attempt_counts() {
    let harness = Harness::shared().await;
    let (run, case) = harness.case("is cancelled while it spins");
    run.stop().request(StopReason::Cancel);
    run.stop().request(StopReason::Interrupt);
    case.check(&run.end().await);
}

#[tokio::test]
async fn an_attempt_that_nobody_waits_for_is_dropped() {
    let harness = Harness::shared().await;
    for probe in ["spins", "sleeps"] {
        let mut run = harness.probe(json!({ "probe": probe, "ms": 600_000 })).limit(Limit::Cpu, 60_000);
        let mut events = run.events();
        let attempt = tokio::spawn(run.end());
        events.ready().await;
        attempt.abort();
        assert!(attempt.await.unwrap_err().is_cancelled());
        // The attempt holds the other end of the channel: it closes when its store goes.
        let closed = tokio::time::timeout(QUICKLY, events.closed()).await;
        assert!(closed.is_ok(), "`{probe}` still runs");
    }
    harness.probe(json!({ "probe": "completes" })).result().await;
}

#[tokio::test]
async fn a_sandbox_that_is_dropped_ends_its_attempts() {
    let _harness = Harness::shared().await;
    let sandbox = crate::support::harness::start(None);
    drop(sandbox);
}

#[tokio::test]
async fn a_writable_mount_without_free_space_stops_its_attempt() {
    let harness = Harness::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let (run, case) = harness.case("runs while the disk fills");
    let run = run.mount("data", folder.path(), Access::ReadWrite).limit(Limit::FreeSpace, u64::MAX);
    let began = Instant::now();
    case.check(&run.end().await);
    assert!(began.elapsed() < QUICKLY, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_read_only_mount_needs_no_free_space() {
    let harness = Harness::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let run = harness.probe(json!({ "probe": "sleeps", "ms": 400 }));
    run.mount("data", folder.path(), Access::Read).limit(Limit::FreeSpace, u64::MAX).result().await;
}
