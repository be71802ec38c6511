//! Broken twins: stores that lack one guard each. A check that a twin passes does not check that guard.
//!
//! A twin is made of the memory store, by changing what it is asked. Where a verb of a broken store would act on what it had read
//! before another verb wrote, the twin keeps a second store that never hears of that other verb: acting is asking the second
//! one, and from then on it is the one that is there.

use mainworker_domain::job_name::JobName;
use mainworker_domain::schedule::ScheduleName;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::attempt::{Held, Lease};
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
use mainworker_queue::verbs::fire::{Fire, Fired, Seen};
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
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// The guard that a twin lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// None: what fails on this one is wrong itself.
    None,
    /// An end is that of whatever attempt runs.
    SettlesByTask,
    /// A heartbeat is that of whatever attempt runs.
    ExtendsByTask,
    /// What was said is said by whatever attempt runs.
    RecordsByTask,
    /// An attempt is told by the name of its host.
    TellsByHost,
    /// A claim does not see the one before it.
    ClaimsUnseen,
    /// A rescue acts on what it read before an attempt ended.
    RescuesUnseenEnds,
    /// A rescue acts on what it read before a lease was extended.
    RescuesUnseenExtensions,
    /// A cancel acts on what it read before an attempt ended.
    CancelsUnseenEnds,
    /// An end is decided on what was read before a cancel was wanted.
    SettlesUnseenCancels,
    /// Retention acts on what it read before a task was retried.
    PrunesUnseenRetries,
    /// Leases end by the wall clock.
    LeasesByWallClock,
    /// That a task was seen to be due is forgotten if there was no room for it.
    ForgetsWhatWasDue,
    /// Attempts are not counted by their concurrency keys.
    CountsNoKeys,
    /// A schedule fires on a look that is over.
    FiresUnseenLooks,
    /// That an occurrence was decided about is forgotten.
    ForgetsOccurrences,
    /// A deployment takes the place of whatever is current.
    DeploysOverUnseen,
    /// A rollback leads to the revision that was current last, also from one that a rollback led to.
    RollsBackAndForth,
    /// A revision is forgotten by what was read before a task was taken.
    CollectsUnseenTasks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Enqueue,
    Claim,
    Settle,
    Extend,
    Rescue,
    Cancel,
    Retry,
    Prune,
    Collect,
    Other,
}

impl Flaw {
    /// The verb that acts without having seen, and the one that it has not seen.
    fn unseen(self) -> Option<(Verb, Verb)> {
        match self {
            Self::RescuesUnseenEnds => Some((Verb::Rescue, Verb::Settle)),
            Self::RescuesUnseenExtensions => Some((Verb::Rescue, Verb::Extend)),
            Self::CancelsUnseenEnds => Some((Verb::Cancel, Verb::Settle)),
            Self::SettlesUnseenCancels => Some((Verb::Settle, Verb::Cancel)),
            Self::PrunesUnseenRetries => Some((Verb::Prune, Verb::Retry)),
            Self::ClaimsUnseen => Some((Verb::Claim, Verb::Claim)),
            Self::CollectsUnseenTasks => Some((Verb::Collect, Verb::Enqueue)),
            _ => None,
        }
    }
}

/// A store that lacks a guard.
pub(crate) struct Twin {
    flaw: Flaw,
    /// Hears of everything, until the other one takes over.
    seeing: MemoryStore,
    /// Does not hear of one verb.
    unseeing: MemoryStore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether there was the verb that is not seen.
    missed: bool,
    /// Whether the other store took over.
    taken_over: bool,
    hosts: HashMap<Lease, String>,
    /// Runs of schedules.
    runs: u64,
}

impl Twin {
    /// A store without the guard.
    pub(crate) fn new(flaw: Flaw) -> Self {
        let state = Mutex::new(State::default());
        Self { flaw, seeing: MemoryStore::new(), unseeing: MemoryStore::new(), state }
    }

    /// The store that is there.
    fn present(&self) -> &MemoryStore {
        if self.state.lock().unwrap().taken_over { &self.unseeing } else { &self.seeing }
    }

    /// The stores that hear of `verb`, the one that answers first.
    fn hearing(&self, verb: Verb) -> Vec<&MemoryStore> {
        let mut state = self.state.lock().unwrap();
        if state.taken_over {
            return vec![&self.unseeing];
        }
        match self.flaw.unseen() {
            Some((acts, _)) if acts == verb && state.missed => {
                state.taken_over = true;
                vec![&self.unseeing]
            }
            Some((_, unseen)) if unseen == verb => {
                state.missed = true;
                vec![&self.seeing]
            }
            Some(_) => vec![&self.seeing, &self.unseeing],
            None => vec![&self.seeing],
        }
    }

