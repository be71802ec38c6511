//! Components that no Rust program is: written by hand, admitted, and stopped while they run.

use crate::support::harness::{Harness, describe, manifest_json};
use crate::support::job_text::{job, job_returning, job_with};
use crate::support::run::Run;
use mainworker_domain::limits::{Limit, Limits};
use mainworker_domain::outcome::AttemptEnd;
use mainworker_sandbox::module_file::ModuleFile;
use serde_json::json;

/// Asserts that a run ended at a limit, and with which figures.
async fn ends_at(run: Run, limit: Limit, observed: u64, allowed: u64) {
    let report = run.end().await;
    let message = report.end.message();
    let AttemptEnd::OverLimit(breach) = report.end else { panic!("{limit:?}: {message}") };
    assert_eq!((breach.limit, breach.observed, breach.allowed), (limit, observed, allowed), "{message}");
    assert!(message.contains("allowed are"), "{message}");
}

#[tokio::test]
async fn a_hand_made_job_completes() {
    let harness = Harness::shared().await;
    assert_eq!(harness.component(&job("", "")).result().await, json!({}));
}

#[tokio::test]
async fn a_result_that_is_not_json_is_a_failure_of_its_own() {
    let harness = Harness::shared().await;
    for text in ["not json", "{} {}", "", "[1,]", "NaN"] {
        let report = harness.component(&job_returning(text)).end().await;
        assert_eq!(report.end.code(), Some("result_not_json"), "{text}: {:?}", report.end);
        assert_eq!(report.end.outcome().as_str(), "failed");
        assert!(report.end.message().contains("expected one JSON value"), "{}", report.end.message());
    }
}

#[tokio::test]
async fn a_result_that_is_no_text_is_a_trap() {
    let harness = Harness::shared().await;
    for body in ["(i32.store8 (i32.const 64) (i32.const 255))", "(global.set $free (i32.const 0))"] {
        let report = harness.component(&job("", body)).end().await;
        if body.contains("255") {
            assert_eq!(report.end.code(), Some("guest_trapped"), "{:?}", report.end);
        }
    }
}

#[tokio::test]
async fn a_memory_that_begins_over_its_limit_is_out_of_memory() {
    let harness = Harness::shared().await;
    let declared = harness.component(&job(r#"(memory (export "memory") 2048)"#, ""));
    let allowed = Limits::default().get(Limit::Memory);
    ends_at(declared, Limit::Memory, 2048 * 65_536, allowed).await;
}

#[tokio::test]
async fn memory_that_grows_over_its_limit_is_out_of_memory() {
    let harness = Harness::shared().await;
    let grows = harness.component(&job("", "(drop (memory.grow (i32.const 65000)))"));
    let allowed = Limits::default().get(Limit::Memory);
    ends_at(grows, Limit::Memory, 65_002 * 65_536, allowed).await;
}

#[tokio::test]
async fn a_table_that_grows_over_its_limit_is_over_limit() {
    let harness = Harness::shared().await;
    let grow = "(drop (table.grow $t (ref.null func) (i32.const 150000)))";
    let grows = harness.component(&job("(table $t 10 funcref)", grow));
    ends_at(grows, Limit::TableElements, 150_010, 100_000).await;
    let declared = harness.component(&job("(table $t 200000 funcref)", ""));
    ends_at(declared, Limit::TableElements, 200_000, 100_000).await;
}

#[tokio::test]
async fn instances_are_counted() {
    let harness = Harness::shared().await;
    let instances = "(core instance (instantiate $empty))".repeat(80);
    let many = harness.component(&job_with(&format!("(core module $empty) {instances}")));
    ends_at(many, Limit::Instances, 65, 64).await;
    let few = harness.component(&job_with(&format!("(core module $empty) {instances}")));
    few.limit(Limit::Instances, 100).result().await;
}

#[tokio::test]
async fn a_start_function_that_spins_is_stopped_like_any_code() {
    let harness = Harness::shared().await;
    let run = harness.component(&job("(func $spin (loop (br 0))) (start $spin)", "")).limit(Limit::Cpu, 100);
    let report = run.end().await;
    assert_eq!(report.end.code(), Some("cpu_ms"), "{:?}", report.end);
}

#[tokio::test]
async fn a_trap_while_it_starts_is_a_trap() {
    let harness = Harness::shared().await;
    let report = harness.component(&job("(func $trap unreachable) (start $trap)", "")).end().await;
    assert_eq!(report.end.code(), Some("guest_trapped"), "{:?}", report.end);
}

/// Refused when it is made ready, or ended at run time; never the host's fault.
#[tokio::test]
async fn more_memories_or_tables_than_a_module_may_have_are_not_the_hosts_fault() {
    let harness = Harness::shared().await;
    let module = "(core module $one (memory 1) (table 1 funcref))".to_owned();
    let over_slot = job(r#"(memory (export "memory") 20000)"#, "");
    let over_table = job("(table 2000000 funcref)", "");
    let many = job_with(&(module + &"(core instance (instantiate $one))".repeat(40)));
    let memories = job(&"(memory 1)".repeat(17).replacen("(memory 1)", r#"(memory (export "memory") 2)"#, 1), "");
    for (what, text) in [
        ("a memory over its slot", over_slot),
        ("a table over its slot", over_table),
        ("40 instances", many),
        ("17 memories", memories),
    ] {
        let Ok(bytes) = wat::parse_str(&text) else { panic!("{what}: not a component") };
        let file = ModuleFile::pack(&bytes, &describe(manifest_json())).unwrap();
        match harness.sandbox().prepare(&file) {
            Err(refusal) => println!("{what}: {} {refusal}", refusal.code()),
            Ok(module) => {
                let report = Run::of(harness.sandbox(), module.into(), json!({})).end().await;
                println!("{what}: {:?} {}", report.end.code(), report.end.message());
                assert_ne!(report.end.code(), Some("host_error"), "{what}: {}", report.end.message());
            }
        }
    }
}
