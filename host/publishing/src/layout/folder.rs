//! The files of a layout: found from the open directory on, never by a path again, and never through a link.

use crate::repository::RepositoryError;
use mainworker_domain::digest::Digest;
use mainworker_domain::limits::LAYOUT_LOCK_MS_MAX;
use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// What makes a directory a layout.
pub(super) const LAYOUT_FILE: &str = "oci-layout";

/// Held by whoever writes. It stays: a lock that is removed is one that two can have.
const LOCK_FILE: &str = "index.json.lock";
/// A file that is not in its place yet. There is one at most, since whoever writes holds the lock.
const ASIDE: &str = ".being-written";
/// Between two looks at a lock that somebody else has.
const LOCK_LOOK: Duration = Duration::from_millis(10);

/// Files and directories that everybody may read whom the umask allows it.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// Why a file is not read.
#[derive(Debug)]
pub(super) enum FileProblem {
    /// There is none.
    Missing,
    /// A link, a pipe, a folder or the like.
    NotAFile,
    /// Larger than it may be.
    TooLarge {
        /// At least so much.
        observed_bytes: u64,
        /// So much may be.
        allowed_bytes: u64,
    },
    /// The operating system does not give it.
    Io(io::Error),
}

impl FileProblem {
    /// What it means for whoever wanted `what`.
    pub(super) fn of(self, doing: &str, what: &str) -> RepositoryError {
        let doing = doing.to_owned();
        match self {
            Self::Missing => RepositoryError::Missing { doing, what: what.to_owned() },
            Self::NotAFile => {
                let problem = format!("{what} is a link or not a regular file, expected a regular file");
                RepositoryError::Malformed { doing, problem }
            }
            Self::TooLarge { observed_bytes, allowed_bytes } => RepositoryError::TooLarge {
                doing,
                what: "the file",
                observed: format!("{observed_bytes} bytes"),
                allowed_bytes,
            },
            Self::Io(error) => RepositoryError::Unavailable { doing, problem: format!("{what}: {error}") },
        }
    }
}

impl From<Errno> for FileProblem {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::Missing,
            // What O_NOFOLLOW and O_DIRECTORY say of a link or of something that is no directory.
            Errno::LOOP | Errno::NOTDIR => Self::NotAFile,
            // What open says of a socket.
            Errno::NXIO => Self::NotAFile,
            error => Self::Io(error.into()),
        }
    }
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    held: OwnedFd,
}

impl Folder {
    pub(super) fn open(path: PathBuf) -> Result<Self, FileProblem> {
        // The directory itself may be a link: its operator names it.
        let held = rustix::fs::openat(CWD, &path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { path, held })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything of this name.
    pub(super) fn has(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::statat(&self.held, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What shows that the directory is for something else: an entry where there is no layout.
    pub(super) fn not_ours(&self) -> io::Result<Option<String>> {
        if self.has(LAYOUT_FILE)? {
            return Ok(None);
        }
        for entry in Dir::read_from(&self.held)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if matches!(name.as_ref(), "." | ".." | LOCK_FILE | ASIDE) {
                continue;
            }
            // Whoever makes a layout writes this file first, so what came meanwhile is part of one.
            return Ok(if self.has(LAYOUT_FILE)? { None } else { Some(name.into_owned()) });
        }
        Ok(None)
    }

    /// A file of the directory itself.
    pub(super) fn read(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, FileProblem> {
        read(&self.held, name, bytes_max)
    }

    /// The content of this digest, as it is there.
    pub(super) fn read_blob(&self, digest: Digest, bytes_max: u64) -> Result<Vec<u8>, FileProblem> {
        read(self.blobs()?, &digest.hex(), bytes_max)
    }

    /// The directory `blobs/sha256`.
    fn blobs(&self) -> Result<OwnedFd, FileProblem> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let blobs = rustix::fs::openat(&self.held, "blobs", flags, Mode::empty())?;
        Ok(rustix::fs::openat(blobs, "sha256", flags, Mode::empty())?)
    }

    /// Waits until nobody else writes, but not for ever: a publisher that was stopped keeps its lock.
    pub(super) fn lock(&self, doing: &str) -> Result<Writer<'_>, RepositoryError> {
        let unavailable = |problem: String| RepositoryError::Unavailable { doing: doing.to_owned(), problem };
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let lock = rustix::fs::openat(&self.held, LOCK_FILE, flags, FILE_MODE)
            .map_err(|error| unavailable(format!("`{LOCK_FILE}`: {error}")))?;
        let give_up = Instant::now() + Duration::from_millis(LAYOUT_LOCK_MS_MAX);
        loop {
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Writer { folder: self, _lock: lock }),
                Err(Errno::WOULDBLOCK) if Instant::now() < give_up => thread::sleep(LOCK_LOOK),
                Err(Errno::WOULDBLOCK) => {
                    let seconds = LAYOUT_LOCK_MS_MAX / 1000;
                    return Err(unavailable(format!("somebody else has held `{LOCK_FILE}` for {seconds} s")));
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(unavailable(format!("`{LOCK_FILE}`: {error}"))),
            }
        }
    }
}

