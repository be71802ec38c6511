//! Short ways to use a store. Whatever the store cannot do fails the test.

use super::requests::{apply, ask, begin, ended, job};
use mainworker_domain::digest::Digest;
use mainworker_domain::event::LogLine;
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::audit::{AuditFilter, AuditRow, ReadAudit};
use mainworker_queue::verbs::cancel::{Cancel, Cancelled};
use mainworker_queue::verbs::claim::{Claim, Claimed, ClaimedTask};
use mainworker_queue::verbs::deployments::{
    CollectRevisions, CollectedRevision, Deploy, Deployed, JobRevisions, Rollback, RolledBack,
};
use mainworker_queue::verbs::enqueue::{Enqueue, EnqueueError, EnqueueRefusal, Enqueued, NewTask};
use mainworker_queue::verbs::expire::Expire;
use mainworker_queue::verbs::extend::{Extend, Extended};
use mainworker_queue::verbs::fire::{Done, Fire, Fired};
use mainworker_queue::verbs::list::{Filter, List, Page};
use mainworker_queue::verbs::log::{LogPage, LogPlace, ReadLog};
use mainworker_queue::verbs::overview::Overview;
use mainworker_queue::verbs::pause::Pause;
use mainworker_queue::verbs::prune::Prune;
use mainworker_queue::verbs::record::Record;
use mainworker_queue::verbs::rescue::{Rescue, Rescued};
use mainworker_queue::verbs::retry::{Retried, Retry};
use mainworker_queue::verbs::schedules::{PutSchedule, ScheduleRow, ScheduleView};
use mainworker_queue::verbs::settle::{Applied, Settle, Settled};
use mainworker_queue::verbs::task::{TaskSummary, TaskView};

/// A store under test.
pub(crate) struct Harness<'a, S> {
    /// The store itself.
    pub(crate) store: &'a S,
}

impl<'a, S: Store> Harness<'a, S> {
    /// Tests `store`.
    pub(crate) fn new(store: &'a S) -> Self {
        Self { store }
    }

    /// Takes tasks, which must succeed.
    pub(crate) async fn enqueue(
        &self,
        tasks: impl IntoIterator<Item = NewTask>,
        now: Timestamp,
    ) -> Vec<Enqueued> {
        self.store.enqueue(ask(tasks, now)).await.unwrap()
    }

    /// Takes tasks, which must be refused: index and reason.
    pub(crate) async fn refused(&self, enqueue: Enqueue) -> (usize, EnqueueRefusal) {
        match self.store.enqueue(enqueue).await {
            Err(EnqueueError::Refused { index, refusal }) => (index, refusal),
            other => panic!("{other:?}, expected a refusal"),
        }
    }

    /// Claims as asked.
    pub(crate) async fn claim(&self, claim: Claim) -> Claimed {
        self.store.claim(claim).await.unwrap()
    }

    /// Claims all there is: the ids in order.
    pub(crate) async fn claim_ids(&self, now: Timestamp) -> Vec<TaskId> {
        self.claim(begin(now)).await.tasks.into_iter().map(|task| task.held.task).collect()
    }

    /// Claims the next task, which must be there.
    pub(crate) async fn claim_one(&self, now: Timestamp) -> ClaimedTask {
        let mut claimed = self.claim(Claim { tasks_max: 1, ..begin(now) }).await;
        claimed.tasks.pop().unwrap()
    }

    /// Takes one task and claims it; nothing else may be ready.
    pub(crate) async fn started(&self, task: NewTask, now: Timestamp) -> Held {
        let id = task.id;
        self.enqueue([task], now).await;
        let held = self.claim_one(now).await.held;
        assert_eq!(held.task, id);
        held
    }

    /// Settles one attempt.
    pub(crate) async fn settle(&self, settle: Settle) -> Settled {
        let [settled] = self.store.settle(vec![settle]).await.unwrap().try_into().unwrap();
        settled
    }

