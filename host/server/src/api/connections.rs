//! Connections of clients: taken up to a bound, with a time for everything that a client could hold one with, and let go
//! of when the host stops.

use super::limits::{
    BUFFER_BYTES_MAX, CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_READ, SOCKET_CONNECTIONS_MAX, STOP,
    WRITE_STALL,
};
use super::listener::{Listener, Peer};
use super::stalled::Stalling;
use super::unreadable;
use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

/// The wait after the system had no file descriptor or memory for a connection. Asking again at once would only take a
/// core as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of connections; see [`super::limits`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) connections_max: usize,
    pub(super) header_bytes_max: usize,
    pub(super) header_read: Duration,
    pub(super) write_stall: Duration,
    pub(super) stop: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: connections_max(getrlimit(Resource::Nofile).current),
            header_bytes_max: HEADER_BYTES_MAX,
            header_read: HEADER_READ,
            write_stall: WRITE_STALL,
            stop: STOP,
        }
    }
}

impl Bounds {
    /// Of the socket, whose connections are beside those of the network: an operator gets in however many others are there.
    pub(super) fn of_socket() -> Self {
        Self { connections_max: SOCKET_CONNECTIONS_MAX, ..Self::default() }
    }
}

/// Connections beside which there are file descriptors for what attempts and the store open, of as many as the process may
/// have; none says that there is no bound.
fn connections_max(descriptors: Option<u64>) -> usize {
    let half = descriptors.map_or(usize::MAX, |count| usize::try_from(count / 2).unwrap_or(usize::MAX));
    CONNECTIONS_MAX.min(half).max(1)
}

/// Serves `router` until `stopping` is true; then takes no more connections, lets requests under way end, and drops what is
/// left after a while. `open` is how many connections there are.
pub(super) async fn serve<L: Listener>(
    listener: L,
    router: Router,
    bounds: Bounds,
    open: Arc<AtomicUsize>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // Whoever has sent all of its request may say so, and is answered all the same.
        .half_close(true)
        .header_read_timeout(bounds.header_read)
        .max_header_size(bounds.header_bytes_max)
        .max_buf_size(BUFFER_BYTES_MAX);
    let service = TowerToHyperService::new(router);
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    let graceful = GracefulShutdown::new();
    // Dropped with this function: whatever is left then is closed.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted?,
            _ = stopping.wait_for(|&stopping| stopping) => break,
        };
        let Some((taken, peer, place)) = accepted else { continue };
        while connections.try_join_next().is_some() {}
        open.fetch_add(1, Ordering::Relaxed);
        let (http, service, watcher) = (http.clone(), service.clone(), graceful.watcher());
        let (open, mut stops) = (Arc::clone(&open), stopping.clone());
        connections.spawn(async move {
            // What a client does to its connection is its own affair.
            let begun = tokio::select! {
                biased;
                begun = L::begin(taken) => begun,
                // Nothing was asked yet, so nothing is lost.
                _ = stops.wait_for(|&stopping| stopping) => Err(ErrorKind::Interrupted.into()),
            };
            match begun {
                Err(error) => tracing::debug!(%error, "a connection did not begin"),
                Ok(stream) => {
                    let stream = Stalling::new(stream, bounds.write_stall);
                    let service = OfPeer { service, peer };
                    let (stream, service) = unreadable::connection(stream, service, bounds.header_bytes_max);
                    let connection = watcher.watch(http.serve_connection(TokioIo::new(stream), service));
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended");
                    }
                }
            }
            open.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }
    drop(listener);
    if timeout(bounds.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = open.load(Ordering::Relaxed), "requests under way were dropped");
    }
    Ok(())
}

/// The next connection, once there is a place for it; none if it was gone before.
async fn accept<L: Listener>(
    listener: &L,
    places: &Arc<Semaphore>,
) -> io::Result<Option<(L::Taken, Peer, OwnedSemaphorePermit)>> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    match listener.take().await {
        Ok((taken, peer)) => Ok(Some((taken, peer, place))),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => {
            // Such as no file descriptor: others will be closed.
            tracing::warn!(%error, "a connection could not be taken");
            sleep(ACCEPT_PAUSE).await;
            Ok(None)
        }
    }
}

/// Answers requests, each of which says who is at the other end.
#[derive(Clone, Debug)]
struct OfPeer<V> {
    service: V,
    peer: Peer,
}

impl<V: Service<Request<Incoming>, Response = Response>> Service<Request<Incoming>> for OfPeer<V> {
    type Response = Response;
    type Error = V::Error;
    type Future = V::Future;

    fn call(&self, mut request: Request<Incoming>) -> V::Future {
        request.extensions_mut().insert(self.peer);
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream as Client};
    use tokio::net::TcpListener;
    use tokio::sync::Notify;
    use tokio::task::{JoinHandle, spawn_blocking};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    /// Longer than anything here takes, and the end of a test that hangs.
    const PATIENCE: Duration = Duration::from_secs(60);

    struct Served {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        ended: JoinHandle<io::Result<()>>,
    }

