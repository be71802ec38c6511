//! Nothing of an attempt reaches the next one.

use crate::support::harness::Harness;
use mainworker_sandbox::engine::Allocation;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attempt_sees_what_another_left_in_memory() {
    let harness = Harness::shared().await;
    if let Allocation::OnDemand(reason) = harness.sandbox().engine().allocation() {
        println!("without a pool no memory is used twice: {reason}");
    }
    // Several at a time, so that several slots are dirty, and often enough that each is used again.
    for round in 0..12 {
        let runs: Vec<_> = (0..4)
            .map(|_| tokio::spawn(harness.case("leaves a marker in memory").0.attempt(round + 1).result()))
            .collect();
        for run in runs {
            let looked = run.await.unwrap();
            assert_eq!(looked["found"], json!(0), "round {round}: {looked}");
            assert_eq!(looked["written"], json!(96 * 8_192), "{looked}");
            assert_eq!(looked["onStack"], json!(9 * 4_096), "{looked}");
            // What was on the stack may have been overwritten in part by then.
            assert!(looked["foundAfter"].as_u64().unwrap() > 96 * 8_192 + 4_096, "{looked}");
        }
    }
}

#[tokio::test]
async fn each_attempt_begins_with_the_same_statics() {
    let harness = Harness::shared().await;
    for attempt in 1..=20 {
        let counted = harness.case("leaves a number in a static").0.attempt(attempt).result().await;
        assert_eq!(counted, json!({ "count": 1 }), "attempt {attempt}");
    }
}
