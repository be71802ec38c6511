//! A host on loopback that gives the answers it was told to, in their order, and remembers what it was asked.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::unfold;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mainworker_client::{Chance, Client, ClientOptions};
use mainworker_domain::lifecycle::Jitter;
use mainworker_domain::manifest::Retry;
use secrecy::SecretString;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the host does with the next request.
pub(crate) enum Script {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Closes the connection.
    BreakOff,
    /// Sends the head and half of a body and closes the connection.
    BreakOffInside,
    /// Keeps the client waiting for as long as the connection is there.
    Hold,
    /// Sends events as they come.
    Stream(Pieces),
}

/// The pieces of a stream. Its end is the end of the body, an error cuts it.
pub(crate) type Pieces = mpsc::UnboundedReceiver<Result<Bytes, io::Error>>;

pub(crate) fn json(status: u16, body: &str) -> Script {
    let headers = vec![("content-type", "application/json".to_owned())];
    Script::Answer { status, headers, body: body.to_owned() }
}

pub(crate) fn problem(status: u16, code: &str, detail: &str) -> Script {
    problem_after(status, code, detail, None)
}

pub(crate) fn problem_after(status: u16, code: &str, detail: &str, retry_after: Option<&str>) -> Script {
    let body = serde_json::json!({
        "type": "about:blank", "title": "x", "status": status, "code": code, "detail": detail,
    });
    let mut headers = vec![("content-type", "application/problem+json".to_owned())];
    headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_owned())));
    Script::Answer { status, headers, body: body.to_string() }
}

/// A stream that says this and ends.
pub(crate) fn stream_of(text: &str) -> Script {
    let (send, pieces) = mpsc::unbounded_channel();
    send.send(Ok(Bytes::from(text.to_owned()))).unwrap();
    Script::Stream(pieces)
}

/// A stream that says this and breaks off.
pub(crate) fn cut_stream_of(text: &str) -> Script {
    let (send, pieces) = mpsc::unbounded_channel();
    send.send(Ok(Bytes::from(text.to_owned()))).unwrap();
    send.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
    Script::Stream(pieces)
}

/// What the host was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The number of the connection, from 1.
    pub(crate) connection: u64,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Play {
    scripts: Mutex<VecDeque<Script>>,
    asked: Mutex<Vec<Asked>>,
    connections: AtomicU64,
}

/// The host, and a client of it whose waits pass at once and are remembered.
pub(crate) struct Scripted {
    pub(crate) base: String,
    play: Arc<Play>,
    waits: Arc<Mutex<Vec<u64>>>,
}

impl Scripted {
    /// A host that gives these answers.
    pub(crate) async fn host(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let play = Arc::new(Play { scripts: Mutex::new(scripts.into_iter().collect()), ..Play::default() });
        tokio::spawn(accept(listener, Arc::clone(&play)));
        Self { base, play, waits: Arc::default() }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(|_| {})
    }

    pub(crate) fn client_with(&self, change: impl FnOnce(&mut ClientOptions)) -> Client {
        let mut options = self.options();
        change(&mut options);
        Client::with_options(&self.base, Some(SecretString::from("open-sesame")), options).unwrap()
    }

    /// The usual bounds, four tries, half of each wait, keys that are counted.
    pub(crate) fn options(&self) -> ClientOptions {
        let waits = Arc::clone(&self.waits);
        let keys = AtomicU64::new(1);
        let chance = Chance {
            wait: Arc::new(move |ms| {
                waits.lock().unwrap().push(ms);
                Box::pin(std::future::ready(()))
            }),
            jitter: Arc::new(|| Jitter::from_bits(1 << 63)),
            key: Arc::new(move || format!("key-{}", keys.fetch_add(1, Ordering::Relaxed))),
        };
        let retry = Retry { max_attempts: 4, base_ms: 100, cap_ms: 5_000 };
        ClientOptions { retry, chance, ..ClientOptions::default() }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.play.asked.lock().unwrap().clone()
    }

    /// Method and target of each request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect()
    }

    /// The waits so far, in milliseconds.
    pub(crate) fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, play: Arc<Play>) {
    while let Ok((socket, _)) = listener.accept().await {
        let connection = play.connections.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::spawn(serve(socket, Arc::clone(&play), connection));
    }
}

async fn serve(socket: TcpStream, play: Arc<Play>, connection: u64) {
    let answer = service_fn(move |request| answer(Arc::clone(&play), request, connection));
    // Connections end as the script says.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
}

type Body = BoxBody<Bytes, io::Error>;

fn answer(
    play: Arc<Play>,
    request: Request<Incoming>,
    connection: u64,
) -> BoxFuture<'static, Result<Response<Body>, io::Error>> {
    Box::pin(async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        play.asked.lock().unwrap().push(Asked {
            method: head.method,
            target: head.uri.to_string(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
            connection,
        });
        let script = play.scripts.lock().unwrap().pop_front();
        let whole = |text: String| Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed();
        match script.unwrap_or_else(|| json(500, "\"the script is at its end\"")) {
            Script::Answer { status, headers, body } => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                Ok(response.body(whole(body)).unwrap())
            }
            Script::BreakOff => Err(io::ErrorKind::BrokenPipe.into()),
            Script::BreakOffInside => {
                let (send, pieces) = mpsc::unbounded_channel();
                send.send(Ok(Bytes::from_static(b"{\"half\":"))).unwrap();
                send.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
                let response = Response::builder().header("content-type", "application/json");
                Ok(response.body(streamed(pieces)).unwrap())
            }
            Script::Hold => std::future::pending().await,
            Script::Stream(pieces) => {
                let response = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
                Ok(response.body(streamed(pieces)).unwrap())
            }
        }
    })
}

fn streamed(pieces: Pieces) -> Body {
    let frames = unfold(pieces, |mut pieces| async {
        let piece = pieces.recv().await?;
        if piece.is_err() {
            // What was sent before is to be read before the connection breaks off.
            tokio::task::yield_now().await;
        }
        Some((piece.map(Frame::data), pieces))
    });
    BodyExt::boxed(StreamBody::new(frames))
}
