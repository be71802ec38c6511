//! A folder of log files, and the job over it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use edge_logs::process;
use flate2::Compression;
use flate2::write::GzEncoder;
use mainworker::Failure;
use mainworker_models::{EdgeLogsPayload, EdgeLogsReport, LogFormat};
use tempfile::TempDir;

/// The two mounts of one test.
pub(crate) struct Edge {
    folder: TempDir,
}

impl Edge {
    pub(crate) fn new() -> Self {
        let edge = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(edge.logs()).unwrap();
        fs::create_dir(edge.reports()).unwrap();
        edge
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.path().join("edge-logs")
    }

    pub(crate) fn reports(&self) -> PathBuf {
        self.folder.path().join("reports")
    }

    #[must_use]
    pub(crate) fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.logs().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn run(&self, payload: EdgeLogsPayload) -> Result<EdgeLogsReport, Failure> {
        process(&self.logs(), None, payload, "task-1", &mut |_, _| {})
    }

    pub(crate) fn run_with_reports(&self, payload: EdgeLogsPayload) -> Result<EdgeLogsReport, Failure> {
        process(&self.logs(), Some(&self.reports()), payload, "task-1", &mut |_, _| {})
    }

    /// Names in the mount `reports`, sorted, with the content of each.
    pub(crate) fn kept(&self) -> Vec<(String, Vec<u8>)> {
        let mut kept: Vec<_> = fs::read_dir(self.reports())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())
            })
            .collect();
        kept.sort();
        kept
    }
}

/// All files, in any format, with these accounts.
pub(crate) fn payload(accounts: &[(&str, &str)]) -> EdgeLogsPayload {
    let accounts = accounts.iter().map(|(stream, account)| ((*stream).to_owned(), (*account).to_owned()));
    EdgeLogsPayload {
        files: vec!["**/*".to_owned()],
        format: LogFormat::Auto,
        accounts: (accounts.len() > 0).then(|| accounts.collect()),
    }
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A line of the combined format, without its line break.
pub(crate) fn combined(stream: &str, bytes: u64) -> String {
    combined_at("17/May/2015:10:05:03 +0000", stream, bytes)
}

pub(crate) fn combined_at(date: &str, stream: &str, bytes: u64) -> String {
    format!(
        "93.184.216.34 - - [{date}] \"GET /{stream}/1.ts HTTP/1.1\" 200 {bytes} \"-\" \"Mozilla/5.0 (X11)\""
    )
}

/// The real log beside the checkout, where there is one.
pub(crate) fn access_log() -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/edge-logs/access.log");
    fs::read(path).ok()
}
