//! Guests that compute do not keep the host from its timers.

use crate::support::harness::Harness;
use mainworker_domain::limits::Limit;
use mainworker_sandbox::attempt::StopReason;
use serde_json::json;
use std::time::{Duration, Instant};

const TIMER: Duration = Duration::from_millis(10);
const LATE_MAX: Duration = Duration::from_millis(20);
const SPINNING: usize = 8;
const MEASURED: usize = 200;
/// The machine may be busy with something else; a host that is late is late each time.
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_of_the_host_is_not_late_while_guests_spin_on_all_cores() {
    let harness = Harness::alone().await;
    let mut spinning = Vec::new();
    let mut stops = Vec::new();
    for _ in 0..SPINNING {
        let mut run = harness.probe(json!({ "probe": "spins" })).limit(Limit::Cpu, 60_000);
        stops.push(run.stop());
        let mut said = run.listen();
        spinning.push(tokio::spawn(run.end()));
        said.ready().await;
    }
    let mut best = Duration::MAX;
    for round in 1..=ROUNDS {
        let late = tokio::spawn(lateness()).await.unwrap();
        let (p50, p99) = (late[MEASURED / 2], late[MEASURED * 99 / 100]);
        println!(
            "round {round}: a {TIMER:?} timer beside {SPINNING} spinning guests is late by p50 {p50:?}, p99 {p99:?}"
        );
        best = best.min(p99);
        if best < LATE_MAX {
            break;
        }
    }
    for stop in stops {
        stop.request(StopReason::Cancel);
    }
    for attempt in spinning {
        attempt.await.unwrap();
    }
    assert!(best < LATE_MAX, "p99 of the best round is {best:?}");
}

/// By how much each timer was late, sorted.
async fn lateness() -> Vec<Duration> {
    let mut late = Vec::with_capacity(MEASURED);
    for _ in 0..MEASURED {
        let began = Instant::now();
        tokio::time::sleep(TIMER).await;
        late.push(began.elapsed().saturating_sub(TIMER));
    }
    late.sort();
    late
}
