//! What the store knows, as it goes over the wire.

use crate::failure::Failure;
use mainworker_client::wire;
use mainworker_domain::catalog::Revision;
use mainworker_domain::event::LogLine;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::attempt::AttemptError;
use mainworker_queue::verbs::overview::{JobOverview, Overview};
use mainworker_queue::verbs::task::{AttemptView, TaskSummary, TaskView};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A task in a list.
pub(super) fn summary(task: TaskSummary) -> wire::TaskInfo {
    wire::TaskInfo {
        task_id: task.id.to_string(),
        job: task.job.to_string(),
        revision: task.revision.to_string(),
        source: task.source,
        state: task.state.as_str().to_owned(),
        outcome: outcome(task.outcome),
        priority: task.priority,
        label: task.label,
        tags: task.tags,
        created_at: task.created_at.to_string(),
        run_at: task.run_at.to_string(),
        expires_at: time(task.expires_at),
        started_at: time(task.started_at),
        finished_at: time(task.finished_at),
        attempt_count: task.attempts,
        max_attempts: task.max_attempts,
        cancel_requested: task.cancel_requested,
        parent: parent(task.parent),
        schedule: task.schedule.map(|name| name.to_string()),
        occurrence: time(task.occurrence),
    }
}

/// A task with its attempts.
pub(super) fn task(view: TaskView) -> wire::Task {
    let problem = view.error().cloned().map(error);
    let TaskView { summary: task, result, progress, attempts, depth, requested_by } = view;
    wire::Task {
        task_id: task.id.to_string(),
        job: task.job.to_string(),
        revision: task.revision.to_string(),
        source: task.source,
        state: task.state.as_str().to_owned(),
        outcome: outcome(task.outcome),
        // What is stored was checked when the attempt ended.
        result: result.and_then(|result| RawValue::from_string(result).ok()),
        error: problem,
        progress: progress
            .map(|progress| wire::ProgressInfo { percent: progress.percent, message: progress.message }),
        priority: task.priority,
        label: task.label,
        tags: task.tags,
        created_at: task.created_at.to_string(),
        run_at: task.run_at.to_string(),
        expires_at: time(task.expires_at),
        started_at: time(task.started_at),
        finished_at: time(task.finished_at),
        max_attempts: task.max_attempts,
        cancel_requested: task.cancel_requested,
        parent: parent(task.parent),
        schedule: task.schedule.map(|name| name.to_string()),
        occurrence: time(task.occurrence),
        depth,
        requested_by: requested_by.map(|actor| actor.to_string()),
        attempts: attempts.into_iter().map(attempt).collect(),
    }
}

fn attempt(attempt: AttemptView) -> wire::AttemptInfo {
    let usage = attempt.usage;
    wire::AttemptInfo {
        number: attempt.number,
        outcome: outcome(attempt.outcome),
        started_at: attempt.started_at.to_string(),
        finished_at: time(attempt.finished_at),
        wait_ms: attempt.wait_ms,
        run_ms: attempt.run_ms(),
        cpu_ms: usage.cpu_us / 1_000,
        peak_memory_bytes: usage.peak_memory_bytes,
        http_calls: usage.http_calls,
        http_bytes_in: usage.http_bytes_in,
        http_bytes_out: usage.http_bytes_out,
        log_bytes: usage.log_bytes,
        log_lines_dropped: usage.log_lines_dropped,
        output_bytes: usage.output_bytes,
        revision: attempt.revision.to_string(),
        host: attempt.host,
        error: attempt.error.map(error),
    }
}

fn error(error: AttemptError) -> wire::ErrorInfo {
    wire::ErrorInfo { code: error.code, message: error.message, hint: error.hint }
}

/// A line of a log.
pub(super) fn line(attempt: u32, line: LogLine) -> wire::LogEntry {
    wire::LogEntry {
        attempt,
        at_ms: line.at_ms,
        level: line.level.as_str().to_owned(),
        context: line.context,
        message: line.message,
    }
}

/// A job: what its module says, or why that cannot be used, if there is one; and how many tasks it has.
pub(super) fn job(
    name: &JobName,
    module: Option<Result<&Revision, &Failure>>,
    overview: Option<&JobOverview>,
) -> wire::JobInfo {
    let revision = module.and_then(Result::ok);
    let manifest = revision.map(Revision::manifest);
    let said = manifest.map(|manifest| &manifest.job);
    // A module that is there says it for its next task; one that is gone said it for its last.
    let max_concurrency = match manifest {
        Some(manifest) => manifest.run.max_concurrency,
        None => overview.and_then(|job| job.concurrency_max).filter(|&most| most != u32::MAX),
    };
    wire::JobInfo {
        name: name.to_string(),
        version: said.map(|job| job.version.to_string()),
        revision: revision.map(|revision| revision.digest().to_string()),
        summary: said.map(|job| job.summary.clone()),
        owner: said.and_then(|job| job.owner.clone()),
        runbook: said.and_then(|job| job.runbook.clone()),
        schedulable_by: manifest.map(|manifest| manifest.schedulable_by.clone()).unwrap_or_default(),
        paused: overview.is_some_and(|job| job.paused),
        max_concurrency,
        error: module.and_then(Result::err).map(failure),
        tasks: by_state(|state| overview.map_or(0, |job| job.count(state))),
    }
}

fn failure(failure: &Failure) -> wire::ErrorInfo {
    let Failure { code, message, hint, .. } = failure.clone();
    wire::ErrorInfo { code, message, hint }
}

/// Tasks of all jobs by state.
pub(super) fn tasks(overview: &Overview) -> BTreeMap<String, u64> {
    by_state(|state| overview.count(state))
}

/// Every state with its count, those without any too.
fn by_state(count: impl Fn(State) -> u64) -> BTreeMap<String, u64> {
    State::ALL.into_iter().map(|state| (state.as_str().to_owned(), count(state))).collect()
}

fn time(moment: Option<Timestamp>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

fn outcome(outcome: Option<Outcome>) -> Option<String> {
    outcome.map(|outcome| outcome.as_str().to_owned())
}

fn parent(parent: Option<TaskId>) -> Option<String> {
    parent.map(|parent| parent.to_string())
}
