//! The store on a disk: one SQLite database in the data folder of one host.
//!
//! One thread writes and groups whatever waits into one transaction (`writer`); reading has connections of its own
//! (`readers`). An answer is given after its commit is on the disk. What becomes of a task is decided by
//! [`lifecycle`](mainworker_domain::lifecycle), inside the transaction.
//!
//! A claim puts a row into `lease` and takes one out of `ready`, and leaves the task's own row and its indexes alone. Nobody else
//! writes to the database while it is open: a lock on the folder sees to it, and the writer relies on it (`known`).

mod audit;
mod begin;
mod change;
mod checkpoint;
mod deployments;
mod end;
mod failure;
mod fire;
mod intake;
mod keys;
mod known;
mod list;
mod lock;
mod open;
mod operate;
#[cfg(test)]
mod plans;
mod read;
mod readers;
mod retention;
mod rows;
mod schedules;
mod schema;
mod session;
mod sql;
mod streams;
mod tokens;
mod writer;

pub use open::OpenError;

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
use known::Known;
use lock::FolderLock;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;
use readers::{READERS, Readers};
use session::Session;
use std::path::Path;
use std::sync::Arc;
use writer::Writer;

/// See the [module](self). Dropping it waits for what was handed over, so it may block for a moment.
pub struct SqliteStore {
    writer: Writer,
    readers: Arc<Readers>,
    /// Let go of after the writer has ended.
    _lock: FolderLock,
}

impl SqliteStore {
    /// Opens the store in `folder`, which is made if it is not there. `now` is written down where a new schema begins.
    ///
    /// # Errors
    /// See [`OpenError`]. What is there and is not ours, not whole or not known is left as it is.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, OpenError> {
        Self::open_bounded(folder, now, None)
    }

    /// Opens a store whose file cannot have more than so many pages, to test what happens on a disk that is full.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    #[doc(hidden)]
    pub fn open_bounded(folder: &Path, now: Timestamp, pages_max: Option<u32>) -> Result<Self, OpenError> {
        open::make_folder(folder)?;
        let lock = FolderLock::take(folder)?;
        let connection = open::open_writer(folder, now, pages_max)?;
        let path = folder.join(open::DATABASE_FILE);
        let known =
            Known::load(&Session::new(&connection)).map_err(|failure| failure.to_open_error(&path))?;
        let readers = (0..READERS).map(|_| open::open_reader(folder)).collect::<Result<_, _>>()?;
        let writer = Writer::start(connection, known)
            .map_err(|error| OpenError::io("start the writer of the store", &path, &error))?;
        Ok(Self { writer, readers: Readers::new(readers), _lock: lock })
    }

    /// The small value that is kept under a name.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let name = name.to_owned();
        self.readers.ask("read a kept value", move |session| read::kept(session, &name)).await
    }

    /// Keeps a small value under a name, unless there is one; answers the one that is there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let request = (name.to_owned(), value.to_owned());
        self.writer.ask("keep a value", 1, request, |writing, (name, value)| writing.keep(name, value)).await
    }

    /// Writes so many bytes through to the disk and takes them away again, to see whether that can be done.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn try_to_write(&self, bytes: u64) -> Result<(), StoreError> {
        let doing = "write for a trial";
        self.writer.ask(doing, 1, bytes, |writing, bytes| writing.try_to_write(*bytes)).await?;
        self.writer.ask(doing, 1, (), |writing, ()| writing.forget_trial()).await
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Readers first: the writer empties the log of writes at its end, which nobody may be reading then.
        self.readers.close();
        self.writer.close();
    }
}

impl Store for SqliteStore {
    async fn enqueue(&self, enqueue: Enqueue) -> Result<Vec<Enqueued>, EnqueueError> {
        let tasks = enqueue.tasks.len();
        let taken = self
            .writer
            .ask("take tasks", tasks, enqueue, |writing, enqueue| writing.enqueue(enqueue))
            .await?;
        taken.map_err(|(index, refusal)| EnqueueError::Refused { index, refusal })
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.writer.ask("claim tasks", claim.tasks_max, claim, |writing, claim| writing.claim(claim)).await
    }

    async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<Settled>, StoreError> {
        let tasks = settles.len();
        self.writer.ask("settle attempts", tasks, settles, |writing, settles| writing.settle(settles)).await
    }

    async fn extend(&self, extend: Extend) -> Result<Vec<Extended>, StoreError> {
        self.writer
            .ask("extend leases", extend.held.len(), extend, |writing, extend| writing.extend(extend))
            .await
    }

    async fn rescue(&self, rescue: Rescue) -> Result<Vec<Rescued>, StoreError> {
        self.writer
            .ask("rescue attempts", rescue.tasks_max, rescue, |writing, rescue| writing.rescue(rescue))
            .await
    }

    async fn record(&self, records: Vec<Record>) -> Result<Vec<bool>, StoreError> {
        let tasks = records.len();
        self.writer
            .ask("record what attempts say", tasks, records, |writing, records| writing.record(records))
            .await
    }

    async fn cancel(&self, cancel: Cancel) -> Result<Vec<CancelledTask>, StoreError> {
        self.writer
            .ask("cancel tasks", cancel.tasks.len(), cancel, |writing, cancel| writing.cancel(cancel))
            .await
    }

