//! What a store of tasks can do.
//!
//! Each verb is one transaction: all of it happened and will be there after a crash, or none of it. Requests carry the time
//! and all randomness; a store asks no clock. Batch forms answer in the order of what was asked.

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
use std::future::Future;

/// A store of tasks. Cheap to share; every verb may be called from any thread and at any time.
///
/// Dropping the future of a verb does not undo it: it may have happened or not, as after a crash.
pub trait Store: Send + Sync + 'static {
    /// Takes tasks: all of them, or none.
    fn enqueue(&self, enqueue: Enqueue) -> impl Future<Output = Result<Vec<Enqueued>, EnqueueError>> + Send;

    /// Begins attempts at the tasks that are next.
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Ends attempts. Each is decided by itself; a stale one changes nothing.
    fn settle(&self, settles: Vec<Settle>) -> impl Future<Output = Result<Vec<Settled>, StoreError>> + Send;

    /// Puts off the end of leases.
    fn extend(&self, extend: Extend) -> impl Future<Output = Result<Vec<Extended>, StoreError>> + Send;

    /// Ends attempts whose leases ran out, as lost.
    fn rescue(&self, rescue: Rescue) -> impl Future<Output = Result<Vec<Rescued>, StoreError>> + Send;

    /// Keeps what running attempts said. True for each whose attempt is the one that runs.
    fn record(&self, records: Vec<Record>) -> impl Future<Output = Result<Vec<bool>, StoreError>> + Send;

    /// Cancels tasks.
    fn cancel(&self, cancel: Cancel) -> impl Future<Output = Result<Vec<CancelledTask>, StoreError>> + Send;

    /// Gives tasks that ended a new life.
    fn retry(&self, retry: Retry) -> impl Future<Output = Result<Vec<RetriedTask>, StoreError>> + Send;

    /// Stops or resumes claims; tasks are taken all the same.
    fn pause(&self, pause: Pause) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends queued tasks whose time is over.
    fn expire(&self, expire: Expire) -> impl Future<Output = Result<Vec<Expired>, StoreError>> + Send;

    /// Deletes tasks that ended long enough ago, or the oldest of them if there are too many bytes.
    fn prune(&self, prune: Prune) -> impl Future<Output = Result<Pruned, StoreError>> + Send;

    /// One task, with its attempts.
    fn task(&self, id: TaskId) -> impl Future<Output = Result<Option<TaskView>, StoreError>> + Send;

    /// Tasks, the newest first.
    fn list(&self, list: List) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Lines of a task's log. None if there is no such task.
    fn log(&self, log: ReadLog) -> impl Future<Output = Result<Option<LogPage>, StoreError>> + Send;

    /// How many tasks each job has in each state, and what is paused.
    fn overview(&self) -> impl Future<Output = Result<Overview, StoreError>> + Send;

    /// Makes a token.
    fn add_token(&self, add: AddToken) -> impl Future<Output = Result<(), AddTokenError>> + Send;

    /// Makes a token worthless, for good.
    fn revoke_token(&self, revoke: RevokeToken) -> impl Future<Output = Result<Revoked, StoreError>> + Send;

    /// Keeps when tokens were used last.
    fn touch_tokens(&self, touch: TouchTokens) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Every token that there ever was, in the order in which they were made.
    fn tokens(&self) -> impl Future<Output = Result<Vec<TokenRow>, StoreError>> + Send;

    /// Who wanted what, the newest first.
    fn audit(&self, read: ReadAudit) -> impl Future<Output = Result<AuditPage, StoreError>> + Send;

    /// Deletes old entries of the audit; answers how many.
    fn prune_audit(&self, prune: PruneAudit) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Creates, changes and deletes schedules: all of it, or nothing. Answers for each, those that are to be there first.
    fn apply_schedules(
        &self,
        apply: ApplySchedules,
    ) -> impl Future<Output = Result<Vec<AppliedSchedule>, ApplyError>> + Send;

    /// Pauses or resumes a schedule.
    fn pause_schedule(
        &self,
        pause: PauseSchedule,
    ) -> impl Future<Output = Result<SchedulePaused, StoreError>> + Send;

    /// Every schedule, by name.
    fn schedules(&self) -> impl Future<Output = Result<Vec<ScheduleRow>, StoreError>> + Send;

    /// One schedule, with what became of its runs.
    fn schedule(
        &self,
        name: ScheduleName,
    ) -> impl Future<Output = Result<Option<ScheduleView>, StoreError>> + Send;

    /// Brings about runs of a schedule.
    fn fire(&self, fire: Fire) -> impl Future<Output = Result<Fired, StoreError>> + Send;

    /// Makes a revision of a job current.
    fn deploy(&self, deploy: Deploy) -> impl Future<Output = Result<Deployed, StoreError>> + Send;

    /// Makes a revision of a job current that was before.
    fn rollback(&self, rollback: Rollback) -> impl Future<Output = Result<RolledBack, StoreError>> + Send;

    /// Takes it back that a revision of a job is current.
    fn undeploy(&self, undeploy: Undeploy) -> impl Future<Output = Result<Undeployed, StoreError>> + Send;

    /// Every revision that is current, by job.
    fn deployments(&self) -> impl Future<Output = Result<Vec<Deployment>, StoreError>> + Send;

    /// Every revision that is kept, of all jobs, current or not: by job, the one that became current last first.
    fn kept_revisions(&self) -> impl Future<Output = Result<Vec<RevisionRow>, StoreError>> + Send;

    /// The revisions of a job, and what was done with them. Nothing of either if none was ever deployed.
    fn revisions(&self, job: JobName) -> impl Future<Output = Result<JobRevisions, StoreError>> + Send;

    /// Forgets revisions that nobody needs.
    fn collect_revisions(
        &self,
        collect: CollectRevisions,
    ) -> impl Future<Output = Result<Collected, StoreError>> + Send;
}

/// Why a store could not do what it was asked. Nothing of that request happened, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or the file is at its limit.
    #[error("{doing}: there is no space left where the store is: {problem}")]
    Full {
        /// What was being done.
        doing: &'static str,
        /// As the system says it.
        problem: String,
    },
    /// The store can be read and not be written.
    #[error("{doing}: the store cannot be written: {problem}")]
    ReadOnly {
        /// What was being done.
        doing: &'static str,
        /// As the system says it.
        problem: String,
    },
    /// The store's content is damaged.
    #[error("{doing}: the store is damaged: {problem}")]
    Damaged {
        /// What was being done.
        doing: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Anything else.
    #[error("{doing}: {problem}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// As the system says it.
        problem: String,
    },
    /// The store is closed. Whether the request happened is not known.
    #[error("{doing}: the store is closed")]
    Closed {
        /// What was being done.
        doing: &'static str,
    },
}