    /// Asks all that hear of `verb`.
    fn tell<A>(&self, verb: Verb, ask: impl Fn(&MemoryStore) -> A) -> A {
        let mut answers: Vec<A> = self.hearing(verb).into_iter().map(ask).collect();
        answers.swap_remove(0)
    }

    /// The attempt that a twin with `flaw` takes this one for.
    fn taken_for(&self, held: Held, flaw: Flaw) -> Held {
        let running = self.present().running().into_iter().find(|running| running.task == held.task);
        let hosts = &self.state.lock().unwrap().hosts;
        match running {
            Some(running) if self.flaw == flaw => running,
            Some(running) if self.flaw == Flaw::TellsByHost => {
                let host = hosts.get(&held.lease);
                if host.is_some() && host == hosts.get(&running.lease) { running } else { held }
            }
            _ => held,
        }
    }
}

/// What a future of the memory store comes to: they are ready at once.
fn ready<A>(future: impl Future<Output = A>) -> A {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store has nothing to wait for"),
    }
}

impl Store for Twin {
    async fn enqueue(&self, mut enqueue: Enqueue) -> Result<Vec<Enqueued>, EnqueueError> {
        if self.flaw == Flaw::CountsNoKeys {
            enqueue.tasks.iter_mut().for_each(|task| task.concurrency_key = None);
        }
        self.tell(Verb::Enqueue, |store| ready(store.enqueue(enqueue.clone())))
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        if self.flaw == Flaw::ForgetsWhatWasDue && claim.tasks_max == 0 {
            return Ok(Claimed::default());
        }
        self.state.lock().unwrap().hosts.insert(claim.lease, claim.host.clone());
        self.tell(Verb::Claim, |store| ready(store.claim(claim.clone())))
    }

    async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<Settled>, StoreError> {
        let taken =
            |settle: Settle| Settle { held: self.taken_for(settle.held, Flaw::SettlesByTask), ..settle };
        let settles: Vec<_> = settles.into_iter().map(taken).collect();
        self.tell(Verb::Settle, |store| ready(store.settle(settles.clone())))
    }

    async fn extend(&self, extend: Extend) -> Result<Vec<Extended>, StoreError> {
        let taken = |held| self.taken_for(held, Flaw::ExtendsByTask);
        let extend = Extend { held: extend.held.into_iter().map(taken).collect(), ..extend };
        self.tell(Verb::Extend, |store| ready(store.extend(extend.clone())))
    }

    async fn rescue(&self, rescue: Rescue) -> Result<Vec<Rescued>, StoreError> {
        let by_wall_clock = self.flaw == Flaw::LeasesByWallClock;
        let leases_until = if by_wall_clock { rescue.now } else { rescue.leases_until };
        let rescue = Rescue { leases_until, ..rescue };
        self.tell(Verb::Rescue, |store| ready(store.rescue(rescue.clone())))
    }

    async fn record(&self, records: Vec<Record>) -> Result<Vec<bool>, StoreError> {
        let taken =
            |record: Record| Record { held: self.taken_for(record.held, Flaw::RecordsByTask), ..record };
        let records: Vec<_> = records.into_iter().map(taken).collect();
        self.tell(Verb::Other, |store| ready(store.record(records.clone())))
    }

    async fn cancel(&self, cancel: Cancel) -> Result<Vec<CancelledTask>, StoreError> {
        self.tell(Verb::Cancel, |store| ready(store.cancel(cancel.clone())))
    }

    async fn retry(&self, retry: Retry) -> Result<Vec<RetriedTask>, StoreError> {
        self.tell(Verb::Retry, |store| ready(store.retry(retry.clone())))
    }

    async fn pause(&self, pause: Pause) -> Result<(), StoreError> {
        self.tell(Verb::Other, |store| ready(store.pause(pause.clone())))
    }

    async fn expire(&self, expire: Expire) -> Result<Vec<Expired>, StoreError> {
        self.tell(Verb::Other, |store| ready(store.expire(expire)))
    }

    async fn prune(&self, prune: Prune) -> Result<Pruned, StoreError> {
        self.tell(Verb::Prune, |store| ready(store.prune(prune)))
    }

