//! A connection that is given up if its client takes nothing of what it is sent.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Fails a write that the other side has not taken anything of for too long. Otherwise as the stream in it.
#[derive(Debug)]
pub(super) struct Stalling<S> {
    stream: S,
    stall: Duration,
    /// Runs while a write waits. Made for the first that does: most never do.
    waiting: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<S> Stalling<S> {
    /// Gives up after a write has waited for `stall`.
    pub(super) fn new(stream: S, stall: Duration) -> Self {
        Self { stream, stall, waiting: None, is_waiting: false }
    }

    /// The result of a write, unless it waits for too long already.
    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        let stall = self.stall;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(stall)));
        if !self.is_waiting {
            self.is_waiting = true;
            waiting.as_mut().reset(Instant::now() + stall);
        }
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes nothing of what it is sent",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watched(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// A client that takes so many bytes and no more.
    struct Client {
        takes: usize,
    }

    impl AsyncWrite for Client {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            if self.takes == 0 {
                return Poll::Pending;
            }
            self.takes -= 1;
            Poll::Ready(Ok(1))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_write_that_nobody_takes_fails_after_a_while() {
        let mut stalling = Stalling::new(Client { takes: 2 }, Duration::from_millis(20));
        let begun = Instant::now();
        for _ in 0..2 {
            let written = poll_fn(|cx| Pin::new(&mut stalling).poll_write(cx, b"x")).await;
            assert_eq!(written.unwrap(), 1);
        }
        let error = poll_fn(|cx| Pin::new(&mut stalling).poll_write(cx, b"x")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn each_write_has_the_whole_time() {
        let mut stalling = Stalling::new(Client { takes: 0 }, Duration::from_millis(20));
        let waits =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut stalling).poll_write(cx, b"x").is_pending())).await;
        assert!(waits);
        tokio::time::sleep(Duration::from_millis(20)).await;
        stalling.stream.takes = 1;
        let written = poll_fn(|cx| Pin::new(&mut stalling).poll_write(cx, b"x")).await;
        assert_eq!(written.unwrap(), 1, "it was taken in the end");
        let waits =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut stalling).poll_write(cx, b"x").is_pending())).await;
        assert!(waits, "the time of the former write does not count");
    }
}
