//! A host with all of the company's jobs, settings for them, and the services that they call.
//!
//! Each service has a token of its own with the canary in it, so every run here also shows that no token is seen anywhere
//! but by its service.

use crate::finished::Printed;
use crate::host::{CANARY, Invocation, TestHost, envelope};
use crate::services::{COMPANY, NOBODY, OTHER_NAME, Service};
use crate::serving::Serving;
use serde_json::Value;
use std::fmt::Write;

const JOBS: [&str; 5] = ["account-bandwidth", "archive-stream", "charge-accounts", "edge-logs", "send-email"];

const MOUNTS: [(&str, &str); 4] =
    [("edge-logs", "read"), ("reports", "read-write"), ("recordings", "read"), ("archive", "read-write")];

/// What each service's URL has behind its origin.
pub(crate) const BASE: &str = "/v1";

/// The token of a service.
pub(crate) fn token(service: &str) -> String {
    format!("{service}-{CANARY}")
}

pub(crate) struct Company {
    pub(crate) host: TestHost,
    settings: String,
    /// Names of services and where they are.
    services: Vec<(&'static str, String)>,
}

impl Company {
    /// With these services.
    pub(crate) fn with(services: &[(&'static str, &Service)]) -> Self {
        let at = services.iter().map(|(name, service)| (*name, service.origin()));
        Self::at(&at.collect::<Vec<_>>())
    }

    /// With services at these origins.
    pub(crate) fn at(services: &[(&'static str, String)]) -> Self {
        let host = TestHost::with_jobs(&JOBS);
        let origins: Vec<String> = services.iter().map(|(_, origin)| format!("{origin:?}")).collect();
        let nobody = NOBODY.split(':').next().unwrap_or_default();
        let mut settings = format!(
            "[http]\nallow = [{}]\nallow-private = [\"127.0.0.1\", \"{nobody}\"]\nca-file = \"ca.pem\"\n",
            origins.join(", ")
        );
        for (mount, access) in MOUNTS {
            host.folder(mount);
            write!(settings, "[files.{mount}]\npath = \"{mount}\"\naccess = \"{access}\"\n")
                .expect("a string");
        }
        settings.push_str("[configuration]\nfiles-dir = \"secrets\"\n[configuration.values]\n");
        host.folder("secrets").write("ca.pem", format!("{}{}", COMPANY.pem, OTHER_NAME.pem));
        for (name, origin) in services {
            writeln!(settings, "\"{name}.url\" = \"{origin}{BASE}\"").expect("a string");
            host.write(&format!("secrets/{name}.token"), format!("{}\n", token(name)));
        }
        host.settings(&settings);
        Self { host, settings, services: services.to_vec() }
    }

    /// Serves, with these lines before the settings.
    pub(crate) fn serve(&self, lines: &str) -> Serving<'_> {
        self.host.serve(&format!("{lines}\n{}", self.settings))
    }

    /// A run of a job.
    pub(crate) fn run(&self, job: &str, source: &str, payload: Value) -> Invocation<'_> {
        self.host.run(&envelope(job, source, payload))
    }

    /// The report of a run that ends with this exit code and outcome.
    #[track_caller]
    pub(crate) fn report(&self, job: &str, source: &str, payload: Value, end: (i32, &str)) -> Value {
        let report = self.run(job, source, payload).arg("--json").finish().exits(end.0).report();
        assert_eq!(report["outcome"], end.1, "{report}");
        report
    }

    /// What a person sees of a run, with names instead of the services' addresses.
    pub(crate) fn seen(&self, printed: &Printed) -> String {
        self.services.iter().fold(printed.stderr(), |seen, (name, origin)| {
            let authority = origin.split("//").nth(1).unwrap_or_default();
            seen.replace(authority, &format!("[{name}]"))
        })
    }
}
