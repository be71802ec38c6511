//! Who may change, trigger and backfill schedules of a job.

use super::refused::ScheduleRefused;
use crate::access::Caller;
use crate::failure::Failure;
use crate::hints;
use crate::job_modules::JobModules;
use mainworker_domain::access::Role;
use mainworker_domain::job_name::JobName;
use mainworker_domain::rejection::Rejection;
use mainworker_domain::schedule::ScheduleName;

/// Checks that `caller` has the role `admin`, or could ask for the job itself; and that its credential is for the job.
///
/// # Errors
/// `source_not_allowed`. Where the job has no module that says who may, only `admin` may.
pub(super) fn check(
    modules: &JobModules,
    caller: &Caller,
    name: &ScheduleName,
    job: &JobName,
) -> Result<(), ScheduleRefused> {
    check_credential(caller, name, job)?;
    let refused = |rejection: Rejection| {
        let hint = Some(hints::of_whose_schedule(&rejection));
        let failure = Box::new(Failure { hint, ..Failure::from(rejection) });
        ScheduleRefused::NotTaken { name: name.clone(), failure }
    };
    if caller.may(Role::Admin) {
        return Ok(());
    }
    // A module that cannot be read allows nobody.
    let revision = modules.current(job).ok().flatten();
    let allowed = revision.map(|revision| revision.manifest().schedulable_by.clone()).unwrap_or_default();
    if allowed.contains(&caller.source) {
        return Ok(());
    }
    Err(refused(Rejection::SourceNotAllowed {
        job: job.to_string(),
        source_name: caller.source.clone(),
        allowed,
    }))
}

/// Checks that the credential is for the job.
///
/// # Errors
/// `source_not_allowed`.
pub(super) fn check_credential(
    caller: &Caller,
    name: &ScheduleName,
    job: &JobName,
) -> Result<(), ScheduleRefused> {
    if caller.may_ask_for(job) {
        return Ok(());
    }
    let jobs = caller.jobs.iter().flatten().map(JobName::to_string).collect();
    let rejection =
        Rejection::NotOfCredential { job: job.to_string(), source_name: caller.source.clone(), jobs };
    Err(ScheduleRefused::NotTaken { name: name.clone(), failure: Box::new(Failure::from(rejection)) })
}
