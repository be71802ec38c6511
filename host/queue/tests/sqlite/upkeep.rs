//! Small things that the store keeps for its host.

use crate::support::{NOW, block_on, new_folder};
use mainworker_queue::sqlite::SqliteStore;

#[test]
fn the_value_that_is_there_wins() {
    let folder = new_folder();
    let store = SqliteStore::open(folder.path(), NOW).unwrap();
    block_on(async {
        assert_eq!(store.kept("key check").await, Ok(None));
        assert_eq!(store.keep("key check", b"first").await, Ok(b"first".to_vec()));
        assert_eq!(store.keep("key check", b"second").await, Ok(b"first".to_vec()));
        assert_eq!(store.keep("another", b"").await, Ok(Vec::new()));
        let (one, other) = tokio::join!(store.keep("raced", b"a"), store.keep("raced", b"b"));
        assert_eq!(one, other);
        drop(store);
        let store = SqliteStore::open(folder.path(), NOW).unwrap();
        assert_eq!(store.kept("key check").await, Ok(Some(b"first".to_vec())));
        assert_eq!(store.keep("key check", b"third").await, Ok(b"first".to_vec()));
    });
}
