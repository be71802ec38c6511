//! Attempts of the queue, run in the sandbox.
//!
//! module ready → admitted again → grants intersected → one attempt. What goes wrong before the attempt has its word too:
//! `refused`, `module-unavailable` or `host-error`.

use crate::clock::{self, HostClock};
use crate::door::Door;
use crate::failure::Failure;
use crate::hints;
use crate::intake::{AttemptIntake, TaskIntake};
use crate::job_modules::JobModules;
use crate::sealing::Sealer;
use mainworker_domain::admission::{Admitted, Returning};
use mainworker_domain::catalog::Revision;
use mainworker_domain::digest::Digest;
use mainworker_domain::event::{Event, Said};
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Ending, Timestamp, lower_wall};
use mainworker_domain::manifest::RevisionChoice;
use mainworker_domain::outcome::{AttemptEnd, Outcome, Usage};
use mainworker_queue::attempt::AttemptError;
use mainworker_queue::dispatch::OnEvent;
use mainworker_queue::runner::{Ended, Live, Runner, StopReason};
use mainworker_queue::verbs::claim::ClaimedTask;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_sandbox::attempt::{self, AttemptReport, AttemptRequest, AttemptTask, Stop};
use mainworker_sandbox::capabilities::{self, Granted, Offer};
use mainworker_sandbox::listener::Listener;
use mainworker_sandbox::module::{Module, Sandbox};
use mainworker_sandbox::refusal::GrantRefusal;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OnceCell};
use tokio::task;

/// Runs attempts in a sandbox.
pub struct SandboxRunner {
    sandbox: Arc<Sandbox>,
    modules: Arc<JobModules>,
    intake: Arc<TaskIntake>,
    sealer: Arc<Sealer>,
    offer: Arc<Offer>,
    told: OnEvent,
    clock: Arc<HostClock>,
    /// Modules by digest, each prepared once; whoever comes while it is being prepared waits for it.
    ready: Mutex<HashMap<Digest, Arc<OnceCell<Arc<Module>>>>>,
}

impl SandboxRunner {
    /// A runner of the jobs in `modules`, with what the host offers and its clock. `told` is told of tasks that jobs ask for in
    /// vain.
    pub fn new(
        sandbox: Arc<Sandbox>,
        modules: Arc<JobModules>,
        intake: Arc<TaskIntake>,
        sealer: Arc<Sealer>,
        offer: Arc<Offer>,
        told: OnEvent,
        clock: Arc<HostClock>,
    ) -> Self {
        Self { sandbox, modules, intake, sealer, offer, told, clock, ready: Mutex::default() }
    }

    /// Makes the current module of a job ready, so that its first task need not wait for the compiler.
    ///
    /// # Errors
    /// A module that is not there or not taken.
    pub async fn prepare(&self, job: &JobName) -> Result<(), Failure> {
        let Some(revision) = self.current(job).await? else { return Ok(()) };
        self.module(job, revision.digest()).await.map(drop)
    }

    /// Makes one revision of a job ready, before anything runs with it.
    ///
    /// # Errors
    /// A module that is not there, not taken, or does not compile.
    pub async fn prepare_revision(&self, job: &JobName, revision: Digest) -> Result<Arc<Revision>, Failure> {
        self.module(job, revision).await.map(|module| Arc::clone(module.revision()))
    }

    /// Lets go of a revision that is kept no longer: of its compiled code, and of the module once the attempts that run with it
    /// have ended.
    pub fn forget(&self, revision: Digest) {
        self.ready().remove(&revision);
        self.sandbox.forget(&revision);
    }

    /// The revision that the host would accept a task of the job with now. Reads its file where that has changed.
    async fn current(&self, job: &JobName) -> Result<Option<Arc<Revision>>, Failure> {
        let (modules, job) = (Arc::clone(&self.modules), job.clone());
        task::spawn_blocking(move || modules.current(&job)).await.map_err(Failure::host)?
    }

