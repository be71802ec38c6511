//! Asking a component for its schemas: the one time that guest code runs outside an attempt.

use crate::support::component;
use crate::support::harness::{Harness, start};
use crate::support::job_text::job_with;
use mainworker_sandbox::SchemaProbeError;
use serde_json::json;
use std::time::{Duration, Instant};

/// Exports whose functions execute `body` and then return the text `{}`.
fn schemas(body: &str) -> String {
    job_with(&format!(
        r#"
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $p (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $p))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (export "pollable" (type $p (eq $pollable)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
    (core func $block (canon lower (func $poll "[method]pollable.block")))
    (core func $subscribe (canon lower (func $clock "subscribe-duration")))
    (core module $schemas
        (import "host" "block" (func $block (param i32)))
        (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "{{}}")
        (func (export "schema") (result i32)
            {body}
            (i32.store (i32.const 16) (i32.const 64))
            (i32.store (i32.const 20) (i32.const 2))
            (i32.const 16)))
    (core instance $host (export "block" (func $block)) (export "subscribe" (func $subscribe)))
    (core instance $made (instantiate $schemas (with "host" (instance $host))))
    (func $schema (result string)
        (canon lift (core func $made "schema") (memory (core memory $made "memory"))))
    (instance $both (export "payload" (func $schema)) (export "result" (func $schema)))
    (export "mainworker:job/schema@0.1.0" (instance $both))
"#
    ))
}

async fn asked(text: &str) -> Result<mainworker_sandbox::Schemas, SchemaProbeError> {
    Harness::shared().await.sandbox().schemas(&wat::parse_str(text).unwrap()).await
}

#[tokio::test]
async fn a_component_says_its_schemas() {
    let of_probes = Harness::shared().await.sandbox().schemas(component::probes()).await.unwrap();
    assert_eq!(of_probes.payload.unwrap()["type"], json!("object"));
    let by_hand = asked(&schemas("")).await.unwrap();
    assert_eq!((by_hand.payload, by_hand.result), (Some(json!({})), Some(json!({}))));
    assert_eq!(asked(&job_with("")).await.unwrap(), mainworker_sandbox::Schemas::default());
}

#[tokio::test]
async fn a_schema_that_is_not_json_or_traps_is_no_answer() {
    let not_json = asked(&schemas("(i32.store8 (i32.const 64) (i32.const 33))")).await.unwrap_err();
    assert!(not_json.to_string().contains("payload schema is not JSON"), "{not_json}");
    let traps = asked(&schemas("unreachable")).await.unwrap_err();
    assert!(traps.to_string().contains("did not answer"), "{traps}");
}

#[tokio::test]
async fn a_schema_that_never_comes_is_not_waited_for() {
    let sleeps = schemas("(call $block (call $subscribe (i64.const 3600000000000)))");
    // Of its own: other tests should not wait that long for the machine.
    let sandbox = start(None);
    let component = wat::parse_str(&sleeps).unwrap();
    let began = Instant::now();
    let asked = tokio::time::timeout(Duration::from_secs(20), sandbox.schemas(&component)).await;
    let error = asked.expect("it ends").unwrap_err();
    assert!(error.to_string().contains("longer than 10 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
