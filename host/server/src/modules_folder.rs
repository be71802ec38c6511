//! A folder of module files, `NAME.wasm` for the job NAME.

use crate::failure::Failure;
use mainworker_domain::digest::Digest;
use mainworker_domain::job_name::JobName;
use mainworker_domain::limits::MODULE_BYTES_MAX;
use mainworker_domain::rejection::Rejection;
use mainworker_publishing::repository::digest_of;
use mainworker_sandbox::module_file::ModuleFile;
use mainworker_sandbox::refusal::ModuleRefusal;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Opening does not wait.
#[expect(clippy::cast_possible_wrap, reason = "the flags of open(2) are small")]
pub const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// The folder.
#[derive(Clone, Debug)]
pub struct ModulesFolder {
    folder: PathBuf,
}

impl ModulesFolder {
    /// The folder at `path`, which need not be there.
    pub fn at(path: PathBuf) -> Self {
        Self { folder: path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The names that have a file, sorted.
    ///
    /// # Errors
    /// A folder that is there and cannot be listed.
    pub fn names(&self) -> Result<Vec<JobName>, Failure> {
        let unavailable = |error: std::io::Error| {
            Failure::unavailable(
                format!("listing the modules in `{}`: {error}", self.folder.display()),
                "`--modules DIR` names another folder; `mainworker module build` makes modules",
            )
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unavailable)? {
            let name = entry.map_err(unavailable)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".wasm"));
            names.extend(name.and_then(|name| JobName::parse(name).ok()));
        }
        names.sort();
        Ok(names)
    }

    /// The admitted module of the job, or none where there is no file for it.
    ///
    /// # Errors
    /// A file that cannot be read, is refused, or is the module of another job.
    pub fn read(&self, name: &JobName) -> Result<Option<ModuleFile>, Failure> {
        self.bytes(name)?.map(|bytes| self.named(name, bytes)).transpose()
    }

    /// The module file of one revision of the job; none where there is no such file, and the digest of what is there instead if
    /// that is another. A file that is half written, or of another job, is no more than that: another.
    ///
    /// # Errors
    /// A file that cannot be read, or is that revision and refused all the same.
    pub fn read_revision(
        &self,
        name: &JobName,
        revision: Digest,
    ) -> Result<Option<Result<ModuleFile, Digest>>, Failure> {
        let Some(bytes) = self.bytes(name)? else { return Ok(None) };
        match digest_of(&bytes) {
            found if found == revision => self.named(name, bytes).map(Ok).map(Some),
            found => Ok(Some(Err(found))),
        }
    }

    fn bytes(&self, name: &JobName) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.file(name);
        if matches!(fs::symlink_metadata(&path), Err(error) if error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        read_limited(&path).map(Some)
    }

    fn file(&self, name: &JobName) -> PathBuf {
        self.folder.join(format!("{name}.wasm"))
    }

    fn named(&self, name: &JobName, bytes: Vec<u8>) -> Result<ModuleFile, Failure> {
        let path = self.file(name);
        let module = ModuleFile::admit(bytes);
        let module = module.map_err(|refusal| Failure::module(path.display(), &refusal))?;
        let found = &module.revision().manifest().job.name;
        if found != name {
            let refusal = ModuleRefusal::OtherName { expected: name.to_string(), found: found.to_string() };
            return Err(Failure::module(path.display(), &refusal));
        }
        Ok(module)
    }

    /// What the system knows of the job's module file; none where there is no such file.
    pub fn metadata(&self, name: &JobName) -> Option<fs::Metadata> {
        fs::metadata(self.file(name)).ok()
    }

    /// An unknown job, with where it was looked for if that is not there at all.
    pub fn unknown(&self, rejection: Rejection) -> Failure {
        let mut failure = Failure::from(rejection);
        if !self.folder.is_dir() {
            failure.hint = Some(format!(
                "the modules folder `{}` is not there: name it with `--modules DIR`, or make modules with `mainworker module build`",
                self.folder.display()
            ));
        }
        failure
    }
}

/// Reads and admits a module file.
///
/// # Errors
/// A file that cannot be read or is refused.
pub fn read_module(path: &Path) -> Result<ModuleFile, Failure> {
    let bytes = read_limited(path)?;
    ModuleFile::admit(bytes).map_err(|refusal| Failure::module(path.display(), &refusal))
}

/// The bytes of a file that could be a module, no more than a module may have and one.
///
/// # Errors
/// A file that cannot be read.
pub fn read_limited(path: &Path) -> Result<Vec<u8>, Failure> {
    let unavailable = |error: std::io::Error| {
        Failure::unavailable(
            format!("reading the module `{}`: {error}", path.display()),
            "check the path and its permissions; `mainworker module build` makes modules",
        )
    };
    let mut bytes = Vec::new();
    // Opening a pipe would wait for whoever writes into it.
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path).map_err(unavailable)?;
    if !file.metadata().map_err(unavailable)?.is_file() {
        return Err(unavailable(std::io::Error::other("found something else, expected a file")));
    }
    file.take(MODULE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unavailable)?;
    Ok(bytes)
}