/// Whoever may write, until it is dropped.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    folder: &'a Folder,
    _lock: OwnedFd,
}

impl Writer<'_> {
    /// Makes what a layout needs and has not.
    pub(super) fn complete(&self, version: &str, index: &[u8]) -> io::Result<()> {
        let root = &self.folder.held;
        if !self.folder.has(LAYOUT_FILE)? {
            write(root, LAYOUT_FILE, format!("{{\"imageLayoutVersion\":\"{version}\"}}").as_bytes())?;
        }
        make_folder(root, "blobs")?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        make_folder(&rustix::fs::openat(root, "blobs", flags, Mode::empty())?, "sha256")?;
        if !self.folder.has(super::index::FILE)? {
            self.write_index(index)?;
        }
        Ok(())
    }

    /// Keeps content under its digest. What stood there is replaced.
    pub(super) fn write_blob(&self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        write(self.folder.blobs().map_err(to_io)?, &digest.hex(), bytes)
    }

    pub(super) fn write_index(&self, bytes: &[u8]) -> io::Result<()> {
        write(&self.folder.held, super::index::FILE, bytes)
    }

    /// Removes all contents but these; how many went.
    pub(super) fn remove_blobs_but(&self, kept: impl Fn(&str) -> bool) -> io::Result<usize> {
        let blobs = self.folder.blobs().map_err(to_io)?;
        let mut removed = 0;
        for entry in Dir::read_from(&blobs)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if matches!(name.as_ref(), "." | "..") || kept(&name) {
                continue;
            }
            match rustix::fs::unlinkat(&blobs, entry.file_name(), AtFlags::empty()) {
                Ok(()) => removed += 1,
                // A folder that somebody put there is nothing of ours.
                Err(Errno::ISDIR | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        rustix::fs::fsync(&blobs)?;
        Ok(removed)
    }
}

fn read(folder: impl AsFd, name: &str, bytes_max: u64) -> Result<Vec<u8>, FileProblem> {
    // Not waiting: a pipe could stand there.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(FileProblem::NotAFile);
    }
    let too_large = |observed_bytes| FileProblem::TooLarge { observed_bytes, allowed_bytes: bytes_max };
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size > bytes_max {
        return Err(too_large(size));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // It may grow while it is read.
    File::from(file).take(bytes_max + 1).read_to_end(&mut bytes).map_err(FileProblem::Io)?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Writes a file beside its place and renames it, so that whoever looks finds all of it or what was there before, also after
/// the power failed.
fn write(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    // One that was left by a publisher that did not come to its end.
    match rustix::fs::unlinkat(&folder, ASIDE, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(&folder, ASIDE, flags, FILE_MODE)?);
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| {
        rustix::fs::renameat(&folder, ASIDE, &folder, name)?;
        Ok(rustix::fs::fsync(&folder)?)
    });
    if written.is_err() {
        let _ = rustix::fs::unlinkat(&folder, ASIDE, AtFlags::empty());
    }
    written
}

fn make_folder(parent: &OwnedFd, name: &str) -> io::Result<()> {
    match rustix::fs::mkdirat(parent, name, FOLDER_MODE) {
        Ok(()) => Ok(rustix::fs::fsync(parent)?),
        Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn to_io(problem: FileProblem) -> io::Error {
    match problem {
        FileProblem::Io(error) => error,
        FileProblem::Missing => io::Error::new(io::ErrorKind::NotFound, "`blobs/sha256` is not there"),
        _ => io::Error::new(io::ErrorKind::NotADirectory, "`blobs/sha256` is a link or not a directory"),
    }
}
