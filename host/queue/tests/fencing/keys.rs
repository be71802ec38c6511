//! Two claims, and two of one key in each: together they begin no more than may run.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, begin, concurrency, ended, id, new_task};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::NewTask;

fenced! {
    a_claim_counts_its_own_batch fails_if CountsNoKeys
    two_claims_count_for_each_other fails_if CountsNoKeys
    what_was_rescued_makes_room_once fails_if CountsNoKeys
}

fn keyed(number: u128, running_max: u32) -> NewTask {
    NewTask { concurrency_key: concurrency("k", running_max), ..new_task(number) }
}

async fn a_claim_counts_its_own_batch(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.enqueue((1..=5).map(|number| keyed(number, 2)), NOW).await;
    same(store.claim_ids(NOW).await, vec![id(1), id(2)], "what begins")
}

async fn two_claims_count_for_each_other(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.enqueue((1..=5).map(|number| keyed(number, 2)), NOW).await;
    let one = store.claim(Claim { tasks_max: 1, ..begin(NOW) }).await.tasks;
    same(store.claim_ids(NOW).await, vec![id(2)], "what the second begins")?;
    store.apply(ended(one[0].held, Outcome::Completed, at(1))).await;
    same(store.claim_ids(at(1)).await, vec![id(3)], "what begins afterwards")?;
    same(store.claim_ids(at(1)).await, vec![], "what begins then")
}

async fn what_was_rescued_makes_room_once(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.enqueue((1..=3).map(|number| keyed(number, 1)), NOW).await;
    let held = store.claim_one(NOW).await.held;
    store.rescue(at(15), at(15)).await;
    same(store.claim_ids(at(15)).await, vec![id(1)], "what begins")?;
    store.settle(ended(held, Outcome::Completed, at(16))).await;
    same(store.claim_ids(at(16)).await, vec![], "what begins after a stale end")
}
