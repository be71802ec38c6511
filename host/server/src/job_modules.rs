//! The jobs of a host: what was deployed, or, for whoever develops them, the modules of a folder.
//!
//! What is known of a job is its module's own description; no module is compiled or run to know it.

mod deployed;
mod folder;

pub use deployed::{Current, DeployedModules, Pinned, modules_layout};

use crate::failure::Failure;
use crate::modules_folder::ModulesFolder;
use folder::FolderModules;
use mainworker_domain::catalog::{Catalog, KnownJob, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::job_name::JobName;
use mainworker_domain::rejection::Rejection;
use mainworker_sandbox::module_file::ModuleFile;
use std::sync::Arc;

/// Where a host's modules come from.
#[derive(Clone, Debug)]
pub enum ModuleSource {
    /// What was deployed to it: modules that somebody vouches for.
    Deployed,
    /// A folder, for trying things out.
    Folder(ModulesFolder),
}

/// The jobs that there are. Shared by all that asks for one.
#[derive(Debug)]
pub struct JobModules(From);

#[derive(Debug)]
enum From {
    Folder(FolderModules),
    Deployed(Arc<DeployedModules>),
}

impl JobModules {
    /// The jobs whose modules are in `folder`.
    pub fn of(folder: ModulesFolder) -> Self {
        Self(From::Folder(FolderModules::of(folder)))
    }

    /// The jobs that were deployed.
    pub fn deployed(modules: Arc<DeployedModules>) -> Self {
        Self(From::Deployed(modules))
    }

    /// What was deployed; none where the modules are those of a folder.
    pub fn as_deployed(&self) -> Option<&Arc<DeployedModules>> {
        match &self.0 {
            From::Deployed(modules) => Some(modules),
            From::Folder(_) => None,
        }
    }

    /// The names of the jobs, sorted; none if the folder cannot be listed.
    pub fn names(&self) -> Vec<JobName> {
        match &self.0 {
            From::Folder(modules) => modules.names(),
            From::Deployed(modules) => modules.names(),
        }
    }

    /// The revision that is current for the job; none where there is no such job.
    ///
    /// # Errors
    /// A module that cannot be read, is refused, or is that of another job.
    pub fn current(&self, name: &JobName) -> Result<Option<Arc<Revision>>, Failure> {
        match &self.0 {
            From::Folder(modules) => modules.current(name),
            From::Deployed(modules) => modules.current(name),
        }
    }

    /// The module file of one revision of the job, read and admitted again.
    ///
    /// # Errors
    /// As [`JobModules::current`]; `module_unavailable` if it is not there.
    pub fn module(&self, name: &JobName, revision: Digest) -> Result<ModuleFile, Failure> {
        match &self.0 {
            From::Folder(modules) => modules.module(name, revision),
            From::Deployed(modules) => modules.module(name, revision),
        }
    }

    /// The revision that is current for the job of this name.
    ///
    /// # Errors
    /// `unknown_job`, or why the job's module is not taken.
    pub fn find(&self, name: &str) -> Result<Arc<Revision>, Failure> {
        let catalog = self.catalog_for(name)?;
        catalog.find(name).map(Arc::clone).map_err(|rejection| self.unknown(rejection))
    }

    /// The envelope with its job.
    ///
    /// # Errors
    /// As [`JobModules::find`].
    pub fn resolve(&self, envelope: Envelope) -> Result<KnownJob, Failure> {
        let catalog = self.catalog_for(envelope.job_name())?;
        catalog.resolve(envelope).map_err(|rejection| self.unknown(rejection))
    }

    fn unknown(&self, rejection: Rejection) -> Failure {
        match &self.0 {
            From::Folder(modules) => modules.unknown(rejection),
            From::Deployed(modules) => modules.unknown(rejection),
        }
    }

    /// The job of this name alone, or the names of all of them.
    fn catalog_for(&self, name: &str) -> Result<Catalog, Failure> {
        let current = match JobName::parse(name) {
            Ok(name) => self.current(&name)?,
            Err(_) => None,
        };
        Ok(match current {
            Some(revision) => Catalog::of([revision]),
            None => {
                let names = self.names();
                Catalog::default().proposing(names.iter().map(JobName::to_string).collect())
            }
        })
    }
}
