//! The jobs of a running host: the modules folder, read again only where a file has changed.
//!
//! What is known of a job is its module's own description; no module is compiled or run to know it.

use crate::failure::Failure;
use crate::modules_folder::ModulesFolder;
use mainworker_domain::catalog::{Catalog, KnownJob, Revision};
use mainworker_domain::digest::Digest;
use mainworker_domain::envelope::Envelope;
use mainworker_domain::job_name::JobName;
use mainworker_sandbox::module_file::ModuleFile;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The jobs that there are. Shared by all that asks for one.
#[derive(Debug)]
pub struct JobModules {
    folder: ModulesFolder,
    known: Mutex<BTreeMap<JobName, Known>>,
}

/// A module file as it was read last.
#[derive(Clone, Debug)]
struct Known {
    stamp: Stamp,
    revision: Result<Arc<Revision>, Failure>,
}

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl JobModules {
    /// The jobs whose modules are in `folder`.
    pub fn of(folder: ModulesFolder) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// The folder.
    pub fn folder(&self) -> &ModulesFolder {
        &self.folder
    }

    /// The names that have a module file, sorted; none if the folder cannot be listed.
    pub fn names(&self) -> Vec<JobName> {
        self.folder.names().unwrap_or_default()
    }

    /// The revision that is current for the job; none where there is no file for it.
    ///
    /// # Errors
    /// A file that cannot be read, is refused, or is the module of another job.
    pub fn current(&self, name: &JobName) -> Result<Option<Arc<Revision>>, Failure> {
        // Looked at before it is read: a file that changes in between is read again next time.
        let Some(stamp) = self.stamp(name) else {
            self.known().remove(name);
            return Ok(None);
        };
        if let Some(known) = self.known().get(name)
            && known.stamp == stamp
        {
            return known.revision.clone().map(Some);
        }
        let read = match self.folder.read(name) {
            Ok(Some(module)) => Ok(Arc::clone(module.revision())),
            Ok(None) => return Ok(None),
            Err(failure) => Err(failure),
        };
        self.known().insert(name.clone(), Known { stamp, revision: read.clone() });
        read.map(Some)
    }

    /// The revision that is current for the job of this name.
    ///
    /// # Errors
    /// `unknown_job`, or why the job's module is not taken.
    pub fn find(&self, name: &str) -> Result<Arc<Revision>, Failure> {
        let catalog = self.catalog_for(name)?;
        catalog.find(name).map(Arc::clone).map_err(|rejection| self.folder.unknown(rejection))
    }

    /// The envelope with its job.
    ///
    /// # Errors
    /// As [`JobModules::find`].
    pub fn resolve(&self, envelope: Envelope) -> Result<KnownJob, Failure> {
        let catalog = self.catalog_for(envelope.job_name())?;
        catalog.resolve(envelope).map_err(|rejection| self.folder.unknown(rejection))
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

    /// The module file of one revision of the job, read and admitted again.
    ///
    /// # Errors
    /// As [`JobModules::current`]; `module_unavailable` if there is none, or another one by now.
    pub fn module(&self, name: &JobName, revision: Digest) -> Result<ModuleFile, Failure> {
        let gone = |found: String| {
            Failure::unavailable(
                format!(
                    "revision {revision} of `{name}` is not in `{}` any more, found {found}",
                    self.folder.path().display()
                ),
                "put it back; with `[run] revision = \"newest\"` in job.toml tasks take whichever is there",
            )
        };
        match self.folder.read_revision(name, revision)? {
            Some(Ok(module)) => Ok(module),
            Some(Err(found)) => Err(gone(found.to_string())),
            None => Err(gone("no module of that job".to_owned())),
        }
    }

    fn stamp(&self, name: &JobName) -> Option<Stamp> {
        let metadata = self.folder.metadata(name)?;
        Some(Stamp {
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<JobName, Known>> {
        // Entries are put in whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
