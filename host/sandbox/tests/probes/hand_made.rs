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

/// What a guest hands over is the guest's fault, also where none of its code runs at the moment.
#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_trap() {
    let harness = Harness::shared().await;
    let not_text = "(i32.store8 (i32.const 64) (i32.const 255))";
    let elsewhere = "(return (i32.const -16))";
    let neither_nor = "(i32.store8 (i32.const 32) (i32.const 9)) (return (i32.const 32))";
    let crooked = "(return (i32.const 17))";
    for body in [not_text, elsewhere, neither_nor, crooked] {
        let report = harness.component(&job("", body)).end().await;
        assert_eq!(report.end.code(), Some("guest_trapped"), "{body}: {:?}", report.end);
    }
}

#[tokio::test]
async fn memory_for_the_payload_that_is_not_there_is_a_trap() {
    let harness = Harness::shared().await;
    let text = job("", "").replace("(i32.const 4096)", "(i32.const 131064)");
    let report = harness.component(&text).with("long", "x".repeat(1_000)).end().await;
    assert_eq!(report.end.code(), Some("guest_trapped"), "{:?}", report.end);
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
    let memories =
        job(&"(memory 1)".repeat(17).replacen("(memory 1)", r#"(memory (export "memory") 2)"#, 1), "");
    for (what, text) in [
        ("a memory over its slot", over_slot),
        ("a table over its slot", over_table),
        ("40 instances", many),
        ("17 memories", memories),
    ] {
        let Ok(bytes) = wat::parse_str(&text) else { panic!("{what}: not a component") };
        let file = ModuleFile::pack(&bytes, &describe(manifest_json())).unwrap();
        match harness.sandbox().prepare(&file) {
            Err(refusal) => assert_eq!(refusal.code(), "module_not_compilable", "{what}: {refusal}"),
            Ok(module) => {
                let report = Run::of(harness.sandbox(), module.into(), json!({})).end().await;
                assert_ne!(report.end.code(), Some("host_error"), "{what}: {}", report.end.message());
            }
        }
    }
}

/// Names of functions come from the module, and a backtrace is stored with its task.
#[tokio::test]
async fn a_backtrace_of_long_names_is_short() {
    let harness = Harness::shared().await;
    let name = "n".repeat(90_000);
    let text = job(&format!("(func ${name} unreachable)"), &format!("(call ${name})"));
    let report = harness.component(&text).end().await;
    assert_eq!(report.end.code(), Some("guest_trapped"), "{:?}", report.end);
    assert!(report.end.message().len() < 4_000, "{} bytes", report.end.message().len());
}

/// The compiler would take minutes for a file of a megabyte, and other modules would wait for it.
#[test]
fn components_nested_without_end_are_refused_before_they_are_compiled() {
    let nested = |levels: usize| {
        let text = "(component ".repeat(levels) + &")".repeat(levels);
        let bytes = wat::parse_str(job_with(&text)).unwrap();
        ModuleFile::pack(&bytes, &describe(manifest_json()))
    };
    assert!(nested(60).is_ok());
    let refusal = nested(90).unwrap_err();
    assert_eq!(refusal.code(), "module_not_compilable");
    assert!(refusal.to_string().contains("nested deeper than 64"), "{refusal}");
}
