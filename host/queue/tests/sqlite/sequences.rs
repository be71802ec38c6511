//! Whatever is done to a store, in whatever order, its tables agree with one another.

use crate::audit::audit;
use crate::draw::Draw;
use crate::operation::Operation;
use crate::support::{Harness, NOW, block_on, new_folder};
use mainworker_queue::sqlite::SqliteStore;

/// Sequences of operations, drawn like those of `differential`, where their answers are compared with another store's.
const SEEDS: u64 = 30;
const OPERATIONS: usize = 200;
/// Operations between two looks at the tables.
const LOOK_INTERVAL: usize = 40;

/// Runs a sequence on a store with so many pages at the most. Answers how many operations found no room.
fn run(seed: u64, pages_max: Option<u32>) -> usize {
    let folder = new_folder();
    let mut store = SqliteStore::open_bounded(folder.path(), NOW, pages_max).unwrap();
    let mut draw = Draw::new(seed);
    let mut full = 0;
    for step in 1..=OPERATIONS {
        if draw.reopens() {
            drop(store);
            store = SqliteStore::open_bounded(folder.path(), NOW, pages_max).unwrap();
        }
        let mut operation = draw.next();
        if let (Operation::Enqueue(enqueue), true) = (&mut operation, pages_max.is_some()) {
            enqueue.tasks.iter_mut().for_each(|task| task.payload = "x".repeat(3_000));
        }
        let answer = block_on(operation.ask(&Harness::new(&store)));
        full += usize::from(format!("{answer:?}").contains("Full { doing"));
        draw.learn(&answer);
        if step % LOOK_INTERVAL == 0 {
            audit(folder.path());
        }
    }
    block_on(Harness::new(&store).check());
    full
}

#[test]
fn tables_agree_with_one_another() {
    assert_eq!((0..SEEDS).map(|seed| run(seed, None)).sum::<usize>(), 0);
}

#[test]
fn tables_agree_with_one_another_when_there_is_no_room() {
    // As many pages as an empty store has: room for a few tasks.
    let full: usize = (0..SEEDS).map(|seed| run(seed, Some(1))).sum();
    assert!(full > 50, "{full} operations found no room, too few to show anything");
}
