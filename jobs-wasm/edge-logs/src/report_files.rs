//! One report per log file, kept in the mount `reports` under the digest of the file's bytes.
//!
//! A report appears whole or not at all: it is written aside, brought to the disk and then renamed. The same file gives the
//! same bytes, so a run that is repeated, or killed and tried again, changes nothing.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use mainworker::Failure;
use mainworker_models::FileReport;
use whole_files::{WholeFile, reason, remove_aside};

/// Writes `report` into `folder`, unless it already is there with the same bytes. `task_id` keeps two tasks apart that keep
/// a report of the same file at the same time.
///
/// # Errors
///
/// Failed, naming the report, if it cannot be written; nothing is left aside then.
pub fn keep(folder: &Path, report: &FileReport, task_id: &str) -> Result<(), Failure> {
    let name = format!("{}.json", report.digest);
    keep_bytes(&folder.join(&name), report, task_id).map_err(|error| {
        Failure::failed(format!("writing report `{name}` to the mount `reports`: {}", reason(&error)))
    })
}

fn keep_bytes(target: &Path, report: &FileReport, task_id: &str) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(report)?;
    bytes.push(b'\n');
    if holds(target, &bytes) {
        return remove_aside(target, task_id);
    }
    let mut file = WholeFile::create(target, task_id)?;
    file.write_all(&bytes)?;
    file.keep()
}

fn holds(target: &Path, bytes: &[u8]) -> bool {
    // Looking at the length first bounds what is read, whatever lies there.
    fs::metadata(target).is_ok_and(|found| found.len() == bytes.len() as u64)
        && fs::read(target).is_ok_and(|found| found == bytes)
}
