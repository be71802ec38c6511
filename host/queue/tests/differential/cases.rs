//! Which cases the sequences come through: a comparison that never comes to one says nothing about it.

use crate::draw::Draw;
use crate::operation::Answer;
use crate::sequence::OPERATIONS;
use crate::support::{Harness, block_on};
use mainworker_domain::lifecycle::Refusal;
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::enqueue::{EnqueueError, EnqueueRefusal, How};
use mainworker_queue::verbs::extend::Extended;
use mainworker_queue::verbs::fire::{Fired, RunFate};
use mainworker_queue::verbs::retry::Retried;
use mainworker_queue::verbs::schedules::{ApplyError, ApplyRefusal};
use mainworker_queue::verbs::settle::Settled;
use mainworker_queue::verbs::tokens::AddTokenError;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Every case that has to be come through, by name.
const CASES: [&str; 88] = [
    "audit of several",
    "audit pruned",
    "cancel Already",
    "cancel NotCancellable",
    "cancel Now",
    "cancel Requested",
    "cancel Unknown",
    "claim alone",
    "claim expires",
    "claim has more",
    "claim of several",
    "claim waits",
    "collect",
    "deploy Already",
    "deploy Now",
    "deploy Stale",
    "enqueue Existing",
    "enqueue IdempotencyConflict",
    "enqueue Known",
    "enqueue New",
    "enqueue QueueFull",
    "enqueue Replaced",
    "enqueue UniqueConflict",
    "expire",
    "fire Enqueued",
    "fire Known",
    "fire Overlapped",
    "fire Refused",
    "fire Stale",
    "fire cancels",
    "extend Kept",
    "extend Kept, cancel wanted",
    "extend Stale",
    "list of several",
    "log of several attempts",
    "prune",
    "record",
    "record of none",
    "rescue LostAlone",
    "rescue Lost",
    "rescue Cancelled",
    "retry ConfigurationGone",
    "retry NotRetryable",
    "retry Queued",
    "retry UniqueConflict",
    "retry Unknown",
    "rollback Already",
    "rollback NoFormer",
    "rollback NotDeployed",
    "rollback Now",
    "rollback UnknownRevision",
    "revisions with open tasks",
    "schedule AnotherRevision",
    "schedule AnotherSet",
    "schedule Changed",
    "schedule Created",
    "schedule Deleted",
    "schedule Twice",
    "schedule Unchanged",
    "schedule paused Already",
    "schedule paused Now",
    "settle AttemptsUsedUp",
    "settle Cancelled",
    "settle Completed",
    "settle HandedBack",
    "settle Lost",
    "settle LostAlone",
    "settle ModuleUnavailable",
    "settle NeverRetried",
    "settle RetryAsked",
    "settle RetryByPolicy",
    "settle Stale",
    "settle asks",
    "settle asks and replaces",
    "settle asks in vain",
    "task Cancelled",
    "task Completed",
    "task Expired",
    "task Failed",
    "task Queued",
    "task Running",
    "token Already",
    "token IdTaken",
    "token Now",
    "token Unknown",
    "token added",
    "undeploy NotDeployed",
    "undeploy Now",
];