    /// Settles one attempt, which must not be stale.
    pub(crate) async fn apply(&self, settle: Settle) -> Applied {
        match self.settle(settle).await {
            Settled::Applied(applied) => applied,
            Settled::Stale => panic!("the attempt runs, so its end cannot be stale"),
        }
    }

    /// Takes one task, claims it and settles it so; nothing else may be ready.
    pub(crate) async fn finished(&self, task: NewTask, outcome: Outcome, now: Timestamp) -> Held {
        let held = self.started(task, now).await;
        self.apply(ended(held, outcome, now)).await;
        held
    }

    /// Extends one lease.
    pub(crate) async fn extend(&self, held: Held, lease_until: Timestamp) -> Extended {
        let [extended] =
            self.store.extend(Extend { held: vec![held], lease_until }).await.unwrap().try_into().unwrap();
        extended
    }

    /// Rescues all whose leases ended by then.
    pub(crate) async fn rescue(&self, leases_until: Timestamp, now: Timestamp) -> Vec<Rescued> {
        self.store.rescue(Rescue { leases_until, tasks_max: 1_000, now }).await.unwrap()
    }

    /// Records what one attempt said.
    pub(crate) async fn record(&self, record: Record) -> bool {
        let [kept] = self.store.record(vec![record]).await.unwrap().try_into().unwrap();
        kept
    }

    /// Cancels one task.
    pub(crate) async fn cancel(&self, task: TaskId, now: Timestamp) -> Cancelled {
        let [cancelled] =
            self.store.cancel(Cancel { tasks: vec![task], now, by: None }).await.unwrap().try_into().unwrap();
        cancelled.how
    }

    /// Retries one task without a delay.
    pub(crate) async fn retry(&self, task: TaskId, now: Timestamp) -> Retried {
        let retry = Retry { tasks: vec![task], delay_ms: 0, now, by: None };
        let [retried] = self.store.retry(retry).await.unwrap().try_into().unwrap();
        retried.how
    }

    /// Pauses or resumes a job, or everything.
    pub(crate) async fn pause(&self, job: Option<&str>, paused: bool) {
        let job = job.map(super::requests::job);
        self.store.pause(Pause { job, paused, now: super::requests::NOW, by: None }).await.unwrap();
    }

    /// Ends all whose time is over: their ids in order.
    pub(crate) async fn expire(&self, now: Timestamp) -> Vec<TaskId> {
        let expired = self.store.expire(Expire { now, tasks_max: 1_000 }).await.unwrap();
        expired.into_iter().map(|expired| expired.id).collect()
    }

    /// Prunes to the end, step by step from the beginning: how many were deleted.
    pub(crate) async fn prune(&self, prune: Prune) -> u64 {
        let mut deleted = 0;
        let mut after = 0;
        loop {
            let pruned = self.store.prune(Prune { after, ..prune }).await.unwrap();
            deleted += pruned.tasks;
            match pruned.next {
                Some(next) => {
                    assert!(next > after, "a step has to come further than {after}");
                    after = next;
                }
                None => return deleted,
            }
        }
    }

    /// A task that must be there.
    pub(crate) async fn task(&self, id: TaskId) -> TaskView {
        self.store.task(id).await.unwrap().unwrap()
    }

    /// The state of a task that must be there.
    pub(crate) async fn state(&self, id: TaskId) -> State {
        self.task(id).await.summary.state
    }

    /// One page.
    pub(crate) async fn page(&self, list: List) -> Page {
        self.store.list(list).await.unwrap()
    }

    /// All tasks that fit, by small pages.
    pub(crate) async fn list(&self, filter: Filter, now: Timestamp) -> Vec<TaskSummary> {
        let mut tasks = Vec::new();
        let mut before = None;
        loop {
            let page =
                self.page(List { filter: filter.clone(), before, tasks_max: 3, examined_max: 7, now }).await;
            assert!(page.tasks.len() <= 3, "{} tasks on a page of 3", page.tasks.len());
            tasks.extend(page.tasks);
            match page.next {
                Some(next) => {
                    assert!(before.is_none_or(|before| next < before), "{next} does not come further");
                    before = Some(next);
                }
                None => return tasks,
            }
        }
    }

