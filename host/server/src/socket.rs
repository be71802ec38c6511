//! The host's socket: `host.sock` in its data folder, which nobody but the owner of the folder may open. Whoever can is the
//! operator, who could as well read the store and the sealing key.
//!
//! It is bound through the folder that is held open, as `/proc/self/fd/N/host.sock`: so the path has no length, and nobody
//! who moves folders about leads it elsewhere. Whoever has the store's lock has the folder: what lies there from a host that
//! was killed is nobody's, and is replaced.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fchmod, open, statat, unlinkat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// The socket in the data folder.
pub const SOCKET_FILE: &str = "host.sock";

/// Connections that wait to be taken, as for the network.
const BACKLOG: i32 = 1_024;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something else has its name.
    #[error("making the socket `{}`: found {found}, expected nothing or a socket", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// The system did not let it be.
    #[error("making the socket `{}`: {error}", path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// As the system says it.
        error: io::Error,
    },
}

/// The socket of a running host. Its file goes with it.
#[derive(Debug)]
pub struct HostSocket {
    folder: OwnedFd,
}

/// The socket of a host on this data folder.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET_FILE)
}

impl HostSocket {
    /// Makes the socket. Only for whoever has the store of the folder.
    ///
    /// # Errors
    /// Something that is no socket in its place, or a system that has no room for one.
    pub fn bind(data_dir: &Path) -> Result<(Self, UnixListener), SocketError> {
        let path = path_in(data_dir);
        let failed = |error: io::Error| SocketError::Failed { path: path.clone(), error };
        let folder = open(data_dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| failed(error.into()))?;
        match statat(&folder, SOCKET_FILE, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error.into())),
            Ok(found) => match FileType::from_raw_mode(found.st_mode) {
                FileType::Socket => {
                    unlinkat(&folder, SOCKET_FILE, AtFlags::empty()).map_err(|error| failed(error.into()))?;
                }
                other => return Err(SocketError::Taken { path, found: name_of(other) }),
            },
        }
        let listener = bind_in(&folder).map_err(|error| failed(error.into()))?;
        let listener = UnixListener::from_std(StdListener::from(listener)).map_err(failed)?;
        Ok((Self { folder }, listener))
    }
}

impl Drop for HostSocket {
    /// Before the store's lock is let go of: afterwards the name may be that of the next host's socket.
    fn drop(&mut self) {
        // Somebody may have been faster; the next host replaces what is left.
        let _ = unlinkat(&self.folder, SOCKET_FILE, AtFlags::empty());
    }
}

fn bind_in(folder: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // The file is made with the mode that the socket has by then: there is no moment in which others may open it.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(format!("/proc/self/fd/{}/{SOCKET_FILE}", folder.as_raw_fd()))?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn name_of(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
    use tempfile::TempDir;

    #[tokio::test]
    async fn only_its_owner_may_open_it_and_it_goes_with_the_host() {
        let folder = TempDir::new().unwrap();
        let (socket, _listener) = HostSocket::bind(folder.path()).unwrap();
        let made = fs::symlink_metadata(path_in(folder.path())).unwrap();
        assert!(made.file_type().is_socket());
        assert_eq!(made.permissions().mode() & 0o7777, 0o600);
        drop(socket);
        assert!(!path_in(folder.path()).exists());
    }

    #[tokio::test]
    async fn what_a_killed_host_left_is_replaced() {
        let folder = TempDir::new().unwrap();
        drop(StdListener::bind(path_in(folder.path())).unwrap());
        let (_socket, listener) = HostSocket::bind(folder.path()).unwrap();
        let connected = tokio::net::UnixStream::connect(path_in(folder.path()));
        let (taken, connected) = tokio::join!(listener.accept(), connected);
        assert!(taken.is_ok() && connected.is_ok());
    }

    #[tokio::test]
    async fn a_folder_with_a_long_path_has_one_as_well() {
        let folder = TempDir::new().unwrap();
        let long = folder.path().join("d".repeat(150));
        fs::create_dir(&long).unwrap();
        let (_socket, _listener) = HostSocket::bind(&long).unwrap();
        assert!(fs::symlink_metadata(path_in(&long)).unwrap().file_type().is_socket());
    }

    #[tokio::test]
    async fn what_is_no_socket_stays_as_it_is() {
        let folder = TempDir::new().unwrap();
        let (path, elsewhere) = (path_in(folder.path()), folder.path().join("elsewhere"));
        symlink(&elsewhere, &path).unwrap();
        let error = HostSocket::bind(folder.path()).unwrap_err();
        assert!(error.to_string().contains("found a symbolic link"), "{error}");
        assert!(!elsewhere.exists(), "it was followed");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "kept").unwrap();
        let error = HostSocket::bind(folder.path()).unwrap_err();
        assert!(error.to_string().contains("found a file"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        let error = HostSocket::bind(&folder.path().join("nowhere")).unwrap_err();
        assert!(matches!(error, SocketError::Failed { .. }), "{error}");
    }
}
