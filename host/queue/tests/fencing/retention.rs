//! Retention finds a task that ended long ago, and in that moment somebody gives it a new life.

use crate::check::{fenced, same};
use crate::support::{Harness, KEEP_NO_ENDED, NOW, at, ended, id, new_task};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::prune::{Prune, Retention};
use mainworker_queue::verbs::retry::Retried;

fenced! {
    a_running_task_is_not_deleted fails_if PrunesUnseenRetries
    a_task_that_waits_again_is_not_deleted fails_if PrunesUnseenRetries
}

/// Keeps nothing that has ended.
fn prune() -> Prune {
    let retention = Retention { store_bytes_max: 0, ..KEEP_NO_ENDED };
    Prune { retention, now: at(3_600), tasks_max: 100, after: 0 }
}

async fn a_running_task_is_not_deleted(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.finished(new_task(1), Outcome::Rejected, NOW).await;
    same(store.retry(id(1), at(3_600)).await, Retried::Queued, "the retry")?;
    let held = store.claim_one(at(3_600)).await.held;
    same(store.prune(prune()).await, 0, "how many were deleted")?;
    let settled = store.settle(ended(held, Outcome::Completed, at(3_600))).await;
    same(settled.state(), Some(State::Completed), "the end")?;
    same(store.task(id(1)).await.attempts.len(), 2, "its attempts")
}

async fn a_task_that_waits_again_is_not_deleted(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.finished(new_task(1), Outcome::Rejected, NOW).await;
    store.retry(id(1), at(3_600)).await;
    same(store.prune(prune()).await, 0, "how many were deleted")?;
    same(store.claim_ids(at(3_600)).await, vec![id(1)], "what is left to do")
}
