//! The plainest store that is right: one lock over rows in the order of acceptance, and a scan for every question.
//!
//! For tests and simulations, and to compare other stores with. Nothing of it outlives the process. Each verb takes the
//! lock once, so it is one transaction, and is ready at once; what becomes of a task is decided by
//! [`lifecycle`](mainworker_domain::lifecycle).

mod audit;
mod begin;
mod deployments;
mod end;
mod intake;
mod operate;
mod read;
mod retention;
mod rows;
mod schedules;
mod tokens;

use crate::attempt::Held;
use crate::store::{Store, StoreError};
use crate::verbs::audit::{AuditPage, PruneAudit, ReadAudit};
use crate::verbs::cancel::{Cancel, CancelledTask};
use crate::verbs::claim::{Claim, Claimed};
use crate::verbs::deployments::{
    CollectRevisions, Collected, Deploy, Deployed, Deployment, JobRevisions, RevisionRow, Rollback,
    RolledBack, Undeploy, Undeployed,
};
use crate::verbs::enqueue::{Enqueue, EnqueueError, Enqueued};
use crate::verbs::expire::{Expire, Expired};
use crate::verbs::extend::{Extend, Extended};
use crate::verbs::fire::{Fire, Fired};
use crate::verbs::list::{List, Page};
use crate::verbs::log::{LogPage, ReadLog};
use crate::verbs::overview::Overview;
use crate::verbs::pause::Pause;
use crate::verbs::prune::{Prune, Pruned};
use crate::verbs::record::Record;
use crate::verbs::rescue::{Rescue, Rescued};
use crate::verbs::retry::{RetriedTask, Retry};
use crate::verbs::schedules::{
    AppliedSchedule, ApplyError, ApplySchedules, PauseSchedule, SchedulePaused, ScheduleRow, ScheduleView,
};
use crate::verbs::settle::{Settle, Settled};
use crate::verbs::task::TaskView;
use crate::verbs::tokens::{AddToken, AddTokenError, RevokeToken, Revoked, TokenRow, TouchTokens};
use mainworker_domain::job_name::JobName;
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;
use rows::Rows;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the [module](self). A clone is the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    rows: Arc<Mutex<Rows>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The attempts that run, in the order of acceptance of their tasks.
    pub fn running(&self) -> Vec<Held> {
        self.lock().running()
    }

    /// Nothing that holds the lock can panic halfway, so what a poisoned one guards is whole.
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    async fn enqueue(&self, enqueue: Enqueue) -> Result<Vec<Enqueued>, EnqueueError> {
        self.lock().enqueue(enqueue)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        Ok(self.lock().claim(&claim))
    }

    async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<Settled>, StoreError> {
        let mut rows = self.lock();
        Ok(settles.into_iter().map(|settle| rows.settle(settle)).collect())
    }

    async fn extend(&self, extend: Extend) -> Result<Vec<Extended>, StoreError> {
        Ok(self.lock().extend(&extend))
    }

    async fn rescue(&self, rescue: Rescue) -> Result<Vec<Rescued>, StoreError> {
        Ok(self.lock().rescue(&rescue))
    }

    async fn record(&self, records: Vec<Record>) -> Result<Vec<bool>, StoreError> {
        let mut rows = self.lock();
        Ok(records.into_iter().map(|record| rows.record(record)).collect())
    }

    async fn cancel(&self, cancel: Cancel) -> Result<Vec<CancelledTask>, StoreError> {
        Ok(self.lock().cancel(&cancel))
    }

    async fn retry(&self, retry: Retry) -> Result<Vec<RetriedTask>, StoreError> {
        Ok(self.lock().retry(&retry))
    }

    async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.lock().pause(&pause);
        Ok(())
    }

    async fn expire(&self, expire: Expire) -> Result<Vec<Expired>, StoreError> {
        Ok(self.lock().expire(&expire))
    }

    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError> {
        Ok(self.lock().prune(&prune))
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskView>, StoreError> {
        Ok(self.lock().task(id))
    }

    async fn list(&self, list: List) -> Result<Page, StoreError> {
        Ok(self.lock().list(&list))
    }

    async fn log(&self, log: ReadLog) -> Result<Option<LogPage>, StoreError> {
        Ok(self.lock().log(&log))
    }

    async fn overview(&self) -> Result<Overview, StoreError> {
        Ok(self.lock().overview())
    }

    async fn add_token(&self, add: AddToken) -> Result<(), AddTokenError> {
        Ok(self.lock().add_token(add)?)
    }

    async fn revoke_token(&self, revoke: RevokeToken) -> Result<Revoked, StoreError> {
        Ok(self.lock().revoke_token(&revoke))
    }

    async fn touch_tokens(&self, touch: TouchTokens) -> Result<(), StoreError> {
        self.lock().touch_tokens(&touch);
        Ok(())
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        Ok(self.lock().tokens.clone())
    }

    async fn audit(&self, read: ReadAudit) -> Result<AuditPage, StoreError> {
        Ok(self.lock().read_audit(&read))
    }

    async fn prune_audit(&self, prune: PruneAudit) -> Result<u64, StoreError> {
        Ok(self.lock().prune_audit(prune))
    }

    async fn apply_schedules(&self, apply: ApplySchedules) -> Result<Vec<AppliedSchedule>, ApplyError> {
        let applied = self.lock().apply_schedules(&apply);
        applied.map_err(|(name, refusal)| ApplyError::Refused { name, refusal })
    }

    async fn pause_schedule(&self, pause: PauseSchedule) -> Result<SchedulePaused, StoreError> {
        Ok(self.lock().pause_schedule(&pause))
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRow>, StoreError> {
        Ok(self.lock().schedules())
    }

    async fn schedule(&self, name: ScheduleName) -> Result<Option<ScheduleView>, StoreError> {
        Ok(self.lock().schedule(&name))
    }

    async fn fire(&self, fire: Fire) -> Result<Fired, StoreError> {
        Ok(self.lock().fire(&fire))
    }

    async fn deploy(&self, deploy: Deploy) -> Result<Deployed, StoreError> {
        Ok(self.lock().deploy(&deploy))
    }

    async fn rollback(&self, rollback: Rollback) -> Result<RolledBack, StoreError> {
        Ok(self.lock().rollback(&rollback))
    }

    async fn undeploy(&self, undeploy: Undeploy) -> Result<Undeployed, StoreError> {
        Ok(self.lock().undeploy(&undeploy))
    }

    async fn deployments(&self) -> Result<Vec<Deployment>, StoreError> {
        Ok(self.lock().deployments())
    }

    async fn kept_revisions(&self) -> Result<Vec<RevisionRow>, StoreError> {
        Ok(self.lock().kept_revisions())
    }

    async fn revisions(&self, job: JobName) -> Result<JobRevisions, StoreError> {
        Ok(self.lock().revisions(&job))
    }

    async fn collect_revisions(&self, collect: CollectRevisions) -> Result<Collected, StoreError> {
        Ok(self.lock().collect_revisions(&collect))
    }
}