    async fn module(&self, job: &JobName, revision: Digest) -> Result<Arc<Module>, Failure> {
        let cell = Arc::clone(self.ready().entry(revision).or_default());
        if let Some(module) = cell.get() {
            return Ok(Arc::clone(module));
        }
        let prepare = || async {
            let (modules, sandbox, job) = (Arc::clone(&self.modules), Arc::clone(&self.sandbox), job.clone());
            let told = Arc::clone(&self.told);
            let prepare = move || {
                let file = modules.module(&job, revision)?;
                let module = sandbox.prepare(&file);
                let module = module.map_err(|refusal| Failure::module(job.as_str(), &refusal))?;
                if let Some(refusal) = module.refused_code() {
                    told(Event::ModuleRefused {
                        job: Some(job),
                        revision: Some(revision),
                        code: "compiled_code_changed".to_owned(),
                        message: format!(
                            "compiled code in the module cache: {refusal}; it is compiled again"
                        ),
                    });
                }
                Ok(Arc::new(module))
            };
            task::spawn_blocking(prepare).await.map_err(Failure::host)?
        };
        cell.get_or_try_init(prepare).await.cloned()
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<Digest, Arc<OnceCell<Arc<Module>>>>> {
        // Entries are put in whole.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn door(&self) -> &Door {
        self.intake.door()
    }

    /// The module that is to run: the one of the task's revision, or the newest if its job wants that.
    async fn chosen(&self, task: &ClaimedTask) -> Result<Arc<Module>, Failure> {
        let pinned = self.module(&task.job, task.revision).await;
        let wants_newest =
            |module: &Arc<Module>| module.revision().manifest().run.revision == RevisionChoice::Newest;
        match &pinned {
            Ok(module) if !wants_newest(module) => return pinned,
            _ => {}
        }
        // Whether a module that is gone wanted the newest is said by the one that took its place.
        let Some(current) = self.current(&task.job).await? else { return pinned };
        if current.digest() == task.revision || current.manifest().run.revision != RevisionChoice::Newest {
            return pinned;
        }
        self.module(&task.job, current.digest()).await
    }

    async fn request(
        &self,
        task: &ClaimedTask,
        live: &Arc<Live>,
        stop: Arc<Stop>,
    ) -> Result<(AttemptRequest, Option<Arc<AttemptIntake>>), Failure> {
        let module = self.chosen(task).await?;
        let admitted = self.admit(task, &module)?;
        let manifest = module.revision().manifest();
        let granted = capabilities::check(manifest, Some(admitted.configuration()), &self.offer)
            .map_err(refused_grant)?;
        let intake = (!manifest.grants.schedule.is_empty()).then(|| {
            Arc::new(AttemptIntake::new(Arc::clone(&self.intake), task.depth, Arc::clone(&self.told)))
        });
        let limits = lower_wall(&granted.limits, task.timeout_ms);
        let (payload, configuration) = admitted.into_parts();
        let request = AttemptRequest {
            module,
            task: AttemptTask {
                id: task.held.task.to_string(),
                source: task.source.clone(),
                attempt: task.attempt_for_job,
                max_attempts: task.max_attempts,
                tags: task.tags.clone(),
            },
            payload,
            configuration,
            granted: Granted {
                limits,
                intake: intake.clone().map(|intake| intake as _),
                clock: clock::of_attempt(&self.clock),
                ..granted
            },
            listener: Some(Arc::new(LiveListener(Arc::clone(live)))),
            stop,
        };
        Ok((request, intake))
    }

    fn admit(&self, task: &ClaimedTask, module: &Arc<Module>) -> Result<Admitted, Failure> {
        let sealed = task.configuration.as_deref();
        let kept = sealed.map(|sealed| self.sealer.open_sealed(task.held.task, sealed)).transpose();
        let returning = Returning {
            revision: Arc::clone(module.revision()),
            accepted_with: task.revision,
            source: task.source.clone(),
            payload: task.payload.clone(),
            kept: kept.map_err(Failure::host)?,
        };
        self.door().readmit(returning)
    }
}

impl Runner for SandboxRunner {
    async fn run(&self, task: ClaimedTask, live: Arc<Live>) -> Ended {
        let started_at = self.clock.now();
        let (stop, stopped) = (Arc::new(Stop::default()), Arc::new(Notify::new()));
        let (wish, wished) = (Arc::clone(&stop), Arc::clone(&stopped));
        live.when_stopped(move |reason| {
            wish.request(match reason {
                StopReason::Cancelled => attempt::StopReason::Cancel,
                // What a stale attempt ends as counts for nothing.
                StopReason::Interrupted | StopReason::Stale => attempt::StopReason::Interrupt,
            });
            wished.notify_one();
        });
        // A module may have to be compiled first, which goes on for whoever wants it next.
        let request = tokio::select! {
            biased;
            () = stopped.notified() => return not_begun(live.stop_requested(), started_at, self.clock.now()),
            request = self.request(&task, &live, stop) => request,
        };
        match request {
            Ok((request, intake)) => {
                let revision = Arc::clone(request.module.revision());
                let mounts =
                    request.granted.mounts.iter().map(|mount| mount.name().to_owned()).collect::<Vec<_>>();
                let mut report = self.sandbox.attempt(request).await;
                let finished_at = self.clock.now();
                if !matches!(report.end, AttemptEnd::Completed { .. })
                    && let Some(intake) = &intake
                {
                    intake.give_back();
                }
                let asked = std::mem::take(&mut report.scheduled);
                let tasks = intake.map(|intake| intake.tasks(asked, task.held.task, finished_at));
                let job = &revision.manifest().job;
                let hint = hints::of_timeout(&report.end, task.timeout_ms).or_else(|| {
                    hints::of_attempt(
                        &report,
                        job.name.as_str(),
                        &mounts,
                        job.owner.as_deref(),
                        job.runbook.as_deref(),
                    )
                });
                let error = report.end.code().map(|code| AttemptError {
                    code: code.to_owned(),
                    message: report.end.message(),
                    hint,
                });
                let ran = Some(revision.digest()).filter(|ran| *ran != task.revision);
                let ended = ended(report, error, tasks.unwrap_or_default(), started_at, finished_at);
                Ended { ran, ..ended }
            }
            Err(failure) => not_run(failure, started_at, self.clock.now()),
        }
    }

