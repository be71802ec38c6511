//! Where clients come in: an address of the network, or the socket in the data folder.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    /// Somebody who may open the host's socket, which makes an operator.
    Socket,
    /// Somebody at this address; behind a proxy it is the proxy's.
    Address(IpAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket => f.write_str("socket"),
            Self::Address(address) => address.to_canonical().fmt(f),
        }
    }
}

/// Takes connections.
pub(super) trait Listener: Send + Sync + 'static {
    /// A connection as it was taken, before a word was said.
    type Taken: Send + 'static;
    /// A connection that HTTP can be spoken over.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    fn take(&self) -> impl Future<Output = io::Result<(Self::Taken, Peer)>> + Send;

    /// What has to be said before HTTP is. Done for each connection by itself: one that is slow holds up no other.
    fn begin(taken: Self::Taken) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Taken = TcpStream;
    type Stream = TcpStream;

    async fn take(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, address) = self.accept().await?;
        // Answers are small and written whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Address(address.ip())))
    }

    async fn begin(taken: TcpStream) -> io::Result<TcpStream> {
        Ok(taken)
    }
}

impl Listener for UnixListener {
    type Taken = UnixStream;
    type Stream = UnixStream;

    async fn take(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.accept().await?;
        Ok((stream, Peer::Socket))
    }

    async fn begin(taken: UnixStream) -> io::Result<UnixStream> {
        Ok(taken)
    }
}
