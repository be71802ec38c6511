//! Connections that only read. Each question has a snapshot of its own; none waits for the writer, and the writer for none.

use super::failure::Failure;
use super::session::Session;
use super::sql;
use crate::store::StoreError;
use rusqlite::Connection;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Connections. Whoever lists a million tasks leaves one for the rest.
pub(super) const READERS: usize = 2;

pub(super) struct Readers {
    idle: Mutex<Idle>,
    returned: Condvar,
    permits: Arc<Semaphore>,
}

struct Idle {
    connections: Vec<Connection>,
    /// How many there are, with those that are in use.
    all: usize,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Arc<Self> {
        let all = connections.len();
        Arc::new(Self {
            idle: Mutex::new(Idle { connections, all }),
            returned: Condvar::new(),
            permits: Arc::new(Semaphore::new(all)),
        })
    }

    /// Asks on a thread for what blocks.
    pub(super) async fn ask<A: Send + 'static>(
        self: &Arc<Self>,
        doing: &'static str,
        question: impl FnOnce(&Session<'_>) -> Result<A, Failure> + Send + 'static,
    ) -> Result<A, StoreError> {
        let closed = StoreError::Closed { doing };
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return Err(closed) };
        let readers = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = match Reader::take(&readers) {
                Some(reader) => reader.ask(question),
                None => Err(Failure::Closed),
            };
            drop(permit);
            answer.map_err(|failure| failure.to_error(doing))
        });
        answer.await.unwrap_or(Err(closed))
    }

    /// Waits for those in use and closes all.
    pub(super) fn close(&self) {
        self.permits.close();
        let mut idle = self.lock();
        while idle.connections.len() < idle.all {
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
        idle.connections.clear();
        idle.all = 0;
    }

    /// A connection is taken or put back in one step, so what a poisoned lock guards is whole.
    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. It goes back also if the question panics.
struct Reader<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl<'r> Reader<'r> {
    fn take(readers: &'r Readers) -> Option<Self> {
        let connection = readers.lock().connections.pop()?;
        Some(Self { readers, connection: Some(connection) })
    }

    fn ask<A>(&self, question: impl FnOnce(&Session<'_>) -> Result<A, Failure>) -> Result<A, Failure> {
        let session = Session::new(self.connection.as_ref().ok_or(Failure::Closed)?);
        session.execute(sql::BEGIN_READING, [])?;
        let answer = question(&session)?;
        session.execute(sql::COMMIT, [])?;
        Ok(answer)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a reader of the store could not end its transaction");
        }
        self.readers.lock().connections.push(connection);
        self.readers.returned.notify_all();
    }
}
