//! A memory store that counts what it is asked, and fails when it is told to.

use mainworker_domain::job_name::JobName;
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::store::{Store, StoreError};
use mainworker_queue::verbs::audit::{AuditPage, PruneAudit, ReadAudit};
use mainworker_queue::verbs::cancel::{Cancel, CancelledTask};
use mainworker_queue::verbs::claim::{Claim, Claimed};
use mainworker_queue::verbs::deployments::{
    CollectRevisions, Collected, Deploy, Deployed, Deployment, JobRevisions, RevisionRow, Rollback,
    RolledBack, Undeploy, Undeployed,
};
use mainworker_queue::verbs::enqueue::{Enqueue, EnqueueError, Enqueued};
use mainworker_queue::verbs::expire::{Expire, Expired};
use mainworker_queue::verbs::extend::{Extend, Extended};
use mainworker_queue::verbs::fire::{Fire, Fired};
use mainworker_queue::verbs::list::{List, Page};
use mainworker_queue::verbs::log::{LogPage, ReadLog};
use mainworker_queue::verbs::overview::Overview;
use mainworker_queue::verbs::pause::Pause;
use mainworker_queue::verbs::prune::{Prune, Pruned};
use mainworker_queue::verbs::record::Record;
use mainworker_queue::verbs::rescue::{Rescue, Rescued};
use mainworker_queue::verbs::retry::{RetriedTask, Retry};
use mainworker_queue::verbs::schedules::{
    AppliedSchedule, ApplyError, ApplySchedules, PauseSchedule, SchedulePaused, ScheduleRow, ScheduleView,
};
use mainworker_queue::verbs::settle::{Settle, Settled};
use mainworker_queue::verbs::task::TaskView;
use mainworker_queue::verbs::tokens::{AddToken, AddTokenError, RevokeToken, Revoked, TokenRow, TouchTokens};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// See the [module](self).
pub(crate) struct WatchedStore {
    store: MemoryStore,
    failing: AtomicBool,
    counts: watch::Sender<BTreeMap<&'static str, usize>>,
}

impl WatchedStore {
    pub(crate) fn new() -> Self {
        Self { store: MemoryStore::new(), failing: AtomicBool::new(false), counts: watch::Sender::default() }
    }

    /// From now on each verb fails, or works.
    pub(crate) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// How often the verb was asked for.
    pub(crate) fn count(&self, verb: &'static str) -> usize {
        self.counts.borrow().get(verb).copied().unwrap_or(0)
    }

    /// Waits until the verb was asked for so often.
    pub(crate) async fn counted(&self, verb: &'static str, count: usize) {
        let reached = |counts: &BTreeMap<_, _>| counts.get(verb).is_some_and(|&asked| asked >= count);
        self.counts.subscribe().wait_for(reached).await.unwrap();
    }

    fn ask(&self, verb: &'static str) -> Result<&MemoryStore, StoreError> {
        self.counts.send_modify(|counts| *counts.entry(verb).or_default() += 1);
        if self.failing.load(Ordering::SeqCst) {
            return Err(StoreError::Full { doing: verb, problem: "told to fail".to_owned() });
        }
        Ok(&self.store)
    }
}

impl Store for WatchedStore {
    async fn enqueue(&self, enqueue: Enqueue) -> Result<Vec<Enqueued>, EnqueueError> {
        self.ask("enqueue")?.enqueue(enqueue).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.ask("claim")?.claim(claim).await
    }

    async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<Settled>, StoreError> {
        self.ask("settle")?.settle(settles).await
    }

    async fn extend(&self, extend: Extend) -> Result<Vec<Extended>, StoreError> {
        self.ask("extend")?.extend(extend).await
    }

    async fn rescue(&self, rescue: Rescue) -> Result<Vec<Rescued>, StoreError> {
        self.ask("rescue")?.rescue(rescue).await
    }

