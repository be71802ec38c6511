//! Adds up the bytes served per account from edge server logs.
//!
//! A run picks the log files that the payload names ([`files`]), reads each one once from start to end, gzipped or plain
//! ([`reader`]), in one of four formats ([`formats`]), and adds up what its lines are worth per account ([`tally`]). Whose
//! a stream is says the payload, or else the accounts service where `accounts.url` is configured; without both, all
//! streams are unknown. Where the mount `reports` is granted it leaves one report per file there ([`report_files`]), named
//! by the file's digest, for jobs that add up a month.
//!
//! Lines that cannot be read are counted and never end a run. A file that cannot be read to its end does: half a file
//! would be half a bill, and a later attempt may find it whole. Nothing grows with the size of the input, so a file of any
//! size fits the 64 MiB that the manifest asks for.

mod count;
pub mod files;
pub mod formats;
mod progress;
pub mod reader;
pub mod report_files;
pub mod tally;

use std::path::Path;

use mainworker::{Failure, Task, log};
use mainworker_models::{EdgeLogsPayload, EdgeLogsReport};
use mainworker_services::Accounts;

use progress::Progress;
use reader::LineBuffer;
use tally::{RunTally, StreamOwners};

const LOGS: &str = "/edge-logs";
const REPORTS: &str = "/reports";

/// The job: reads the mount `edge-logs`, and writes to the mount `reports` where it is granted.
///
/// # Errors
///
/// Those of [`with_accounts`] and [`process`].
#[mainworker::job]
pub fn run(task: &Task, payload: EdgeLogsPayload) -> Result<EdgeLogsReport, Failure> {
    let reports = Path::new(REPORTS);
    // The grant is optional: without it the folder does not exist.
    let reports = reports.is_dir().then_some(reports);
    let payload = with_accounts(payload)?;
    process(Path::new(LOGS), reports, payload, &task.id, &mut |percent, file| {
        mainworker::progress::report(percent, file);
    })
}

/// The payload, with the accounts service's answer where it names no accounts itself and there is such a service.
///
/// # Errors
///
/// Those of [`Accounts::streams`]: with half of the accounts, or none, the reports of a month would be wrong.
pub fn with_accounts(mut payload: EdgeLogsPayload) -> Result<EdgeLogsPayload, Failure> {
    if payload.accounts.is_none()
        && let Some(service) = Accounts::find()?
    {
        let accounts = service.streams()?;
        log::info!("accounts_read streams={}", accounts.len());
        payload.accounts = Some(accounts);
    }
    Ok(payload)
}

/// Adds up the log files under `logs` that `payload` names, and leaves a report for each in `reports`.
///
/// `task_id` only keeps two tasks that write the same report at the same time apart. `progress` is told the percentage of
/// stored bytes read, and the file, whenever the whole percentage changes.
///
/// # Errors
///
/// Rejected if the payload can never work, such as a pattern that leads out of the mount; failed if a later attempt may
/// work: nothing matches, a file cannot be read to its end, a report cannot be written.
pub fn process(
    logs: &Path,
    reports: Option<&Path>,
    payload: EdgeLogsPayload,
    task_id: &str,
    progress: &mut dyn FnMut(u8, &str),
) -> Result<EdgeLogsReport, Failure> {
    let files = files::select(logs, &payload.files)?;
    let owners = StreamOwners::new(payload.accounts.unwrap_or_default());
    let mut progress = Progress::new(files.iter().map(|file| file.size).sum(), progress);
    let mut buffer = LineBuffer::default();
    let mut run = RunTally::default();
    for file in &files {
        let counted =
            count::count(file, payload.format, &owners, reports.is_some(), &mut buffer, &mut progress)?;
        if let Some(reports) = reports {
            report_files::keep(reports, &counted.report(&file.name), task_id)?;
        }
        run.add(&counted.tally);
    }
    progress.finish();
    Ok(run.report())
}
