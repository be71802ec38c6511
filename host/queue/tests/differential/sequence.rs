//! Sequences of operations on two stores.

use crate::draw::Draw;
use crate::operation::{Answer, Operation};
use crate::support::{Fixture, Harness, Sqlite, block_on};
use crate::twin::{Flaw, Twin};
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::store::Store;
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Operations of one sequence.
pub(crate) const OPERATIONS: usize = 290;
/// Sequences unless told otherwise.
const SEEDS: u64 = 200;
/// Sequences at a time.
const THREADS: usize = 4;

/// Every flaw that is one.
const FLAWS: [Flaw; 18] = [
    Flaw::SettlesByTask,
    Flaw::ExtendsByTask,
    Flaw::RecordsByTask,
    Flaw::TellsByHost,
    Flaw::ClaimsUnseen,
    Flaw::RescuesUnseenEnds,
    Flaw::RescuesUnseenExtensions,
    Flaw::CancelsUnseenEnds,
    Flaw::SettlesUnseenCancels,
    Flaw::PrunesUnseenRetries,
    Flaw::LeasesByWallClock,
    Flaw::ForgetsWhatWasDue,
    Flaw::CountsNoKeys,
    Flaw::FiresUnseenLooks,
    Flaw::ForgetsOccurrences,
    Flaw::DeploysOverUnseen,
    Flaw::RollsBackAndForth,
    Flaw::CollectsUnseenTasks,
];

/// Asks the memory store and another one the same, as the seed says: what they answered differently first.
async fn compare<F: Fixture>(seed: u64, mut other: F) -> Result<(), String> {
    let memory = MemoryStore::new();
    let memory = Harness::new(&memory);
    let mut draw = Draw::new(seed);
    let mut asked = Vec::new();
    for step in 0..OPERATIONS {
        if draw.reopens() {
            other = other.reopen();
            asked.push(format!("{step}: opened again"));
        }
        let operation = draw.next();
        asked.push(format!("{step}: {operation:?}"));
        let answer = both(&memory, &Harness::new(other.store()), operation).await.map_err(|problem| {
            let latest = asked[asked.len().saturating_sub(12)..].join("\n");
            format!("seed {seed}, the latest operations:\n{latest}\n{problem}")
        })?;
        draw.learn(&answer);
    }

    let other = other.reopen();
    for operation in draw.last() {
        both(&memory, &Harness::new(other.store()), operation.clone())
            .await
            .map_err(|problem| format!("seed {seed}, in the end: {operation:?}\n{problem}"))?;
    }
    Ok(())
}

async fn both(
    memory: &Harness<'_, MemoryStore>,
    other: &Harness<'_, impl Store>,
    operation: Operation,
) -> Result<Answer, String> {
    let answers = (operation.clone().ask(memory).await, operation.ask(other).await);
    if answers.0 == answers.1 {
        return Ok(answers.0);
    }
    Err(format!("memory answered    {:?}\nthe other answered {:?}", answers.0, answers.1))
}

/// Compares a store with the memory store, over as many seeds or the one that the environment names.
fn compare_with_memory<F: Fixture>() {
    let seeds = match (number("MAINWORKER_SEED"), number("MAINWORKER_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(SEEDS),
    };
    let next = AtomicU64::new(seeds.start);
    // A store may have to wait for its disk.
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        break;
                    }
                    if let Err(problem) = block_on(compare(seed, F::open())) {
                        panic!("{problem}");
                    }
                }
            });
        }
    });
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn sqlite_cannot_be_told_from_memory() {
    compare_with_memory::<Sqlite>();
}

#[test]
fn two_memory_stores_cannot_be_told_apart() {
    // What differs here differs by itself: the operations are not the same, or an answer depends on chance.
    for seed in 0..20 {
        assert_eq!(block_on(compare(seed, Twin::new(Flaw::None))), Ok(()));
    }
}

#[test]
fn a_store_without_a_guard_is_found_out() {
    for flaw in FLAWS {
        let found_out = (0..100).any(|seed| block_on(compare(seed, Twin::new(flaw))).is_err());
        assert!(found_out, "{flaw:?}");
    }
}

impl Fixture for Twin {
    type Store = Self;

    fn open() -> Self {
        Self::new(Flaw::None)
    }

    fn store(&self) -> &Self {
        self
    }

    fn reopen(self) -> Self {
        self
    }
}