    async fn record(&self, records: Vec<Record>) -> Result<Vec<bool>, StoreError> {
        self.ask("record")?.record(records).await
    }

    async fn cancel(&self, cancel: Cancel) -> Result<Vec<CancelledTask>, StoreError> {
        self.ask("cancel")?.cancel(cancel).await
    }

    async fn retry(&self, retry: Retry) -> Result<Vec<RetriedTask>, StoreError> {
        self.ask("retry")?.retry(retry).await
    }

    async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.ask("pause")?.pause(pause).await
    }

    async fn expire(&self, expire: Expire) -> Result<Vec<Expired>, StoreError> {
        self.ask("expire")?.expire(expire).await
    }

    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError> {
        self.ask("prune")?.prune(prune).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskView>, StoreError> {
        self.ask("task")?.task(id).await
    }

    async fn list(&self, list: List) -> Result<Page, StoreError> {
        self.ask("list")?.list(list).await
    }

    async fn log(&self, log: ReadLog) -> Result<Option<LogPage>, StoreError> {
        self.ask("log")?.log(log).await
    }

    async fn overview(&self) -> Result<Overview, StoreError> {
        self.ask("overview")?.overview().await
    }

    async fn add_token(&self, add: AddToken) -> Result<(), AddTokenError> {
        self.ask("add_token")?.add_token(add).await
    }

    async fn revoke_token(&self, revoke: RevokeToken) -> Result<Revoked, StoreError> {
        self.ask("revoke_token")?.revoke_token(revoke).await
    }

    async fn touch_tokens(&self, touch: TouchTokens) -> Result<(), StoreError> {
        self.ask("touch_tokens")?.touch_tokens(touch).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.ask("tokens")?.tokens().await
    }

    async fn audit(&self, read: ReadAudit) -> Result<AuditPage, StoreError> {
        self.ask("audit")?.audit(read).await
    }

    async fn prune_audit(&self, prune: PruneAudit) -> Result<u64, StoreError> {
        self.ask("prune_audit")?.prune_audit(prune).await
    }

    async fn apply_schedules(&self, apply: ApplySchedules) -> Result<Vec<AppliedSchedule>, ApplyError> {
        self.ask("apply_schedules")?.apply_schedules(apply).await
    }

    async fn pause_schedule(&self, pause: PauseSchedule) -> Result<SchedulePaused, StoreError> {
        self.ask("pause_schedule")?.pause_schedule(pause).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRow>, StoreError> {
        self.ask("schedules")?.schedules().await
    }

    async fn schedule(&self, name: ScheduleName) -> Result<Option<ScheduleView>, StoreError> {
        self.ask("schedule")?.schedule(name).await
    }

    async fn fire(&self, fire: Fire) -> Result<Fired, StoreError> {
        self.ask("fire")?.fire(fire).await
    }

    async fn deploy(&self, deploy: Deploy) -> Result<Deployed, StoreError> {
        self.ask("deploy")?.deploy(deploy).await
    }

    async fn rollback(&self, rollback: Rollback) -> Result<RolledBack, StoreError> {
        self.ask("rollback")?.rollback(rollback).await
    }

    async fn undeploy(&self, undeploy: Undeploy) -> Result<Undeployed, StoreError> {
        self.ask("undeploy")?.undeploy(undeploy).await
    }

    async fn deployments(&self) -> Result<Vec<Deployment>, StoreError> {
        self.ask("deployments")?.deployments().await
    }

    async fn kept_revisions(&self) -> Result<Vec<RevisionRow>, StoreError> {
        self.ask("kept_revisions")?.kept_revisions().await
    }

    async fn revisions(&self, job: JobName) -> Result<JobRevisions, StoreError> {
        self.ask("revisions")?.revisions(job).await
    }

    async fn collect_revisions(&self, collect: CollectRevisions) -> Result<Collected, StoreError> {
        self.ask("collect_revisions")?.collect_revisions(collect).await
    }
}