    async fn retry(&self, retry: Retry) -> Result<Vec<RetriedTask>, StoreError> {
        self.writer.ask("retry tasks", retry.tasks.len(), retry, |writing, retry| writing.retry(retry)).await
    }

    async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.writer.ask("pause or resume", 1, pause, |writing, pause| writing.pause(pause)).await
    }

    async fn expire(&self, expire: Expire) -> Result<Vec<Expired>, StoreError> {
        self.writer
            .ask("expire tasks", expire.tasks_max, expire, |writing, expire| writing.expire(expire))
            .await
    }

    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError> {
        self.writer.ask("prune tasks", prune.tasks_max, prune, |writing, prune| writing.prune(prune)).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskView>, StoreError> {
        self.readers.ask("read a task", move |session| read::task(session, id)).await
    }

    async fn list(&self, list: List) -> Result<Page, StoreError> {
        self.readers.ask("list tasks", move |session| list::list(session, &list)).await
    }

    async fn log(&self, log: ReadLog) -> Result<Option<LogPage>, StoreError> {
        self.readers.ask("read a log", move |session| read::log(session, &log)).await
    }

    async fn overview(&self) -> Result<Overview, StoreError> {
        self.readers.ask("count tasks", read::overview).await
    }

    async fn add_token(&self, add: AddToken) -> Result<(), AddTokenError> {
        Ok(self.writer.ask("add a token", 1, add, |writing, add| writing.add_token(add)).await??)
    }

    async fn revoke_token(&self, revoke: RevokeToken) -> Result<Revoked, StoreError> {
        self.writer.ask("revoke a token", 1, revoke, |writing, revoke| writing.revoke_token(revoke)).await
    }

    async fn touch_tokens(&self, touch: TouchTokens) -> Result<(), StoreError> {
        self.writer
            .ask("keep when tokens were used", touch.used.len(), touch, |writing, touch| {
                writing.touch_tokens(touch)
            })
            .await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.readers.ask("read the tokens", tokens::tokens).await
    }

    async fn audit(&self, read: ReadAudit) -> Result<AuditPage, StoreError> {
        self.readers.ask("read the audit", move |session| audit::audit(session, &read)).await
    }

    async fn prune_audit(&self, prune: PruneAudit) -> Result<u64, StoreError> {
        self.writer
            .ask("prune the audit", prune.entries_max, prune, |writing, prune| writing.prune_audit(prune))
            .await
    }

    async fn apply_schedules(&self, apply: ApplySchedules) -> Result<Vec<AppliedSchedule>, ApplyError> {
        let schedules = apply.puts.len() + apply.deletes.len();
        let applied = self
            .writer
            .ask("apply schedules", schedules, apply, |writing, apply| writing.apply_schedules(apply))
            .await?;
        applied.map_err(|(name, refusal)| ApplyError::Refused { name, refusal })
    }

    async fn pause_schedule(&self, pause: PauseSchedule) -> Result<SchedulePaused, StoreError> {
        self.writer
            .ask("pause or resume a schedule", 1, pause, |writing, pause| writing.pause_schedule(pause))
            .await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRow>, StoreError> {
        self.readers.ask("read the schedules", schedules::schedules).await
    }

    async fn schedule(&self, name: ScheduleName) -> Result<Option<ScheduleView>, StoreError> {
        self.readers.ask("read a schedule", move |session| schedules::schedule(session, &name)).await
    }

    async fn fire(&self, fire: Fire) -> Result<Fired, StoreError> {
        self.writer.ask("run a schedule", fire.runs.len(), fire, |writing, fire| writing.fire(fire)).await
    }

    async fn deploy(&self, deploy: Deploy) -> Result<Deployed, StoreError> {
        self.writer.ask("deploy a revision", 1, deploy, |writing, deploy| writing.deploy(deploy)).await
    }

    async fn rollback(&self, rollback: Rollback) -> Result<RolledBack, StoreError> {
        self.writer.ask("roll a job back", 1, rollback, |writing, rollback| writing.rollback(rollback)).await
    }

    async fn undeploy(&self, undeploy: Undeploy) -> Result<Undeployed, StoreError> {
        self.writer.ask("undeploy a job", 1, undeploy, |writing, undeploy| writing.undeploy(undeploy)).await
    }

    async fn deployments(&self) -> Result<Vec<Deployment>, StoreError> {
        self.readers.ask("read the deployments", deployments::deployments).await
    }

    async fn kept_revisions(&self) -> Result<Vec<RevisionRow>, StoreError> {
        self.readers.ask("read the revisions", deployments::kept_revisions).await
    }

    async fn revisions(&self, job: JobName) -> Result<JobRevisions, StoreError> {
        self.readers.ask("read a job's revisions", move |session| deployments::revisions(session, &job)).await
    }

    async fn collect_revisions(&self, collect: CollectRevisions) -> Result<Collected, StoreError> {
        self.writer
            .ask("forget revisions", collect.revisions_max, collect, |writing, collect| {
                writing.collect_revisions(collect)
            })
            .await
    }
}
