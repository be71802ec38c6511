//! Modules of a folder, for whoever develops them: read again only where a file has changed. Nobody vouches for them.

use crate::failure::Failure;
use crate::modules_folder::ModulesFolder;
use mainworker_domain::catalog::Revision;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::rejection::Rejection;
use mainworker_sandbox::module_file::ModuleFile;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The modules of the folder.
#[derive(Debug)]
pub(super) struct FolderModules {
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

impl FolderModules {
    /// The jobs whose modules are in `folder`.
    pub(super) fn of(folder: ModulesFolder) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// The names that have a module file, sorted; none if the folder cannot be listed.
    pub(super) fn names(&self) -> Vec<JobName> {
        self.folder.names().unwrap_or_default()
    }

    /// The revision that is current for the job; none where there is no file for it.
    ///
    /// # Errors
    /// A file that cannot be read, is refused, or is the module of another job.
    pub(super) fn current(&self, name: &JobName) -> Result<Option<Arc<Revision>>, Failure> {
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

    /// An unknown job, with where it was looked for if that is not there at all.
    pub(super) fn unknown(&self, rejection: Rejection) -> Failure {
        self.folder.unknown(rejection)
    }

    /// The module file of one revision of the job, read and admitted again.
    ///
    /// # Errors
    /// As [`FolderModules::current`]; `module_unavailable` if there is none, or another one by now.
    pub(super) fn module(&self, name: &JobName, revision: Digest) -> Result<ModuleFile, Failure> {
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
