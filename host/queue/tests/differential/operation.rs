//! One operation on a store, and its answer in a form that does not depend on what stores may choose for themselves: where a
//! page ends, and in how many steps old tasks go.

use crate::support::Harness;
use mainworker_domain::event::LogLine;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::audit::{AuditFilter, AuditRow, PruneAudit};
use mainworker_queue::verbs::cancel::{Cancel, CancelledTask};
use mainworker_queue::verbs::claim::{Claim, Claimed};
use mainworker_queue::verbs::deployments::{
    CollectRevisions, CollectedRevision, Deploy, Deployed, Deployment, JobRevisions, RevisionRow, Rollback,
    RolledBack, Undeploy, Undeployed,
};
use mainworker_queue::verbs::enqueue::{Enqueue, EnqueueError, Enqueued};
use mainworker_queue::verbs::expire::{Expire, Expired};
use mainworker_queue::verbs::extend::{Extend, Extended};
use mainworker_queue::verbs::fire::{Fire, Fired};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::overview::Overview;
use mainworker_queue::verbs::pause::Pause;
use mainworker_queue::verbs::prune::Prune;
use mainworker_queue::verbs::record::Record;
use mainworker_queue::verbs::rescue::{Rescue, Rescued};
use mainworker_queue::verbs::retry::{RetriedTask, Retry};
use mainworker_queue::verbs::schedules::{
    AppliedSchedule, ApplyError, ApplySchedules, PauseSchedule, SchedulePaused, ScheduleRow, ScheduleView,
};
use mainworker_queue::verbs::settle::{Settle, Settled};
use mainworker_queue::verbs::task::{TaskSummary, TaskView};
use mainworker_queue::verbs::tokens::{AddToken, AddTokenError, RevokeToken, Revoked, TokenRow, TouchTokens};

/// A request.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Enqueue(Enqueue),
    Claim(Claim),
    Settle(Vec<Settle>),
    Extend(Extend),
    Rescue(Rescue),
    Record(Vec<Record>),
    Cancel(Cancel),
    Retry(Retry),
    Pause(Pause),
    Expire(Expire),
    /// To the end.
    Prune(Prune),
    Task(TaskId),
    /// All pages.
    List(Filter, Timestamp),
    /// All pages, of so many bytes.
    Log(TaskId, usize),
    Overview,
    AddToken(AddToken),
    RevokeToken(RevokeToken),
    TouchTokens(TouchTokens),
    Tokens,
    /// All pages.
    Audit(AuditFilter),
    PruneAudit(PruneAudit),
    ApplySchedules(ApplySchedules),
    PauseSchedule(PauseSchedule),
    Schedules,
    Schedule(ScheduleName),
    Fire(Fire),
    Deploy(Deploy),
    Rollback(Rollback),
    Undeploy(Undeploy),
    Deployments,
    KeptRevisions,
    Revisions(JobName),
    /// To the end.
    CollectRevisions(CollectRevisions),
}

/// What was answered.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Enqueued(Result<Vec<Enqueued>, EnqueueError>),
    Claimed(Result<Claimed, StoreError>),
    Settled(Result<Vec<Settled>, StoreError>),
    Extended(Result<Vec<Extended>, StoreError>),
    Rescued(Result<Vec<Rescued>, StoreError>),
    Recorded(Result<Vec<bool>, StoreError>),
    Cancelled(Result<Vec<CancelledTask>, StoreError>),
    Retried(Result<Vec<RetriedTask>, StoreError>),
    Paused(Result<(), StoreError>),
    Expired(Result<Vec<Expired>, StoreError>),
    Pruned(u64),
    Task(Box<Result<Option<TaskView>, StoreError>>),
    Listed(Vec<TaskSummary>),
    Logged(Option<Vec<(u32, LogLine)>>),
    Overview(Overview),
    TokenAdded(Result<(), AddTokenError>),
    TokenRevoked(Result<Revoked, StoreError>),
    TokensTouched(Result<(), StoreError>),
    Tokens(Result<Vec<TokenRow>, StoreError>),
    Audited(Vec<AuditRow>),
    AuditPruned(Result<u64, StoreError>),
    SchedulesApplied(Result<Vec<AppliedSchedule>, ApplyError>),
    SchedulePaused(Result<SchedulePaused, StoreError>),
    Schedules(Result<Vec<ScheduleRow>, StoreError>),
    Schedule(Box<Result<Option<ScheduleView>, StoreError>>),
    Fired(Result<Fired, StoreError>),
    Deployed(Result<Deployed, StoreError>),
    RolledBack(Result<RolledBack, StoreError>),
    Undeployed(Result<Undeployed, StoreError>),
    Deployments(Result<Vec<Deployment>, StoreError>),
    KeptRevisions(Result<Vec<RevisionRow>, StoreError>),
    Revisions(Box<Result<JobRevisions, StoreError>>),
    RevisionsCollected(Vec<CollectedRevision>),
}

