//! A folder of reports, and the job over it.

use std::fs;
use std::path::PathBuf;

use account_bandwidth::sum;
use mainworker::Failure;
use mainworker::testing::{Host, answer};
use mainworker_models::{AccountBandwidthPayload, AccountBandwidthReport};
use serde_json::{Value, json};
use tempfile::TempDir;

const PLANS: &str = "https://accounts.example/plans";

/// The mount `reports` of one test.
pub(crate) struct Reports {
    folder: TempDir,
}

impl Reports {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    #[must_use]
    pub(crate) fn with_file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.path().join(name), bytes).unwrap();
        self
    }

    /// The report on the log file `number`.
    #[must_use]
    pub(crate) fn with(self, number: u64, months: Value) -> Self {
        let report = report(number, &format!("{number}.log"), months);
        self.with_file(&format!("{}.json", digest(number)), report.to_string())
    }

    /// Runs the job for May 2015.
    pub(crate) fn run(&self, host: &Host) -> Result<AccountBandwidthReport, Failure> {
        let payload = AccountBandwidthPayload { month: "2015-05".parse().unwrap() };
        host.run(|| sum(&self.path(), &payload))
    }

    /// Why the job fails for May 2015, before it asks for anything.
    pub(crate) fn failure(&self) -> String {
        let host = host(&json!({}));
        let failure = self.run(&host).unwrap_err();
        assert_eq!(failure, Failure::failed(failure.message()));
        assert_eq!(host.requests(), []);
        failure.message().to_owned()
    }
}

/// The digest of the log file `number`.
pub(crate) fn digest(number: u64) -> String {
    format!("{number:064x}")
}

pub(crate) fn report(number: u64, file: &str, months: Value) -> Value {
    json!({
        "digest": digest(number), "file": file, "format": "combined",
        "lines": 1, "broken": 0, "bytes": 1, "months": months,
    })
}

/// What accounts served in May 2015, in one log file.
pub(crate) fn may(accounts: &[(&str, u64)]) -> Value {
    let totals = |bytes: u64| json!({ "bytes": bytes, "requests": 1 });
    let accounts: Value =
        accounts.iter().map(|(account, bytes)| ((*account).to_owned(), totals(*bytes))).collect();
    json!({ "2015-05": { "accounts": accounts, "unknown": {} } })
}

/// A host whose accounts service knows these plans.
pub(crate) fn host(plans: &Value) -> Host {
    Host::new()
        .config("accounts.url", "https://accounts.example")
        .config("accounts.token", "sample-token")
        .http(answer("GET", PLANS).json(200, &json!({ "plans": plans })))
}