/// The names of the cases in an answer.
fn cases(answer: &Answer) -> Vec<String> {
    let case = |verb: &str, what: &str| format!("{verb} {what}");
    match answer {
        Answer::Enqueued(Ok(enqueued)) => {
            let word = |how| match how {
                How::New => "New",
                How::Replaced(_) => "Replaced",
                How::Known => "Known",
                How::Existing => "Existing",
            };
            enqueued.iter().map(|one| case("enqueue", word(one.how))).collect()
        }
        Answer::Enqueued(Err(EnqueueError::Refused { refusal, .. })) => {
            let word = match refusal {
                EnqueueRefusal::IdempotencyConflict { .. } => "IdempotencyConflict",
                EnqueueRefusal::UniqueConflict { .. } => "UniqueConflict",
                EnqueueRefusal::QueueFull { .. } => "QueueFull",
            };
            vec![case("enqueue", word)]
        }
        Answer::Claimed(Ok(claimed)) => [
            (claimed.tasks.iter().any(|task| task.alone), "alone"),
            (!claimed.expired.is_empty(), "expires"),
            (claimed.more, "has more"),
            (claimed.tasks.len() > 1, "of several"),
            (claimed.next_due_at.is_some(), "waits"),
        ]
        .into_iter()
        .filter(|&(there, _)| there)
        .map(|(_, what)| case("claim", what))
        .collect(),
        Answer::Settled(Ok(settled)) => settled.iter().flat_map(settle_cases).collect(),
        Answer::Extended(Ok(extended)) => {
            let word = |one: &Extended| match one {
                Extended::Kept { cancel_requested: false } => "Kept",
                Extended::Kept { cancel_requested: true } => "Kept, cancel wanted",
                Extended::Stale => "Stale",
            };
            extended.iter().map(|one| case("extend", word(one))).collect()
        }
        Answer::Rescued(Ok(rescued)) => {
            rescued.iter().map(|one| format!("rescue {:?}", one.transition.reason)).collect()
        }
        Answer::Recorded(Ok(recorded)) => {
            recorded.iter().map(|&kept| if kept { "record" } else { "record of none" }.to_owned()).collect()
        }
        Answer::Cancelled(Ok(cancelled)) => {
            let word = |one: &Cancelled| match one {
                Cancelled::Now => "Now",
                Cancelled::Requested { .. } => "Requested",
                Cancelled::Already => "Already",
                Cancelled::Refused(_) => "NotCancellable",
                Cancelled::Unknown => "Unknown",
            };
            cancelled.iter().map(|one| case("cancel", word(&one.how))).collect()
        }
        Answer::Retried(Ok(retried)) => {
            let word = |one: &Retried| match one {
                Retried::Queued => "Queued",
                Retried::Refused(Refusal::ConfigurationGone { .. }) => "ConfigurationGone",
                Retried::Refused(_) => "NotRetryable",
                Retried::UniqueConflict { .. } => "UniqueConflict",
                Retried::Unknown => "Unknown",
            };
            retried.iter().map(|one| case("retry", word(&one.how))).collect()
        }
        Answer::Expired(Ok(expired)) => expired.iter().map(|_| "expire".to_owned()).collect(),
        Answer::Pruned(1..) => vec!["prune".to_owned()],
        Answer::Task(task) => {
            let there = task.iter().flatten();
            there.map(|view| format!("task {:?}", view.summary.state)).collect()
        }
        Answer::SchedulesApplied(Ok(applied)) => {
            applied.iter().map(|one| format!("schedule {:?}", one.change)).collect()
        }
        Answer::SchedulesApplied(Err(ApplyError::Refused { refusal, .. })) => {
            let word = match refusal {
                ApplyRefusal::AnotherSet { .. } => "AnotherSet",
                ApplyRefusal::AnotherRevision { .. } => "AnotherRevision",
                ApplyRefusal::TooMany { .. } => "TooMany",
                ApplyRefusal::Twice => "Twice",
            };
            vec![case("schedule", word)]
        }
        Answer::SchedulePaused(Ok(paused)) => vec![format!("schedule paused {paused:?}")],
        Answer::Fired(Ok(Fired::Stale)) => vec![case("fire", "Stale")],
        Answer::Fired(Ok(Fired::Done(done))) => {
            let word = |fate: &RunFate| match fate {
                RunFate::Enqueued(_) => "Enqueued",
                RunFate::Known => "Known",
                RunFate::Overlapped => "Overlapped",
                RunFate::Refused(_) => "Refused",
            };
            let fates = done.fates.iter().map(|fate| case("fire", word(fate)));
            fates.chain(done.cancelled.iter().map(|_| case("fire", "cancels"))).collect()
        }
        Answer::Deployed(Ok(deployed)) => vec![case("deploy", &first_word(deployed))],
        Answer::RolledBack(Ok(rolled_back)) => vec![case("rollback", &first_word(rolled_back))],
        Answer::Undeployed(Ok(undeployed)) => vec![case("undeploy", &first_word(undeployed))],
        Answer::Revisions(revisions) => {
            let open = revisions.iter().flat_map(|its| &its.revisions).any(|row| row.open_tasks > 0);
            if open { vec![case("revisions", "with open tasks")] } else { Vec::new() }
        }
        Answer::RevisionsCollected(collected) if !collected.is_empty() => vec!["collect".to_owned()],
        Answer::TokenAdded(Ok(())) => vec![case("token", "added")],
        Answer::TokenAdded(Err(AddTokenError::Refused(refusal))) => vec![format!("token {refusal:?}")],
        Answer::TokenRevoked(Ok(revoked)) => vec![format!("token {revoked:?}")],
        Answer::Audited(entries) if entries.len() > 1 => vec![case("audit", "of several")],
        Answer::AuditPruned(Ok(1..)) => vec![case("audit", "pruned")],
        Answer::Listed(tasks) if tasks.len() > 1 => vec![case("list", "of several")],
        Answer::Logged(Some(lines)) if lines.first().map(|line| line.0) < lines.last().map(|line| line.0) => {
            vec![case("log", "of several attempts")]
        }
        _ => Vec::new(),
    }
}

/// The name of a variant.
fn first_word(answer: &impl Debug) -> String {
    let said = format!("{answer:?}");
    said.split(' ').next().unwrap().to_owned()
}

fn settle_cases(settled: &Settled) -> Vec<String> {
    let Settled::Applied(applied) = settled else { return vec!["settle Stale".to_owned()] };
    let mut cases = vec![format!("settle {:?}", applied.transition.reason)];
    if !applied.enqueued.is_empty() {
        cases.push("settle asks".to_owned());
    }
    if applied.enqueued.iter().any(|one| matches!(one.how, How::Replaced(_))) {
        cases.push("settle asks and replaces".to_owned());
    }
    if !applied.dropped.is_empty() {
        cases.push("settle asks in vain".to_owned());
    }
    cases
}

#[test]
fn the_sequences_come_through_every_case() {
    let mut counts: BTreeMap<String, u64> = CASES.iter().map(|&case| (case.to_owned(), 0)).collect();
    for seed in 0..150 {
        let store = MemoryStore::new();
        let harness = Harness::new(&store);
        let mut draw = Draw::new(seed);
        let mut answers = Vec::new();
        for _ in 0..OPERATIONS {
            draw.reopens();
            let answer = block_on(draw.next().ask(&harness));
            draw.learn(&answer);
            answers.push(answer);
        }
        answers.extend(draw.last().into_iter().map(|operation| block_on(operation.ask(&harness))));
        for case in answers.iter().flat_map(cases) {
            *counts.entry(case).or_default() += 1;
        }
    }
    let rare: Vec<_> = counts.iter().filter(|&(_, &count)| count < 10).collect();
    assert!(rare.is_empty(), "in 150 sequences: {rare:?}");
}
