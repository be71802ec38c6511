//! Whether the host takes tasks, for load balancers and for whoever waits for one that is in trouble.
//!
//! As long as nothing failed it is enough that the store can be read. After a failure it has to be written to, and as much
//! as a task may bring: a disk that is full has room for small things. Somebody has to try, since a host that is not ready
//! is sent nothing.

use crate::events::{Observer, Stamped};
use mainworker_domain::event::Event;
use mainworker_domain::limits::PAYLOAD_BYTES_MAX;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::{Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;

/// What is known of the store's troubles.
#[derive(Debug, Default)]
pub struct Readiness {
    in_trouble: AtomicBool,
    /// Held by the one that tries to write: others wait for its answer, and look again.
    trial: Mutex<()>,
}

impl Readiness {
    /// Sees each trouble of the host.
    pub fn observer(self: &Arc<Self>) -> Observer {
        let readiness = Arc::clone(self);
        Box::new(move |Stamped { event, .. }| {
            if matches!(event, Event::HostError { .. }) {
                readiness.in_trouble.store(true, Ordering::Relaxed);
            }
        })
    }

    /// Whether tasks can be taken.
    ///
    /// # Errors
    /// A store that cannot be read or, after a trouble, not be written to.
    pub async fn check(&self, store: &SqliteStore) -> Result<(), StoreError> {
        store.overview().await?;
        if !self.in_trouble.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _trial = self.trial.lock().await;
        // A trouble during the trial is one more.
        if self.in_trouble.swap(false, Ordering::Relaxed)
            && let Err(error) = store.try_to_write(PAYLOAD_BYTES_MAX).await
        {
            self.in_trouble.store(true, Ordering::Relaxed);
            return Err(error);
        }
        Ok(())
    }
}