    async fn serve_with(router: Router, bounds: Bounds) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let ended = tokio::spawn(serve(listener, router, bounds, Arc::default(), stopping));
        Served { address, stop, ended }
    }

    fn hello() -> Router {
        Router::new().route("/", get(async || "hello"))
    }

    fn connect(address: SocketAddr) -> Client {
        let client = Client::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// What comes until there is `last`, or until the host closes the connection.
    fn read_until(client: &mut Client, last: &str) -> String {
        let mut text = String::new();
        let mut piece = [0; 1_024];
        while !text.contains(last) {
            match client.read(&mut piece).unwrap() {
                0 => break,
                count => text.push_str(&String::from_utf8_lossy(&piece[..count])),
            }
        }
        text
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_is_kept_for_the_next_request() {
        let served = serve_with(hello(), Bounds::default()).await;
        let asked = spawn_blocking(move || {
            let mut client = connect(served.address);
            for _ in 0..3 {
                client.write_all(REQUEST).unwrap();
                let answer = read_until(&mut client, "hello");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        });
        asked.await.unwrap();
    }

    #[test]
    fn half_of_all_descriptors_are_for_others() {
        assert_eq!(connections_max(None), CONNECTIONS_MAX);
        assert_eq!(connections_max(Some(1 << 20)), CONNECTIONS_MAX);
        assert_eq!((connections_max(Some(100)), connections_max(Some(0))), (50, 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_says_that_it_has_sent_all_is_answered() {
        let served = serve_with(hello(), Bounds::default()).await;
        let asked = spawn_blocking(move || {
            let mut client = connect(served.address);
            client.write_all(REQUEST).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let answer = read_until(&mut client, "hello");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        });
        asked.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn headers_that_do_not_come_end_the_connection() {
        let bounds = Bounds { header_read: Duration::from_millis(50), ..Bounds::default() };
        let served = serve_with(hello(), bounds).await;
        let asked = spawn_blocking(move || {
            for sent in [b"".as_slice(), b"GET / HTTP/1.1\r\nHost:"] {
                let mut client = connect(served.address);
                client.write_all(sent).unwrap();
                assert_eq!(read_until(&mut client, "nothing"), "");
            }
        });
        asked.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn headers_have_a_size() {
        let bounds = Bounds { header_bytes_max: 1_024, ..Bounds::default() };
        let served = serve_with(hello(), bounds).await;
        let asked = spawn_blocking(move || {
            let mut client = connect(served.address);
            let line = format!("X-Long: {}\r\n\r\n", "x".repeat(2_000));
            client.write_all(&REQUEST[..REQUEST.len() - 2]).unwrap();
            client.write_all(line.as_bytes()).unwrap();
            let answer = read_until(&mut client, "\r\n\r\n");
            assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        });
        asked.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_connection_too_many_waits_for_its_place() {
        let bounds = Bounds { connections_max: 1, ..Bounds::default() };
        let served = serve_with(hello(), bounds).await;
        let asked = spawn_blocking(move || {
            let mut first = connect(served.address);
            first.write_all(REQUEST).unwrap();
            read_until(&mut first, "hello");
            let mut second = connect(served.address);
            second.write_all(REQUEST).unwrap();
            second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            assert!(second.read(&mut [0]).is_err(), "it was answered beside the first");
            drop(first);
            second.set_read_timeout(Some(PATIENCE)).unwrap();
            assert!(read_until(&mut second, "hello").starts_with("HTTP/1.1 200"));
        });
        asked.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_under_way_is_answered_while_the_host_stops() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, goes_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        let slow = async move || {
            begins.notify_one();
            goes_on.notified().await;
            "hello"
        };
        let served = serve_with(Router::new().route("/", get(slow)), Bounds::default()).await;
        let asked = spawn_blocking(move || {
            let mut client = connect(served.address);
            client.write_all(REQUEST).unwrap();
            read_until(&mut client, "nothing")
        });
        begun.notified().await;
        served.stop.send(true).unwrap();
        go_on.notify_one();
        let answer = asked.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
        served.ended.await.unwrap().unwrap();
        assert!(Client::connect(served.address).is_err(), "nobody listens any more");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_does_not_end_is_dropped_after_a_while() {
        let begun = Arc::new(Notify::new());
        let begins = Arc::clone(&begun);
        let endless = async move || {
            begins.notify_one();
            std::future::pending::<&str>().await
        };
        let bounds = Bounds { stop: Duration::from_millis(50), ..Bounds::default() };
        let served = serve_with(Router::new().route("/", get(endless)), bounds).await;
        let asked = spawn_blocking(move || {
            let mut client = connect(served.address);
            client.write_all(REQUEST).unwrap();
            read_until(&mut client, "nothing")
        });
        begun.notified().await;
        served.stop.send(true).unwrap();
        assert_eq!(asked.await.unwrap(), "");
        served.ended.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_that_reads_nothing_is_given_up() {
        let much = async || "x".repeat(64 << 20);
        let bounds =
            Bounds { write_stall: Duration::from_millis(50), stop: 2 * PATIENCE, ..Bounds::default() };
        let served = serve_with(Router::new().route("/", get(much)), bounds).await;
        let client = spawn_blocking(move || {
            let mut client = connect(served.address);
            client.write_all(REQUEST).unwrap();
            client
        });
        let mut client = client.await.unwrap();
        served.stop.send(true).unwrap();
        let ended = timeout(PATIENCE, served.ended).await.expect("its request is not under way for ever");
        ended.unwrap().unwrap();
        let read = spawn_blocking(move || {
            let mut bytes = Vec::new();
            let _ = client.read_to_end(&mut bytes);
            bytes.len()
        });
        assert!(read.await.unwrap() < 64 << 20);
    }
}
