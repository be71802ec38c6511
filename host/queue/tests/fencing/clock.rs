//! The wall clock jumps by an hour, either way. Leases end by another clock, and what was due stays due.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, begin, ended, id, new_task};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::{Claim, Claimed};
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::rescue::Rescue;

fenced! {
    a_jump_forward_rescues_nobody fails_if LeasesByWallClock
    a_jump_back_leaves_nobody_lost fails_if LeasesByWallClock
    a_jump_back_holds_up_nothing_that_was_due fails_if ForgetsWhatWasDue
    jumps_while_tasks_wait_and_run_lose_none fails_if LeasesByWallClock
}

/// Seconds of a jump.
const HOUR: i64 = 3_600;

/// When leases end, by the clock that is steady: it began at zero.
fn steady(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * 1_000)
}

/// A claim at `now` by the wall clock, under a lease until `until` by the other.
fn leased(now: Timestamp, until: i64) -> Claim {
    Claim { lease_until: steady(until), ..begin(now) }
}

async fn rescued(store: &Harness<'_, impl Store>, leases_until: i64, now: Timestamp) -> Vec<Held> {
    let rescue = Rescue { leases_until: steady(leases_until), tasks_max: 100, now };
    store.store.rescue(rescue).await.unwrap().iter().map(|one| one.held).collect()
}

async fn a_jump_forward_rescues_nobody(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.enqueue([new_task(1)], NOW).await;
    let claimed = store.claim(leased(NOW, 15)).await;
    let later = at(HOUR);
    same(rescued(store, 1, later).await, Vec::new(), "those that were rescued after a second")?;
    let settled = store.settle(ended(claimed.tasks[0].held, Outcome::Completed, later)).await;
    same(settled.state(), Some(State::Completed), "the end")
}

async fn a_jump_back_leaves_nobody_lost(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.enqueue([new_task(1)], NOW).await;
    let claim = Claim { lease_until: at(15), ..begin(NOW) };
    let held = store.claim(claim).await.tasks[0].held;
    // Its host is dead, and the steady clock has come to the end of its lease.
    let earlier = at(-HOUR);
    let rescue = Rescue { leases_until: at(15), tasks_max: 100, now: earlier };
    let lost: Vec<Held> = store.store.rescue(rescue).await.unwrap().iter().map(|one| one.held).collect();
    same(lost, vec![held], "those that were rescued")?;
    same(store.claim_ids(earlier).await, vec![id(1)], "what may begin at once")
}

async fn a_jump_back_holds_up_nothing_that_was_due(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let due = |number, seconds| NewTask { run_at: at(seconds), ..new_task(number) };
    store.enqueue([due(1, 10), due(2, 20), due(3, 0)], NOW).await;
    // All slots are taken when the first becomes due.
    let full = store.claim(Claim { tasks_max: 0, ..begin(at(10)) }).await;
    same((full.tasks.len(), full.more), (0, true), "a claim without room")?;
    let earlier = at(-HOUR);
    let claimed = store.claim(begin(earlier)).await;
    let begun: Vec<_> = claimed.tasks.iter().map(|task| task.held.task).collect();
    same(begun, vec![id(3), id(1)], "what was due")?;
    same(claimed.next_due_at, Some(at(20)), "when the other is due")
}

async fn jumps_while_tasks_wait_and_run_lose_none(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let (back, forth) = (at(-HOUR), at(HOUR));
    store.enqueue([new_task(1), new_task(2)], NOW).await;
    let first = store.claim(leased(NOW, 15)).await.tasks;
    // It fails after the clock went back: the wait is counted from there.
    store.settle(ended(first[0].held, Outcome::Failed, back)).await;
    same(store.claim(leased(back, 16)).await.next_due_at, Some(at(5 - HOUR)), "the wait")?;
    // The clock goes forth; the other still runs.
    same(rescued(store, 14, forth).await, Vec::new(), "those that were rescued")?;
    let again = store.claim(leased(forth, 30)).await.tasks;
    same(again.iter().map(|task| task.held.task).collect(), vec![id(1)], "what was due")?;
    same(rescued(store, 15, NOW).await, vec![first[1].held], "those that were lost")?;
    let last = store.claim(leased(back, 31)).await.tasks;
    for held in [again[0].held, last[0].held] {
        let settled = store.settle(ended(held, Outcome::Completed, back)).await;
        same(settled.state(), Some(State::Completed), "the end")?;
    }
    same(store.claim(begin(Timestamp::MAX)).await, Claimed::default(), "what is left to do")
}
