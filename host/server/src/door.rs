//! The door that every envelope passes, whoever brings it: job known → source → payload → configuration.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::job_modules::JobModules;
use crate::providers::Providers;
use crate::settings::ConfigurationSettings;
use mainworker_domain::admission::{Admitted, Returning, admit, readmit};
use mainworker_domain::catalog::KnownJob;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::rejection::Rejection;
use mainworker_sandbox::capabilities::schedule::Intake;
use std::sync::Arc;
use uuid::Uuid;

/// The jobs of a host, and its values of configuration keys.
#[derive(Clone, Debug)]
pub struct Door {
    modules: Arc<JobModules>,
    configuration: ConfigurationSettings,
}

impl Door {
    /// The door to the jobs in `modules`.
    pub fn new(modules: Arc<JobModules>, configuration: ConfigurationSettings) -> Self {
        Self { modules, configuration }
    }

    /// The envelope with its job.
    ///
    /// # Errors
    /// `unknown_job`, or why the module is not taken.
    pub fn find(&self, envelope: Envelope) -> Result<KnownJob, Failure> {
        self.modules.resolve(envelope)
    }

    /// The envelope with what its attempts are given.
    ///
    /// # Errors
    /// A rejection; a provider of configuration values that cannot be used.
    pub fn admit(&self, known: KnownJob) -> Result<Admitted, Failure> {
        if known.revision().manifest().configuration.is_empty() {
            return Ok(admit(known, &|_| None)?);
        }
        self.with_providers(|providers| admit(known, &|key| providers.value(key)))
    }

    /// A task whose attempt begins, with what that is given.
    ///
    /// # Errors
    /// As [`Door::admit`].
    pub fn readmit(&self, task: Returning) -> Result<Admitted, Failure> {
        if task.revision.manifest().configuration.is_empty() {
            return Ok(readmit(task, &|_| None)?);
        }
        self.with_providers(|providers| readmit(task, &|key| providers.value(key)))
    }

    fn with_providers(
        &self,
        admit: impl FnOnce(&Providers<'_>) -> Result<Admitted, Rejection>,
    ) -> Result<Admitted, Failure> {
        let unusable = |problem: String| {
            let hint = "mend that file, or its permissions";
            let failure =
                Failure::usage("settings_invalid", format!("reading the configuration: {problem}"), hint);
            // For an attempt it is the host's own trouble, and the next one may find it mended.
            Failure { outcome: Outcome::HostError, ..failure }
        };
        let providers = Providers::open(&self.configuration)
            .map_err(|error| unusable(format!("`[configuration] files-dir`: {error}")))?;
        let admitted = admit(&providers);
        // A provider that failed is not a key that nobody gave.
        match providers.take_problem() {
            Some(problem) => Err(unusable(problem)),
            None => Ok(admitted?),
        }
    }
}

/// The tasks that jobs ask for while this program runs one. They are reported and go nowhere.
impl Intake for Door {
    fn admit(&self, envelope: &[u8]) -> Result<String, String> {
        let pass = || Door::admit(self, self.find(Envelope::parse(envelope)?)?).map(drop);
        pass().map_err(told_to_a_job)?;
        Ok(Uuid::now_v7().to_string())
    }
}

/// Why a task that a job asked for is not taken, as the job is told.
pub fn told_to_a_job(failure: Failure) -> String {
    match failure.exit {
        ExitCode::EnvelopeRejected => format!("{}: {}", failure.code, failure.message),
        _ => {
            // Where the host keeps its modules and files is not for a job to find out.
            tracing::warn!(code = failure.code, problem = failure.message, "a task cannot be taken");
            format!("{}: the host cannot run such a task", failure.code)
        }
    }
}
