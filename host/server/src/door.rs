//! The door that every envelope passes, whoever brings it: job known → source → payload → configuration.

use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::modules_folder::ModulesFolder;
use crate::providers::Providers;
use crate::settings::ConfigurationSettings;
use mainworker_domain::admission::{Admitted, admit};
use mainworker_domain::catalog::KnownJob;
use mainworker_domain::envelope::Envelope;
use mainworker_sandbox::capabilities::schedule::Intake;
use mainworker_sandbox::module_file::ModuleFile;
use uuid::Uuid;

/// The jobs of a host, and its values of configuration keys.
#[derive(Clone, Debug)]
pub struct Door {
    modules: ModulesFolder,
    configuration: ConfigurationSettings,
}

impl Door {
    /// The door to the jobs in `modules`.
    pub fn new(modules: ModulesFolder, configuration: ConfigurationSettings) -> Self {
        Self { modules, configuration }
    }

    /// The envelope with its job, and the job's module.
    ///
    /// # Errors
    /// `unknown_job`, or why the module is not taken.
    pub fn find(&self, envelope: Envelope) -> Result<(KnownJob, ModuleFile), Failure> {
        self.modules.resolve(envelope)
    }

    /// The envelope with what its attempts are given.
    ///
    /// # Errors
    /// A rejection; a provider of configuration values that cannot be used.
    pub fn admit(&self, known: KnownJob) -> Result<Admitted, Failure> {
        let unusable = |problem: String| {
            let hint = "mend that file, or its permissions";
            Failure::usage("settings_invalid", format!("reading the configuration: {problem}"), hint)
        };
        let providers = Providers::open(&self.configuration)
            .map_err(|error| unusable(format!("`[configuration] files-dir`: {error}")))?;
        let admitted = admit(known, &|key| providers.value(key));
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
        let pass = || -> Result<(), Failure> {
            let (known, _) = self.find(Envelope::parse(envelope)?)?;
            Door::admit(self, known).map(drop)
        };
        pass().map_err(|failure| match failure.exit {
            ExitCode::EnvelopeRejected => format!("{}: {}", failure.code, failure.message),
            _ => {
                // Where the host keeps its modules and files is not for a job to find out.
                tracing::warn!(code = failure.code, problem = failure.message, "a task cannot be taken");
                format!("{}: the host cannot run such a task", failure.code)
            }
        })?;
        Ok(Uuid::now_v7().to_string())
    }
}