    /// The ids of all tasks that fit, the newest first.
    pub(crate) async fn list_ids(&self, filter: Filter, now: Timestamp) -> Vec<TaskId> {
        self.list(filter, now).await.into_iter().map(|task| task.id).collect()
    }

    /// A part of the log of a task that must be there.
    pub(crate) async fn log_page(&self, task: TaskId, from: LogPlace, bytes_max: usize) -> LogPage {
        self.store.log(ReadLog { task, from, bytes_max }).await.unwrap().unwrap()
    }

    /// The whole log of a task that must be there, by pages of this size.
    pub(crate) async fn log(&self, task: TaskId, bytes_max: usize) -> Vec<(u32, LogLine)> {
        let mut lines = Vec::new();
        let mut from = LogPlace::default();
        loop {
            let page = self.log_page(task, from, bytes_max).await;
            assert!(!page.more || page.next > from, "a page that is not the last has to come further");
            lines.extend(page.lines);
            from = page.next;
            if !page.more {
                return lines;
            }
        }
    }

    /// The messages of the log of a task that must be there, each with its attempt.
    pub(crate) async fn messages(&self, task: TaskId) -> Vec<(u32, String)> {
        self.log(task, 40).await.into_iter().map(|(attempt, line)| (attempt, line.message)).collect()
    }

    /// The overview.
    pub(crate) async fn overview(&self) -> Overview {
        self.store.overview().await.unwrap()
    }

    /// All entries of the audit that fit, the newest first, by small pages.
    pub(crate) async fn audit(&self, filter: AuditFilter) -> Vec<AuditRow> {
        let mut entries = Vec::new();
        let mut before = None;
        loop {
            let read = ReadAudit { filter: filter.clone(), before, entries_max: 3, examined_max: 7 };
            let page = self.store.audit(read).await.unwrap();
            assert!(page.entries.len() <= 3, "{} entries on a page of 3", page.entries.len());
            entries.extend(page.entries);
            match page.next {
                Some(next) => {
                    assert!(before.is_none_or(|before| next < before), "{next} does not come further");
                    before = Some(next);
                }
                None => return entries,
            }
        }
    }

    /// Creates a schedule, or changes it, as the operator.
    pub(crate) async fn put(&self, put: PutSchedule, now: Timestamp) -> ScheduleRow {
        let name = put.name.clone();
        self.store.apply_schedules(apply([put], now)).await.unwrap();
        self.schedule(&name).await.row
    }

    /// A schedule that must be there.
    pub(crate) async fn schedule(&self, name: &ScheduleName) -> ScheduleView {
        self.store.schedule(name.clone()).await.unwrap().unwrap()
    }

    /// Brings about runs, on what must not be over.
    pub(crate) async fn fire(&self, fire: Fire) -> Done {
        match self.store.fire(fire).await.unwrap() {
            Fired::Done(done) => done,
            Fired::Stale => panic!("it was just seen, so it cannot be stale"),
        }
    }

    /// Deploys a revision, or does not.
    pub(crate) async fn deploy(&self, deploy: Deploy) -> Deployed {
        self.store.deploy(deploy).await.unwrap()
    }

    /// Rolls a job back, or does not.
    pub(crate) async fn roll_back(&self, rollback: Rollback) -> RolledBack {
        self.store.rollback(rollback).await.unwrap()
    }

    /// The revisions of a job and what was done with them.
    pub(crate) async fn revisions(&self, name: &str) -> JobRevisions {
        self.store.revisions(job(name)).await.unwrap()
    }

