//! Attempts that are stopped from outside.

use crate::support::harness::Harness;
use mainworker_domain::limits::Limit;
use mainworker_domain::manifest::Access;
use mainworker_sandbox::attempt::StopReason;
use mainworker_sandbox::engine::Allocation;
use serde_json::json;
use std::collections::BTreeMap;
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
        let (mut said, stop) = (run.listen(), run.stop());
        let attempt = tokio::spawn(run.end());
        said.ready().await;
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
        let mut said = run.listen();
        let attempt = tokio::spawn(run.end());
        said.ready().await;
        attempt.abort();
        assert!(attempt.await.unwrap_err().is_cancelled());
        // The attempt holds the other end of the channel: it closes when its store goes.
        let closed = tokio::time::timeout(QUICKLY, said.closed()).await;
        assert!(closed.is_ok(), "`{probe}` still runs");
    }
    harness.probe(json!({ "probe": "completes" })).result().await;
}

/// The pool has 256 slots. Whoever starts attempts keeps below that; one too many must not break the others.
#[tokio::test]
async fn an_attempt_without_a_slot_in_the_pool_is_a_host_error_and_the_others_go_on() {
    // Alone, because it takes the slots of all others.
    let harness = Harness::alone().await;
    if *harness.sandbox().engine().allocation() != Allocation::Pooled {
        return;
    }
    let mut stops = Vec::new();
    let mut attempts = Vec::new();
    for _ in 0..260 {
        let run = harness.probe(json!({ "probe": "sleeps", "ms": 600_000 }));
        stops.push(run.stop());
        attempts.push(tokio::spawn(run.end()));
    }
    // The four without a slot end at once; the others when they are told to.
    let mut ended = 0;
    while ended < 4 {
        ended = attempts.iter().filter(|attempt| attempt.is_finished()).count();
        tokio::task::yield_now().await;
    }
    stops.iter().for_each(|stop| stop.request(StopReason::Cancel));
    let mut codes = BTreeMap::new();
    for attempt in attempts {
        let end = attempt.await.unwrap().end;
        if end.code() == Some("host_error") {
            assert!(end.message().contains("maximum concurrent limit of 256"), "{}", end.message());
        }
        *codes.entry(end.code()).or_insert(0) += 1;
    }
    assert_eq!(codes, BTreeMap::from([(Some("cancelled"), 256), (Some("host_error"), 4)]));
    harness.probe(json!({ "probe": "completes" })).result().await;
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
