//! Where clients come in: an address of the network, with or without TLS, or the socket in the data folder.

use super::limits::{DISCARD, DISCARDED_BYTES_MAX, HANDSHAKE};
use crate::metrics::Metrics;
use rustls::ServerConfig;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

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

/// An address of the network at which TLS is spoken.
pub(super) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    handshake: Duration,
    metrics: Arc<Metrics>,
}

impl TlsListener {
    pub(super) fn new(tcp: TcpListener, config: Arc<ServerConfig>, metrics: Arc<Metrics>) -> Self {
        Self { tcp, acceptor: TlsAcceptor::from(config), handshake: HANDSHAKE, metrics }
    }
}

/// A connection on which TLS is not spoken yet.
pub(super) struct Handshake {
    stream: TcpStream,
    acceptor: TlsAcceptor,
    time: Duration,
    metrics: Arc<Metrics>,
}

impl Listener for TlsListener {
    type Taken = Handshake;
    type Stream = TlsStream<TcpStream>;

    async fn take(&self) -> io::Result<(Handshake, Peer)> {
        let (stream, peer) = self.tcp.take().await?;
        let (acceptor, metrics) = (self.acceptor.clone(), Arc::clone(&self.metrics));
        Ok((Handshake { stream, acceptor, time: self.handshake, metrics }, peer))
    }

    async fn begin(taken: Handshake) -> io::Result<TlsStream<TcpStream>> {
        let Handshake { stream, acceptor, time, metrics } = taken;
        let (error, stream) = match timeout(time, acceptor.accept(stream).into_fallible()).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(failed)) => failed,
            Err(_) => {
                metrics.handshake_failed("timed-out");
                return Err(io::ErrorKind::TimedOut.into());
            }
        };
        metrics.handshake_failed(why(&error));
        close(stream).await;
        Err(error)
    }
}

/// Why TLS was not agreed on, in a word.
fn why(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        // Mostly HTTP without TLS.
        Some(rustls::Error::InvalidMessage(_)) => "not-tls",
        // Such as one that does not trust the certificate.
        Some(rustls::Error::AlertReceived(_)) => "refused-by-client",
        Some(rustls::Error::PeerIncompatible(_)) => "incompatible",
        Some(_) => "failed",
        None => "broken-off",
    }
}

/// Closes a connection whose client may still send: without reading that, it would see a reset instead of an end.
async fn close(mut stream: TcpStream) {
    let discard = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream).take(DISCARDED_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // Whatever comes of it, that was all.
    let _ = timeout(DISCARD, discard).await;
}
