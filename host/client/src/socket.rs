//! Requests over the socket of a host on this machine. Each has a connection of its own: making one costs next to nothing.

use crate::options::ClientOptions;
use crate::transport::{Trouble, TroubleKind, told};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Bytes of the longest path that a socket's address has room for, without the zero at its end.
const PATH_BYTES_MAX: usize = 107;

/// A socket file.
pub(crate) struct Socket {
    path: PathBuf,
    connect_ms: u64,
}

impl Socket {
    pub(crate) fn at(path: &str, options: &ClientOptions) -> Self {
        Self { path: PathBuf::from(path), connect_ms: options.connect_ms }
    }

    /// Sends a request; the target is in origin form, as servers are asked.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Trouble> {
        let not_sent = |problem: String| Trouble { kind: TroubleKind::NotSent, problem };
        let broken_off =
            |error: hyper::Error| Trouble { kind: TroubleKind::BrokenOff, problem: told(&error) };
        let connecting = timeout(Duration::from_millis(self.connect_ms), connect(&self.path));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(not_sent(shown(&self.path, &error))),
            Err(_) => return Err(not_sent(format!("no connection within {} ms", self.connect_ms))),
        };
        if let Some(authority) = request.uri().authority().cloned()
            && let Ok(host) = authority.as_str().parse()
        {
            request.headers_mut().insert(http::header::HOST, host);
        }
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).parse();
        *request.uri_mut() = target.map_err(|error: http::uri::InvalidUri| not_sent(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken_off)?;
        // Goes on until the answer is read or given up. What it ends with, the answer ends with.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(broken_off)
    }
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return UnixStream::connect(path).await;
    }
    // Through the folder, whose own path has no length that way.
    let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
    let name = path.file_name().unwrap_or(OsStr::new("."));
    UnixStream::connect(Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)).await
}

/// Why there is no connection. The system says `refused` of a file that is no socket, too.
fn shown(path: &Path, error: &io::Error) -> String {
    match (error.kind(), fs::metadata(path)) {
        (ErrorKind::ConnectionRefused, Ok(found)) if !found.file_type().is_socket() => {
            "found something else there, expected a socket".to_owned()
        }
        (ErrorKind::ConnectionRefused, _) => "nobody listens there any more".to_owned(),
        (ErrorKind::NotFound, _) => "there is no socket".to_owned(),
        _ => error.to_string(),
    }
}
