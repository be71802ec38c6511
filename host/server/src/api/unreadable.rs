//! Requests that nobody can read: a line or a header that is no HTTP, or too much of them. They are refused with problem
//! details, like everything else that is not answered with what it asked for.
//!
//! hyper reads requests. One that it cannot read never comes to a service: it writes a head with a status and no body, and
//! closes. It has no place to say what else to answer, so its head gets a body on its way out. No byte of a request is read a
//! second time for that, and no byte of another answer is looked at: what hyper writes while none of the connection's requests
//! is under way, and nothing of their answers is left to write, can only be such a head. A head that looks otherwise than
//! expected goes out as it is.
//!
//! A client that still sends when it is refused would find its connection reset and may never see the answer. So what it
//! sends is read on for a bounded time.

use super::limits::{DISCARD, DISCARDED_BYTES_MAX};
use super::problem::ApiError;
use axum::body::Body;
use axum::response::Response;
use bytes::{Buf as _, Bytes};
use http::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::Service;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What hyper writes in the head of an answer without a body.
const NO_BODY: &str = "content-length: 0\r\n";
/// Bytes that are read of a refused client at a time.
const PIECE_BYTES: usize = 4 << 10;

/// What the two ends of one connection tell each other. Both are polled by the same task.
#[derive(Debug, Default)]
struct Turn {
    /// Requests whose answers are not made yet.
    under_way: AtomicUsize,
    /// Whether there was a request since everything was written.
    was_asked: AtomicBool,
}

/// The ends of a connection that refuses what cannot be read: its stream, and what answers the rest. `header_bytes_max` is
/// what hyper was told.
pub(super) fn connection<S, V>(
    stream: S,
    service: V,
    header_bytes_max: usize,
) -> (Refusing<S>, Answering<V>) {
    let turn = Arc::new(Turn::default());
    let refusing = Refusing {
        stream,
        turn: Arc::clone(&turn),
        header_bytes_max,
        refusal: Bytes::new(),
        is_refused: false,
        discarding: None,
    };
    (refusing, Answering { service, turn })
}

/// Answers requests, and knows which are under way.
#[derive(Debug)]
pub(super) struct Answering<V> {
    service: V,
    turn: Arc<Turn>,
}

/// A request that is under way, to the last byte of its answer's body.
#[derive(Debug)]
struct UnderWay(Arc<Turn>);

impl UnderWay {
    fn begin(turn: &Arc<Turn>) -> Self {
        turn.under_way.fetch_add(1, Ordering::Relaxed);
        turn.was_asked.store(true, Ordering::Relaxed);
        Self(Arc::clone(turn))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<V> Service<Request<Incoming>> for Answering<V>
where
    V: Service<Request<Incoming>, Response = Response>,
    V::Future: Send + 'static,
{
    type Response = http::Response<AnswerBody>;
    type Error = V::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, V::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = UnderWay::begin(&self.turn);
        let answered = self.service.call(request);
        Box::pin(async move {
            let response = answered.await?;
            Ok(response.map(|body| AnswerBody { body, _under_way: under_way }))
        })
    }
}

/// The body of an answer. Its request is under way until it is gone.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    _under_way: UnderWay,
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Gives what hyper refuses by itself a body. Otherwise as the stream in it.
#[derive(Debug)]
pub(super) struct Refusing<S> {
    stream: S,
    turn: Arc<Turn>,
    header_bytes_max: usize,
    /// What is left to write of a refusal.
    refusal: Bytes,
    is_refused: bool,
    discarding: Option<Discarding>,
}

/// What a refused client still sends.
#[derive(Debug)]
struct Discarding {
    bytes_left: u64,
    until: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Refusing<S> {
    fn poll_write_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.refusal))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.refusal.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads on, until the client has seen the end, or has had its time.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let discarding = self.discarding.get_or_insert_with(|| Discarding {
            bytes_left: DISCARDED_BYTES_MAX,
            until: Box::pin(sleep(DISCARD)),
        });
        let mut piece = [0; PIECE_BYTES];
        while discarding.bytes_left > 0 {
            if discarding.until.as_mut().poll(cx).is_ready() {
                break;
            }
            let mut buffer = ReadBuf::new(&mut piece);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    let count = buffer.filled().len() as u64;
                    discarding.bytes_left = discarding.bytes_left.saturating_sub(count);
                }
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Refusing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.turn.was_asked.load(Ordering::Relaxed) {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        self.is_refused = true;
        ready!(self.poll_write_refusal(cx))?;
        let refusal = with_problem(bytes, self.header_bytes_max);
        self.refusal = refusal.unwrap_or_else(|| Bytes::copy_from_slice(bytes));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.turn.was_asked.load(Ordering::Relaxed) {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        }
        let first = bytes.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        self.poll_write(cx, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_refusal(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        // hyper flushes when it has nothing left to write.
        if self.turn.under_way.load(Ordering::Relaxed) == 0 {
            self.turn.was_asked.store(false, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.discarding.is_none() {
            ready!(self.poll_write_refusal(cx))?;
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.is_refused {
            ready!(self.poll_discard(cx));
        }
        Poll::Ready(Ok(()))
    }
}

/// hyper's head of a refusal with problem details of the same status; none if it looks otherwise than expected.
fn with_problem(head: &[u8], header_bytes_max: usize) -> Option<Bytes> {
    let head = str::from_utf8(head).ok()?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let problems = [ApiError::Unreadable, ApiError::HeadersTooLarge { bytes_max: header_bytes_max }];
    let problem = problems.iter().map(ApiError::problem).find(|problem| problem.status == status)?;
    let body = serde_json::to_string(&problem).ok()?;
    let (before, after) = head.split_once(NO_BODY).filter(|_| head.ends_with("\r\n\r\n"))?;
    let length = body.len();
    let refusal = format!(
        "{before}content-type: application/problem+json\r\ncontent-length: {length}\r\n{after}{body}"
    );
    Some(refusal.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_head_and_says_why() {
        for (status, code) in
            [("400 Bad Request", "malformed_request"), ("431 Too Large", "headers_too_large")]
        {
            let head =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n");
            let refusal = with_problem(head.as_bytes(), 7).unwrap();
            let (head, body) = str::from_utf8(&refusal).unwrap().split_once("\r\n\r\n").unwrap();
            let length = body.len();
            let expected = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\ndate: x"
            );
            assert_eq!(head, expected);
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["code"], code);
        }
    }

    #[test]
    fn a_head_that_nobody_expects_stays_as_it_is() {
        for head in [
            &b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconn",
            b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n",
            b"\xff\xff",
            b"",
        ] {
            assert_eq!(with_problem(head, 7), None);
        }
    }
}
