//! One report per log file, kept in the mount `reports` under the digest of the file's bytes.
//!
//! A report appears whole or not at all: it is written aside, brought to the disk and then renamed. The same file gives the
//! same bytes, so a run that is repeated, or killed and tried again, changes nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use mainworker::Failure;
use mainworker_models::FileReport;

/// Writes `report` into `folder`, unless it already is there with the same bytes.
///
/// # Errors
///
/// Failed, naming the report, if it cannot be written; nothing is left aside then.
pub fn keep(folder: &Path, report: &FileReport, task_id: &str) -> Result<(), Failure> {
    let name = format!("{}.json", report.digest);
    keep_bytes(folder, &name, &aside_name(report, task_id), report).map_err(|error| {
        Failure::failed(format!("writing report `{name}` to the mount `reports`: {}", reason(&error)))
    })
}

fn keep_bytes(folder: &Path, name: &str, aside: &str, report: &FileReport) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(report)?;
    bytes.push(b'\n');
    let (target, aside) = (folder.join(name), folder.join(aside));
    if holds(&target, &bytes) {
        // An attempt that was killed between writing and renaming has left its copy.
        return remove_if_there(&aside);
    }
    let kept = write_through(&aside, &bytes).and_then(|()| fs::rename(&aside, &target));
    if kept.is_err() {
        // The first error is the one to tell; a second one here would only hide it.
        let _ = remove_if_there(&aside);
    }
    kept
}

/// Two tasks can keep a report of the same file at the same time, each needs a name of its own; attempts of one task
/// follow each other, and the next takes over what a killed one left.
fn aside_name(report: &FileReport, task_id: &str) -> String {
    let task: String = task_id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!(".{}.{task}.tmp", report.digest)
}

fn holds(target: &Path, bytes: &[u8]) -> bool {
    // Looking at the length first bounds what is read, whatever lies there.
    fs::metadata(target).is_ok_and(|found| found.len() == bytes.len() as u64)
        && fs::read(target).is_ok_and(|found| found == bytes)
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `EIO` of wasi-libc.
const WASI_EIO: i32 = 29;

fn reason(error: &io::Error) -> String {
    match error.kind() {
        // What WASI 0.2 makes of any failed write, a full disk above all.
        _ if cfg!(target_arch = "wasm32") && error.raw_os_error() == Some(WASI_EIO) => {
            format!("{error}; most likely there is no space left")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "no space left".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disk_is_named() {
        assert_eq!(reason(&io::Error::from(ErrorKind::StorageFull)), "no space left");
        assert_eq!(reason(&io::Error::from(ErrorKind::QuotaExceeded)), "no space left");
        assert_eq!(reason(&io::Error::other("odd")), "odd");
    }
}
