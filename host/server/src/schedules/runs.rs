//! What the scheduler needs of the host: the tasks of runs, and somebody to tell.

use crate::failure::Failure;
use crate::host::Host;
use mainworker_domain::access::SCHEDULER;
use mainworker_domain::event::Event;
use mainworker_domain::job_name::JobName;
use mainworker_domain::lifecycle::{Reason, State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::schedule::{Definition, ScheduleName};
use mainworker_queue::scheduler::{Looked, NotMade, ScheduleHost, Wanted};
use mainworker_queue::store::StoreError;
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::fire::{CancelledForRun, Done, RunFate};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// What stands in the way of a task until somebody mends it on the host, whatever the schedule says: such a run waits.
const MENDABLE: [&str; 2] = ["unknown_job", "missing_configuration"];

/// The host as its scheduler knows it.
#[derive(Debug)]
pub struct SchedulingHost(pub Arc<Host>);

impl ScheduleHost for SchedulingHost {
    async fn task(
        &self,
        name: &ScheduleName,
        definition: &Definition,
        occurrence: Timestamp,
        now: Timestamp,
    ) -> Result<Box<NewTask>, NotMade> {
        let (host, job) = (Arc::clone(&self.0), definition.job.clone());
        let options = definition.task_options(name, occurrence);
        let payload = definition.payload(occurrence);
        // It reads a module that has changed.
        let take = move || host.intake.take_scheduled(&job, &payload, &options, None, now);
        let taken = spawn_blocking(take).await.unwrap_or_else(|error| Err(Failure::host(error)));
        taken.map(Box::new).map_err(not_made)
    }

    fn fired(&self, looked: Looked) {
        let Looked { name, job, wanted, done, dropped, dropped_at_least } = looked;
        let host = &self.0;
        if dropped > 0 {
            tracing::warn!(schedule = %name, runs = dropped, or_more = dropped_at_least, "runs that were missed are left out");
            let event =
                Event::RunsMissed { schedule: name.clone(), count: dropped, at_least: dropped_at_least };
            host.events.emit(event);
        }
        for (Wanted { occurrence, task }, fate) in wanted.iter().zip(&done.fates) {
            let RunFate::Refused(problem) = fate else { continue };
            tracing::warn!(schedule = %name, %occurrence, problem, "a run of a schedule is refused");
            let code = match task {
                Err(NotMade::Refused { code, .. } | NotMade::NotNow { code, .. }) => code.clone(),
                // What is left for the store to find.
                Ok(_) => "unique_conflict".to_owned(),
            };
            host.events.emit(Event::EnvelopeRejected {
                code,
                detail: format!("the run of schedule `{name}` for {occurrence}: {problem}"),
                job: Some(job.to_string()),
                source: Some(SCHEDULER.to_owned()),
            });
        }
        host.tell_fired(&job, &done);
    }

    fn hindered(&self, name: &ScheduleName, problem: &str) {
        tracing::warn!(schedule = %name, problem, "runs of a schedule wait");
        self.0.events.emit(Event::HostError {
            code: "schedule_hindered".to_owned(),
            message: format!("runs of schedule `{name}` wait: {problem}"),
        });
    }

    fn store_failed(&self, error: &StoreError) {
        // It tells the event itself.
        let _ = self.0.store_failed(error);
    }
}

/// A rejection is for good, but for what is mended on the host; all else is the host's own trouble.
fn not_made(failure: Failure) -> NotMade {
    let Failure { code, message, outcome, .. } = failure;
    if outcome == Outcome::Rejected && !MENDABLE.contains(&code.as_str()) {
        NotMade::Refused { code, message }
    } else {
        NotMade::NotNow { code, message }
    }
}

impl Host {
    /// Tells the dispatch and whoever listens what became of runs.
    pub(super) fn tell_fired(&self, job: &JobName, done: &Done) {
        for CancelledForRun { id, job, how } in &done.cancelled {
            match how {
                Cancelled::Requested { attempt } => self.dispatch.stop_attempt(*id, *attempt),
                _ => self.events.emit(Event::TaskChanged {
                    task_id: *id,
                    job: job.clone(),
                    state: State::Cancelled,
                    reason: Reason::Cancelled,
                }),
            }
        }
        self.dispatch.wake();
        for fate in &done.fates {
            if let RunFate::Enqueued(enqueued) = fate {
                self.tell_enqueued(enqueued.id, job.clone(), enqueued, SCHEDULER);
            }
        }
    }
}