    fn spawn(&self, driver: impl Future<Output = ()> + Send + 'static) {
        drop(self.sandbox.drive(driver));
    }
}

/// What the host lacks for now is its own trouble, and the next attempt may find it mended. What it does not give is a refusal.
fn refused_grant(refusal: GrantRefusal) -> Failure {
    let outcome = match &refusal {
        GrantRefusal::MountUnavailable { .. } | GrantRefusal::FreeSpace { .. } => Outcome::HostError,
        _ => Outcome::Refused,
    };
    Failure { outcome, ..Failure::from(refusal) }
}

fn ended(
    report: AttemptReport,
    error: Option<AttemptError>,
    asked: Vec<NewTask>,
    started_at: Timestamp,
    finished_at: Timestamp,
) -> Ended {
    let ending = Ending::from(&report.end);
    let result = match report.end {
        AttemptEnd::Completed { result } => Some(result),
        _ => None,
    };
    Ended {
        ending,
        started_at,
        finished_at,
        usage: report.usage,
        ran: None,
        result,
        error,
        log: report.log,
        asked,
    }
}

/// A task that nobody wanted any more before its attempt could begin.
fn not_begun(reason: Option<StopReason>, started_at: Timestamp, finished_at: Timestamp) -> Ended {
    let end = match reason {
        Some(StopReason::Cancelled) => AttemptEnd::Cancelled,
        Some(StopReason::Interrupted | StopReason::Stale) | None => AttemptEnd::Interrupted,
    };
    let error =
        end.code().map(|code| AttemptError { code: code.to_owned(), message: end.message(), hint: None });
    without_attempt(Ending::from(&end), error, started_at, finished_at)
}

/// Nobody is left to mend an envelope that is not taken any more, so the attempt is refused rather than rejected.
fn not_run(failure: Failure, started_at: Timestamp, finished_at: Timestamp) -> Ended {
    let outcome = match failure.outcome {
        Outcome::Rejected => Outcome::Refused,
        outcome => outcome,
    };
    let error = AttemptError { code: failure.code, message: failure.message, hint: failure.hint };
    without_attempt(outcome.into(), Some(error), started_at, finished_at)
}

fn without_attempt(
    ending: Ending,
    error: Option<AttemptError>,
    started_at: Timestamp,
    finished_at: Timestamp,
) -> Ended {
    Ended {
        ending,
        started_at,
        finished_at,
        usage: Usage::default(),
        ran: None,
        result: None,
        error,
        log: Vec::new(),
        asked: Vec::new(),
    }
}

/// Hands on what an attempt says.
#[derive(Debug)]
struct LiveListener(Arc<Live>);

impl Listener for LiveListener {
    fn hear(&self, said: Said) {
        self.0.hear(said);
    }
}

impl fmt::Debug for SandboxRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxRunner").field("modules", &self.modules).finish_non_exhaustive()
    }
}