    /// The modules of a job's revisions, the one that became current last first.
    pub(crate) async fn modules(&self, name: &str) -> Vec<Digest> {
        self.revisions(name).await.revisions.iter().map(|row| row.revision.module).collect()
    }

    /// Forgets revisions, step by step to the end; answers them by job and module.
    pub(crate) async fn collect(&self, mut collect: CollectRevisions) -> Vec<CollectedRevision> {
        let mut all = Vec::new();
        loop {
            let collected = self.store.collect_revisions(collect).await.unwrap();
            all.extend(collected.revisions);
            match collected.next {
                Some(next) => {
                    assert!(next > collect.after, "{next} does not come further");
                    collect.after = next;
                }
                None => {
                    all.sort_unstable();
                    return all;
                }
            }
        }
    }

    /// All that can be seen of a task that must be there, to see whether anything changes.
    pub(crate) async fn seen(&self, task: TaskId) -> (TaskView, Vec<(u32, LogLine)>) {
        (self.task(task).await, self.log(task, 1_000).await)
    }

    /// That the counts are those of the tasks that are listed, and that each task agrees with itself.
    pub(crate) async fn check(&self) {
        let tasks = self.list(Filter::default(), Timestamp::MAX).await;
        let overview = self.overview().await;
        for (name, job) in &overview.jobs {
            for state in State::ALL {
                let listed = tasks.iter().filter(|task| task.job == *name && task.state == state).count();
                assert_eq!(job.count(state), u64::try_from(listed).unwrap(), "{name:?} {state}");
            }
        }
        for state in State::ALL {
            let listed = tasks.iter().filter(|task| task.state == state).count();
            assert_eq!(overview.count(state), u64::try_from(listed).unwrap(), "{state}");
        }
        assert!(tasks.is_sorted_by(|newer, older| newer.place > older.place), "the newest first");
        self.check_deployments(&tasks).await;
        for summary in tasks {
            let view = self.task(summary.id).await;
            assert_eq!(view.summary, summary, "a task is listed as it is");
            check_view(&view);
        }
    }

    /// That what is current is kept, and that the tasks of revisions are those that are listed.
    async fn check_deployments(&self, tasks: &[TaskSummary]) {
        let kept = self.store.kept_revisions().await.unwrap();
        let current = kept.iter().filter(|row| row.is_current()).map(|row| &row.revision);
        let deployments = self.store.deployments().await.unwrap();
        assert!(deployments.iter().map(|deployment| &deployment.revision).eq(current));
        assert!(deployments.is_sorted_by(|one, other| one.revision.job < other.revision.job), "one a job");
        for row in kept {
            let its = |task: &&TaskSummary| {
                task.job == row.revision.job
                    && task.revision == row.revision.module
                    && !task.state.is_terminal()
            };
            let listed = tasks.iter().filter(its).count();
            assert_eq!(row.open_tasks, u64::try_from(listed).unwrap(), "{:?}", row.revision);
        }
    }
}

/// What holds of every task, whatever happened to it.
fn check_view(view: &TaskView) {
    let TaskSummary { state, id, attempts, .. } = view.summary;
    assert_eq!(view.summary.finished_at.is_some(), state.is_terminal(), "{id} is {state}");
    assert!(!view.summary.cancel_requested || state == State::Running, "{id} is {state}");
    assert!(view.result.is_none() || state == State::Completed, "{id} is {state}");
    let numbers: Vec<u32> = view.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (1..=attempts).collect::<Vec<_>>(), "the attempts of {id}");
    for attempt in &view.attempts {
        let runs = state == State::Running && attempt.number == attempts;
        assert_eq!(attempt.outcome.is_none(), runs, "attempt {} of {id}", attempt.number);
        assert_eq!(attempt.finished_at.is_none(), runs, "attempt {} of {id}", attempt.number);
    }
    let newest = view.attempts.last();
    assert_eq!(view.summary.started_at, newest.map(|attempt| attempt.started_at), "{id}");
}
