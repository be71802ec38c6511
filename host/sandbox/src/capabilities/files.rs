//! Files: named folders of the host, each held open and found by the guest at `/NAME`.
//!
//! A [`Mount`] is opened once, so a folder that is renamed or replaced afterwards changes nothing for running jobs; and
//! every path that a guest gives is resolved below that open folder, `..` and symbolic links included. No other path
//! exists for a guest. Writable mounts keep a floor of free space, looked at before an attempt and while it runs.

mod read_stream;

use crate::refusal::GrantRefusal;
use crate::state::State;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use mainworker_domain::limits::{Limit, Limits, READ_AHEAD_STREAMS_MAX};
use mainworker_domain::manifest::{Access, FileGrant, Manifest};
use mainworker_domain::nearest::nearest;
use mainworker_domain::outcome::LimitBreach;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// `/proc` and `/sys`, by what `statfs` says of them (linux/magic.h).
const KERNEL_FILE_SYSTEMS: [i64; 2] = [0x9fa0, 0x6265_6572];

/// The mounts of a host, by name.
pub type Mounts = BTreeMap<String, Mount>;

/// One folder of the host.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// What jobs may do there at the most.
    pub access: Access,
}

/// A mount that an attempt was granted.
#[derive(Clone, Debug)]
pub struct GrantedMount {
    name: String,
    access: Access,
    dir: Arc<Dir>,
}

impl Mount {
    /// Opens the folder.
    ///
    /// # Errors
    /// What the operating system says, for a folder that is not there, is no folder or cannot be read.
    pub fn open(&self) -> io::Result<Dir> {
        let dir = Dir::open_ambient_dir(&self.path, ambient_authority())?;
        // Opening needs less than reading; a folder that cannot be listed should be found here and not by a job.
        dir.entries()?;
        // The host's own memory, environment and open files are files there.
        let file_system = rustix::fs::fstatfs(&dir)?.f_type;
        if KERNEL_FILE_SYSTEMS.contains(&file_system) {
            return Err(io::Error::other("it is a file system of the kernel, expected a folder of files"));
        }
        Ok(dir)
    }
}

impl GrantedMount {
    /// The mount's name; the guest finds it at `/NAME`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the job may do there.
    pub fn access(&self) -> Access {
        self.access
    }

    /// A breach, if the file system behind a writable mount has less free space than its floor.
    pub(crate) fn free_space_breach(&self, limits: &Limits) -> Option<LimitBreach> {
        if self.access != Access::ReadWrite {
            return None;
        }
        let allowed = limits.get(Limit::FreeSpace);
        let stat = rustix::fs::fstatvfs(&*self.dir).ok()?;
        let observed = stat.f_bavail.saturating_mul(stat.f_frsize);
        (observed < allowed).then_some(LimitBreach { limit: Limit::FreeSpace, observed, allowed })
    }
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    preopens::add_to_linker::<State, WasiFilesystem>(linker, State::filesystem)?;
    read_stream::link(linker)
}

/// How many streams of one attempt may read ahead.
pub(crate) fn read_ahead() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READ_AHEAD_STREAMS_MAX))
}

/// The mounts that `manifest` asks for and `mounts` gives, opened.
pub(super) fn check(
    manifest: &Manifest,
    mounts: &Mounts,
    limits: &Limits,
) -> Result<Vec<GrantedMount>, GrantRefusal> {
    let job = manifest.job.name.as_str();
    let mut granted = Vec::new();
    for grant in &manifest.grants.files {
        match check_one(job, grant, mounts, limits) {
            Ok(mount) => granted.push(mount),
            // What the settings do not give is absent; what they give and cannot be used is an error all the same.
            Err(GrantRefusal::MountNotGiven { .. } | GrantRefusal::MountReadOnly { .. })
                if grant.optional => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(granted)
}

fn check_one(
    job: &str,
    grant: &FileGrant,
    mounts: &Mounts,
    limits: &Limits,
) -> Result<GrantedMount, GrantRefusal> {
    let name = grant.mount.as_str();
    let mount = mounts.get(name).ok_or_else(|| GrantRefusal::MountNotGiven {
        job: job.to_owned(),
        mount: name.to_owned(),
        access: grant.access,
        nearest: nearest(name, mounts.keys().map(String::as_str)).map(str::to_owned),
    })?;
    if grant.access > mount.access {
        return Err(GrantRefusal::MountReadOnly { job: job.to_owned(), mount: name.to_owned() });
    }
    let dir = mount.open().map_err(|error| GrantRefusal::MountUnavailable {
        mount: name.to_owned(),
        path: mount.path.display().to_string(),
        problem: error.to_string(),
    })?;
    let granted = GrantedMount { name: name.to_owned(), access: grant.access, dir: Arc::new(dir) };
    match granted.free_space_breach(limits) {
        None => Ok(granted),
        Some(breach) => Err(GrantRefusal::FreeSpace {
            mount: name.to_owned(),
            observed_bytes: breach.observed,
            floor_bytes: breach.allowed,
        }),
    }
}

/// Gives the mounts to one attempt.
///
/// # Errors
/// What the operating system says when an open folder cannot be opened again, such as no free file descriptor.
pub(crate) fn build(wasi: &mut WasiCtxBuilder, mounts: &[GrantedMount]) -> wasmtime::Result<()> {
    for mount in mounts {
        let perms = match mount.access {
            Access::Read => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        wasi.preopened_dir(held_path(&mount.dir), format!("/{}", mount.name), perms)?;
    }
    Ok(())
}

/// A path to the folder that is held open, whatever became of its name.
#[cfg(target_os = "linux")]
fn held_path(dir: &Dir) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string())
}