    async fn task(&self, id: TaskId) -> Result<Option<TaskView>, StoreError> {
        self.present().task(id).await
    }

    async fn list(&self, list: List) -> Result<Page, StoreError> {
        self.present().list(list).await
    }

    async fn log(&self, log: ReadLog) -> Result<Option<LogPage>, StoreError> {
        self.present().log(log).await
    }

    async fn overview(&self) -> Result<Overview, StoreError> {
        self.present().overview().await
    }

    async fn add_token(&self, add: AddToken) -> Result<(), AddTokenError> {
        self.tell(Verb::Other, |store| ready(store.add_token(add.clone())))
    }

    async fn revoke_token(&self, revoke: RevokeToken) -> Result<Revoked, StoreError> {
        self.tell(Verb::Other, |store| ready(store.revoke_token(revoke.clone())))
    }

    async fn touch_tokens(&self, touch: TouchTokens) -> Result<(), StoreError> {
        self.tell(Verb::Other, |store| ready(store.touch_tokens(touch.clone())))
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.present().tokens().await
    }

    async fn audit(&self, read: ReadAudit) -> Result<AuditPage, StoreError> {
        self.present().audit(read).await
    }

    async fn prune_audit(&self, prune: PruneAudit) -> Result<u64, StoreError> {
        self.tell(Verb::Other, |store| ready(store.prune_audit(prune)))
    }

    async fn apply_schedules(&self, apply: ApplySchedules) -> Result<Vec<AppliedSchedule>, ApplyError> {
        self.tell(Verb::Other, |store| ready(store.apply_schedules(apply.clone())))
    }

    async fn pause_schedule(&self, pause: PauseSchedule) -> Result<SchedulePaused, StoreError> {
        self.tell(Verb::Other, |store| ready(store.pause_schedule(pause.clone())))
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRow>, StoreError> {
        self.present().schedules().await
    }

    async fn schedule(&self, name: ScheduleName) -> Result<Option<ScheduleView>, StoreError> {
        self.present().schedule(name).await
    }

    async fn fire(&self, mut fire: Fire) -> Result<Fired, StoreError> {
        if self.flaw == Flaw::FiresUnseenLooks {
            let rows = ready(self.present().schedules())?;
            if let Some(row) = rows.into_iter().find(|row| row.id == fire.schedule) {
                fire.seen = Seen { revision: row.revision, evaluated_to: row.evaluated_to };
            }
        }
        if self.flaw == Flaw::ForgetsOccurrences {
            // Each time it looks like one that there never was.
            let mut state = self.state.lock().unwrap();
            for run in &mut fire.runs {
                run.occurrence = run.occurrence.map(|at| at.after_ms(state.runs));
                state.runs += 1;
            }
        }
        self.tell(Verb::Other, |store| ready(store.fire(fire.clone())))
    }

    async fn deploy(&self, mut deploy: Deploy) -> Result<Deployed, StoreError> {
        if self.flaw == Flaw::DeploysOverUnseen {
            let all = ready(self.present().deployments())?;
            let current = all.into_iter().find(|one| one.revision.job == deploy.revision.job);
            deploy.expected = current.map(|current| current.revision.module);
        }
        self.tell(Verb::Other, |store| ready(store.deploy(deploy.clone())))
    }

    async fn rollback(&self, mut rollback: Rollback) -> Result<RolledBack, StoreError> {
        if self.flaw == Flaw::RollsBackAndForth && rollback.to.is_none() {
            let its = ready(self.present().revisions(rollback.job.clone()))?.revisions;
            let last = its.iter().find(|row| !row.is_current());
            rollback.to = last.map(|row| row.revision.module);
        }
        self.tell(Verb::Other, |store| ready(store.rollback(rollback.clone())))
    }

    async fn undeploy(&self, undeploy: Undeploy) -> Result<Undeployed, StoreError> {
        self.tell(Verb::Other, |store| ready(store.undeploy(undeploy.clone())))
    }

    async fn deployments(&self) -> Result<Vec<Deployment>, StoreError> {
        self.present().deployments().await
    }

    async fn kept_revisions(&self) -> Result<Vec<RevisionRow>, StoreError> {
        self.present().kept_revisions().await
    }

    async fn revisions(&self, job: JobName) -> Result<JobRevisions, StoreError> {
        self.present().revisions(job).await
    }

    async fn collect_revisions(&self, collect: CollectRevisions) -> Result<Collected, StoreError> {
        self.tell(Verb::Collect, |store| ready(store.collect_revisions(collect)))
    }
}
