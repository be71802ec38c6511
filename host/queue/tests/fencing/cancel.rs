//! Somebody cancels a task in the moment in which its attempt ends.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, ended, id, new_task};
use mainworker_domain::lifecycle::{Refusal, State};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::Cancelled;

fenced! {
    a_result_is_not_cancelled fails_if CancelsUnseenEnds
    a_wanted_cancel_is_not_lost_with_a_failure fails_if SettlesUnseenCancels
    a_wanted_cancel_does_not_cost_a_result fails_if CancelsUnseenEnds
}

async fn a_result_is_not_cancelled(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let held = store.started(new_task(1), NOW).await;
    store.settle(ended(held, Outcome::Completed, at(1))).await;
    let before = store.seen(id(1)).await;
    let refused = Cancelled::Refused(Refusal::NotCancellable { state: State::Completed });
    same(store.cancel(id(1), at(1)).await, refused, "the answer")?;
    same(store.seen(id(1)).await, before, "the task")
}

async fn a_wanted_cancel_is_not_lost_with_a_failure(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let held = store.started(new_task(1), NOW).await;
    same(store.cancel(id(1), at(1)).await, Cancelled::Requested { attempt: 1 }, "the answer")?;
    // The attempt failed before it was told.
    let settled = store.settle(ended(held, Outcome::Failed, at(1))).await;
    same(settled.state(), Some(State::Cancelled), "the end")?;
    same(store.state(id(1)).await, State::Cancelled, "the task")
}

async fn a_wanted_cancel_does_not_cost_a_result(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let held = store.started(new_task(1), NOW).await;
    same(store.cancel(id(1), at(1)).await, Cancelled::Requested { attempt: 1 }, "the answer")?;
    let settled = store.settle(ended(held, Outcome::Completed, at(1))).await;
    same(settled.state(), Some(State::Completed), "the end")?;
    let refused = Cancelled::Refused(Refusal::NotCancellable { state: State::Completed });
    same(store.cancel(id(1), at(2)).await, refused, "a second cancel")?;
    same(store.task(id(1)).await.result.is_some(), true, "whether the result is there")
}
