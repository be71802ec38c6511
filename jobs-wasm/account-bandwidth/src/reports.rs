//! The reports that the job `edge-logs` leaves: what each account served in a month.
//!
//! A report is `DIGEST.json`, with the digest of the log file's bytes. Names that begin with a dot are files being written,
//! and left alone; anything else is foreign. The folder is not searched deeper, and symbolic links are not followed: a
//! report counts once, whatever else it is called.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use mainworker::{Context, Failure, log};
use mainworker_models::{Account, FileReport, Month};

/// Bytes of a report that is read. It holds at most 25 months, each with every account of the company and a thousand
/// unknown names.
const REPORT_BYTES_MAX: u64 = 16 << 20;

/// Foreign files that the log names; more are only counted.
const FOREIGN_NAMED_MAX: u64 = 20;

/// Repeated log files that are named. Whoever has more looks at the edge servers, not at the list.
const REPEATED_NAMED_MAX: usize = 100;

/// What was served in a month, by all reports together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Reports read.
    pub files: u64,
    /// Files that are no reports.
    pub foreign_files: u64,
    /// Bytes of each account that served anything.
    pub accounts: BTreeMap<Account, u64>,
    /// Bytes of streams without an account.
    pub unknown_bytes: u64,
    /// Log files with several reports of the month, of other bytes each.
    pub repeated_files: BTreeSet<String>,
    files_seen: HashSet<String>,
}

/// Adds up `month` in the reports in `folder`.
///
/// # Errors
///
/// Failed if the folder cannot be listed, or a report cannot be read or is damaged.
pub fn read(folder: &Path, month: Month) -> Result<Served, Failure> {
    let mut served = Served::default();
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(|error| unlisted(&error))? {
        let entry = entry.map_err(|error| unlisted(&error))?;
        let (name, is_file) = described(&entry)?;
        if name.starts_with('.') {
            continue;
        }
        if is_file && digest_of(&name).is_some() {
            names.insert(name);
        } else {
            served.foreign_files += 1;
            if served.foreign_files <= FOREIGN_NAMED_MAX {
                log::warn!("foreign_file name={name}");
            }
        }
    }
    // In order, so that of several damaged reports always the same one is named.
    let month = month.to_string();
    for name in &names {
        let report = read_report(folder, name)?;
        served.add(&report, &month);
    }
    Ok(served)
}

impl Served {
    fn add(&mut self, report: &FileReport, month: &str) {
        self.files += 1;
        let Some(totals) = report.months.get(month) else { return };
        if !self.files_seen.insert(report.file.clone()) && self.repeated_files.len() < REPEATED_NAMED_MAX {
            log::warn!("log_file_repeated file={}", report.file);
            self.repeated_files.insert(report.file.clone());
        }
        for (account, totals) in totals.accounts.iter().filter(|(_, totals)| totals.bytes > 0) {
            let sum = self.accounts.entry(account.clone()).or_default();
            *sum = sum.saturating_add(totals.bytes);
        }
        for totals in totals.unknown.values() {
            self.unknown_bytes = self.unknown_bytes.saturating_add(totals.bytes);
        }
    }
}

fn described(entry: &DirEntry) -> Result<(String, bool), Failure> {
    let name = entry.file_name().to_string_lossy().into_owned();
    let kind = entry.file_type().with_context(|| format!("looking at `{name}` in the mount `reports`"))?;
    Ok((name, kind.is_file()))
}

/// The digest that a report's name says.
fn digest_of(name: &str) -> Option<&str> {
    const DIGITS: usize = 64;
    let digest = name.strip_suffix(".json")?;
    let digits = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digest.len() == DIGITS && digits).then_some(digest)
}

fn read_report(folder: &Path, name: &str) -> Result<FileReport, Failure> {
    let doing = || format!("reading the report `{name}`");
    let mut text = Vec::new();
    let file = File::open(folder.join(name)).with_context(doing)?;
    // One byte more than allowed, so that a larger one shows.
    file.take(REPORT_BYTES_MAX + 1).read_to_end(&mut text).with_context(doing)?;
    let damaged = |found: String| {
        let expected = "expected what the job `edge-logs` writes";
        Failure::failed(format!("the report `{name}` is damaged: it {found}; {expected}"))
    };
    if text.len() as u64 > REPORT_BYTES_MAX {
        return Err(damaged(format!("has more than {REPORT_BYTES_MAX} bytes")));
    }
    let report: FileReport =
        serde_json::from_slice(&text).map_err(|error| damaged(format!("is none: {error}")))?;
    if digest_of(name) != Some(&report.digest) {
        let shown: String = report.digest.chars().take(80).collect();
        return Err(damaged(format!("is of the file with the digest `{}`", shown.escape_debug())));
    }
    Ok(report)
}

fn unlisted(error: &io::Error) -> Failure {
    Failure::failed(match error.kind() {
        ErrorKind::NotFound => "the mount `reports` is not there".to_owned(),
        _ => format!("listing the mount `reports`: {error}"),
    })
}
