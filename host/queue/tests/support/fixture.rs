//! Stores to test. Another store is one type here and one line in `on_each_store`.

use super::{Harness, NOW};
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::sqlite::SqliteStore;
use mainworker_queue::store::Store;
use tempfile::TempDir;
use tokio::runtime;

/// A way to open a store that is new and empty.
pub(crate) trait Fixture: Sized {
    /// The store.
    type Store: Store;

    /// Opens it.
    fn open() -> Self;

    /// The store, as long as the fixture is there.
    fn store(&self) -> &Self::Store;

    /// Closes it and opens it again, with all that outlives that; a store that does not stays open.
    fn reopen(self) -> Self;
}

/// [`MemoryStore`].
pub(crate) struct Memory(MemoryStore);

impl Fixture for Memory {
    type Store = MemoryStore;

    fn open() -> Self {
        Self(MemoryStore::new())
    }

    fn store(&self) -> &MemoryStore {
        &self.0
    }

    fn reopen(self) -> Self {
        self
    }
}

/// [`SqliteStore`] in a folder of its own.
pub(crate) struct Sqlite {
    // Before the folder, which must be there until the store is closed.
    store: SqliteStore,
    folder: TempDir,
}

impl Fixture for Sqlite {
    type Store = SqliteStore;

    fn open() -> Self {
        let folder = new_folder();
        Self { store: SqliteStore::open(folder.path(), NOW).unwrap(), folder }
    }

    fn store(&self) -> &SqliteStore {
        &self.store
    }

    fn reopen(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        Self { store: SqliteStore::open(folder.path(), NOW).unwrap(), folder }
    }
}

/// In memory, where the system has a place for that: what a disk keeps is not what these tests are about, and waiting for it
/// would be most of their time.
pub(crate) fn new_folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// What a test comes to: it panics where it fails, or says what is wrong.
pub(crate) trait Verdict {
    /// Panics if something is wrong.
    fn demand(self);
}

impl Verdict for () {
    fn demand(self) {}
}

impl Verdict for Result<(), String> {
    fn demand(self) {
        if let Err(problem) = self {
            panic!("{problem}");
        }
    }
}

/// Runs a test on a new store. Afterwards what can be seen of the store must agree with itself.
pub(crate) fn run<F: Fixture, V: Verdict>(test: impl AsyncFnOnce(&Harness<'_, F::Store>) -> V) {
    let fixture = F::open();
    let harness = Harness::new(fixture.store());
    block_on(async {
        test(&harness).await.demand();
        harness.check().await;
    });
}

/// Waits for a future, on a runtime of this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
