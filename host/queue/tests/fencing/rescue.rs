//! A rescue looks for attempts whose lease ended, and in that moment one of them ends or is extended.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, begin, ended, id, new_task};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claimed;
use mainworker_queue::verbs::extend::Extended;

fenced! {
    a_completed_task_is_not_rescued fails_if RescuesUnseenEnds
    a_failed_task_is_not_rescued fails_if RescuesUnseenEnds
    an_extended_attempt_is_not_rescued fails_if RescuesUnseenExtensions
}

async fn ended_is_not_rescued(
    store: &Harness<'_, impl Store>,
    outcome: Outcome,
    state: State,
) -> Result<(), String> {
    let held = store.started(new_task(1), NOW).await;
    // The lease is over, and nobody has said so yet: the attempt is still the one that runs.
    let settled = store.settle(ended(held, outcome, at(16))).await;
    same(settled.state(), Some(state), "the end")?;
    let before = store.seen(id(1)).await;
    same(store.rescue(at(16), at(16)).await, Vec::new(), "those that were rescued")?;
    same(store.seen(id(1)).await, before, "the task")?;
    same(store.claim(begin(Timestamp::MAX)).await, Claimed::default(), "what is left to do")
}

async fn a_completed_task_is_not_rescued(store: &Harness<'_, impl Store>) -> Result<(), String> {
    ended_is_not_rescued(store, Outcome::Completed, State::Completed).await
}

async fn a_failed_task_is_not_rescued(store: &Harness<'_, impl Store>) -> Result<(), String> {
    ended_is_not_rescued(store, Outcome::Rejected, State::Failed).await
}

async fn an_extended_attempt_is_not_rescued(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let held = store.started(new_task(1), NOW).await;
    same(store.extend(held, at(30)).await, Extended::Kept { cancel_requested: false }, "the heartbeat")?;
    same(store.rescue(at(16), at(16)).await, Vec::new(), "those that were rescued")?;
    let settled = store.settle(ended(held, Outcome::Completed, at(17))).await;
    same(settled.state(), Some(State::Completed), "the end")
}