impl Operation {
    /// Asks a store.
    pub(crate) async fn ask(self, harness: &Harness<'_, impl Store>) -> Answer {
        let store = harness.store;
        match self {
            Self::Enqueue(enqueue) => Answer::Enqueued(store.enqueue(enqueue).await),
            Self::Claim(claim) => Answer::Claimed(store.claim(claim).await),
            Self::Settle(settles) => Answer::Settled(store.settle(settles).await),
            Self::Extend(extend) => Answer::Extended(store.extend(extend).await),
            Self::Rescue(rescue) => Answer::Rescued(store.rescue(rescue).await),
            Self::Record(records) => Answer::Recorded(store.record(records).await),
            Self::Cancel(cancel) => Answer::Cancelled(store.cancel(cancel).await),
            Self::Retry(retry) => Answer::Retried(store.retry(retry).await),
            Self::Pause(pause) => Answer::Paused(store.pause(pause).await),
            Self::Expire(expire) => Answer::Expired(store.expire(expire).await),
            Self::Prune(prune) => Answer::Pruned(harness.prune(prune).await),
            Self::Task(id) => Answer::Task(Box::new(store.task(id).await)),
            Self::List(filter, now) => Answer::Listed(harness.list(filter, now).await),
            Self::Log(id, bytes_max) => Answer::Logged(match store.task(id).await {
                Ok(Some(_)) => Some(harness.log(id, bytes_max).await),
                _ => None,
            }),
            Self::Overview => {
                let mut overview = harness.overview().await;
                overview.store_bytes = 0;
                for job in overview.jobs.values_mut() {
                    job.tasks.retain(|_, count| *count > 0);
                }
                Answer::Overview(overview)
            }
            Self::AddToken(add) => Answer::TokenAdded(store.add_token(add).await),
            Self::RevokeToken(revoke) => Answer::TokenRevoked(store.revoke_token(revoke).await),
            Self::TouchTokens(touch) => Answer::TokensTouched(store.touch_tokens(touch).await),
            Self::Tokens => Answer::Tokens(store.tokens().await),
            Self::Audit(filter) => Answer::Audited(harness.audit(filter).await),
            Self::PruneAudit(prune) => Answer::AuditPruned(store.prune_audit(prune).await),
            Self::ApplySchedules(apply) => Answer::SchedulesApplied(store.apply_schedules(apply).await),
            Self::PauseSchedule(pause) => Answer::SchedulePaused(store.pause_schedule(pause).await),
            Self::Schedules => Answer::Schedules(store.schedules().await),
            Self::Schedule(name) => Answer::Schedule(Box::new(store.schedule(name).await)),
            Self::Fire(fire) => Answer::Fired(store.fire(fire).await),
            Self::Deploy(deploy) => Answer::Deployed(store.deploy(deploy).await),
            Self::Rollback(rollback) => Answer::RolledBack(store.rollback(rollback).await),
            Self::Undeploy(undeploy) => Answer::Undeployed(store.undeploy(undeploy).await),
            Self::Deployments => Answer::Deployments(store.deployments().await),
            Self::KeptRevisions => Answer::KeptRevisions(store.kept_revisions().await),
            Self::Revisions(job) => Answer::Revisions(Box::new(store.revisions(job).await)),
            Self::CollectRevisions(collect) => Answer::RevisionsCollected(harness.collect(collect).await),
        }
    }
}
