//! Reading a file from its start to its end, ahead of the guest.
//!
//! A file is read on another thread, so that a slow disk or a dead network share holds no attempt thread. Handing a read
//! over and back costs more than the read itself when the bytes are in memory already: at 64 KiB a time, more than half of
//! the time of a job that reads a log. So whoever reads on gets larger pieces, and the next one is fetched while the guest
//! works on this one. Only where nobody can write through the mount: otherwise a job could read what it has overwritten
//! since. And only for a few streams of an attempt at a time, since what is fetched waits in the host's memory.

use crate::capabilities::OfState;
use crate::state::State;
use bytes::{Bytes, BytesMut};
use mainworker_domain::limits::{READ_AHEAD_BYTES, READ_BYTES};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};

/// The interface as wasmtime-wasi links it; a newer one gives it another version, and a test then fails.
const FILESYSTEM_TYPES: &str = "wasi:filesystem/types@0.2.12";

/// Puts these streams in place of wasmtime-wasi's.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let linked = linker
        .instance(FILESYSTEM_TYPES)
        .and_then(|mut types| types.func_wrap("[method]descriptor.read-via-stream", read_via_stream));
    linker.allow_shadowing(false);
    linked
}

type Opened = Result<Resource<DynInputStream>, ErrorCode>;

fn read_via_stream(
    mut store: StoreContextMut<'_, State>,
    (descriptor, offset): (Resource<Descriptor>, u64),
) -> wasmtime::Result<(Opened,)> {
    let state: <OfState as HasData>::Data<'_> = store.data_mut();
    let stream = match state.table.get(&descriptor)? {
        Descriptor::Dir(_) => return Ok((Err(ErrorCode::IsDirectory),)),
        Descriptor::File(file) => ReadStream {
            file: Arc::clone(&file.file),
            offset,
            ready: Bytes::new(),
            pending: None,
            ended: false,
            failed: None,
            // None where somebody may write.
            budget: (file.perms == FsPerms::ReadOnly).then(|| Arc::clone(&state.read_ahead)),
            ahead: None,
        },
    };
    let stream: DynInputStream = Box::new(stream);
    Ok((Ok(state.table.push(stream)?),))
}

struct ReadStream {
    file: Arc<File>,
    /// Where the next read begins.
    offset: u64,
    /// What was read and not yet taken.
    ready: Bytes,
    pending: Option<JoinHandle<io::Result<Bytes>>>,
    ended: bool,
    failed: Option<io::Error>,
    budget: Option<Arc<Semaphore>>,
    /// Held while this stream reads ahead.
    ahead: Option<OwnedSemaphorePermit>,
}

fn read_at(file: &File, offset: u64, bytes: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(bytes);
    loop {
        match file.read_at(&mut buffer, offset) {
            Ok(count) => {
                buffer.truncate(count);
                return Ok(buffer.freeze());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl ReadStream {
    fn start(&mut self, bytes: usize) {
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        self.pending = Some(spawn_blocking(move || read_at(&file, offset, bytes)));
    }

    /// Takes in what a read brought.
    fn finish(&mut self, read: Result<io::Result<Bytes>, tokio::task::JoinError>) {
        match read {
            Ok(Ok(bytes)) if bytes.is_empty() => self.ended = true,
            Ok(Ok(bytes)) => {
                self.offset += bytes.len() as u64;
                // A piece as large as was asked for: there is probably more, and whoever reads that much reads on.
                let read_on = bytes.len() >= READ_BYTES;
                self.ready = bytes;
                if read_on {
                    self.read_ahead();
                }
            }
            Ok(Err(error)) => self.failed = Some(error),
            Err(error) => self.failed = Some(io::Error::other(error)),
        }
    }

    fn read_ahead(&mut self) {
        if self.ahead.is_none()
            && let Some(budget) = &self.budget
        {
            self.ahead = Arc::clone(budget).try_acquire_owned().ok();
        }
        if self.ahead.is_some() {
            self.start(READ_AHEAD_BYTES);
        }
    }

    fn is_over(&self) -> bool {
        self.ended || self.failed.is_some()
    }

    /// Waits until something was read, or reading is over.
    async fn fill(&mut self, bytes: usize) {
        if !self.ready.is_empty() || self.is_over() {
            return;
        }
        if self.pending.is_none() {
            self.start(bytes.clamp(1, READ_BYTES));
        }
        if let Some(pending) = &mut self.pending {
            let read = pending.await;
            self.pending = None;
            self.finish(read);
        }
    }

    fn take(&mut self, bytes: usize) -> StreamResult<Bytes> {
        if !self.ready.is_empty() {
            return Ok(self.ready.split_to(self.ready.len().min(bytes)));
        }
        if let Some(error) = self.failed.take() {
            self.ended = true;
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        if self.ended { Err(StreamError::Closed) } else { Ok(Bytes::new()) }
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for ReadStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size > 0 && self.ready.is_empty() && !self.is_over() && self.pending.is_none() {
            self.start(size.min(READ_BYTES));
        }
        self.take(size)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size > 0 {
            self.fill(size).await;
        }
        self.take(size)
    }

    /// Waits for a read that is under way: a guest that opens and drops streams could otherwise keep any number going.
    async fn cancel(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.abort();
            let _ = pending.await;
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for ReadStream {
    async fn ready(&mut self) {
        self.fill(READ_BYTES).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn stream(content: &[u8], budget: Option<usize>) -> ReadStream {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        ReadStream {
            file: Arc::new(file),
            offset: 0,
            ready: Bytes::new(),
            pending: None,
            ended: false,
            failed: None,
            budget: budget.map(|streams| Arc::new(Semaphore::new(streams))),
            ahead: None,
        }
    }

    async fn read_all(stream: &mut ReadStream, size: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            match stream.blocking_read(size).await {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(StreamError::Closed) => return all,
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    fn content() -> Vec<u8> {
        (0..1_500_000_u32).flat_map(u32::to_le_bytes).collect()
    }

    #[tokio::test]
    async fn a_file_is_read_whole_ahead_or_not() {
        let content = content();
        for budget in [None, Some(0), Some(1)] {
            for size in [1_000, READ_BYTES, READ_AHEAD_BYTES, 1 << 20] {
                let mut stream = stream(&content, budget);
                assert!(read_all(&mut stream, size).await == content, "{budget:?} {size}");
                assert_eq!(
                    stream.ahead.is_some(),
                    budget == Some(1) && size >= READ_BYTES,
                    "{budget:?} {size}"
                );
            }
        }
    }

    #[tokio::test]
    async fn an_empty_file_ends_at_once_and_stays_ended() {
        let mut stream = stream(b"", Some(1));
        assert!(matches!(stream.blocking_read(10).await, Err(StreamError::Closed)));
        assert!(matches!(stream.read(10), Err(StreamError::Closed)));
    }

    #[tokio::test]
    async fn a_read_that_fails_is_told_once() {
        let mut stream = stream(b"", None);
        stream.file = Arc::new(File::open("/").unwrap());
        assert!(matches!(stream.blocking_read(10).await, Err(StreamError::LastOperationFailed(_))));
        assert!(matches!(stream.blocking_read(10).await, Err(StreamError::Closed)));
    }

    #[tokio::test]
    async fn waiting_and_then_reading_gives_the_same() {
        let content = content();
        let (mut stream, mut all) = (stream(&content, Some(1)), Vec::new());
        loop {
            stream.ready().await;
            match stream.read(70_000) {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(_) => break,
            }
        }
        assert!(all == content);
        stream.cancel().await;
    }
}
