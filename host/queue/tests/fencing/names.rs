//! Two dispatchers of one name on one store: a copied host, or one that was started again while it was still there.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, begin, ended, id, new_task};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::{Claim, Claimed};
use mainworker_queue::verbs::extend::Extended;
use mainworker_queue::verbs::settle::Settled;

fenced! {
    they_begin_nothing_twice fails_if ClaimsUnseen
    one_does_not_end_what_the_other_runs fails_if TellsByHost
    one_does_not_extend_what_the_other_runs fails_if TellsByHost
}

/// What the next claim of a dispatcher begins, by number and with its name.
async fn claim(store: &Harness<'_, impl Store>, tasks_max: usize, now: Timestamp) -> Vec<Held> {
    let claim = Claim { host: "the-host".to_owned(), tasks_max, ..begin(now) };
    store.claim(claim).await.tasks.iter().map(|task| task.held).collect()
}

async fn they_begin_nothing_twice(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.enqueue((1..=4).map(new_task), NOW).await;
    let one = claim(store, 2, NOW).await;
    let other = claim(store, 100, NOW).await;
    let ids = |held: &[Held]| held.iter().map(|held| held.task).collect::<Vec<_>>();
    same((ids(&one), ids(&other)), (vec![id(1), id(2)], vec![id(3), id(4)]), "who runs what")?;
    for held in one.into_iter().chain(other) {
        let settled = store.settle(ended(held, Outcome::Completed, at(1))).await;
        same(settled.state(), Some(State::Completed), "the end")?;
    }
    same(store.claim(begin(Timestamp::MAX)).await, Claimed::default(), "what is left to do")
}

/// A task that one of them lost and the other runs: both attempts.
async fn handed_over(store: &Harness<'_, impl Store>) -> (Held, Held) {
    store.enqueue([new_task(1)], NOW).await;
    let lost = claim(store, 1, NOW).await[0];
    store.rescue(at(15), at(15)).await;
    (lost, claim(store, 1, at(15)).await[0])
}

async fn one_does_not_end_what_the_other_runs(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let (lost, held) = handed_over(store).await;
    same(store.settle(ended(lost, Outcome::Completed, at(16))).await, Settled::Stale, "the answer")?;
    same(store.state(id(1)).await, State::Running, "the task")?;
    let settled = store.settle(ended(held, Outcome::Rejected, at(17))).await;
    same(settled.state(), Some(State::Failed), "the end")
}

async fn one_does_not_extend_what_the_other_runs(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let (lost, held) = handed_over(store).await;
    same(store.extend(lost, at(3_600)).await, Extended::Stale, "the answer")?;
    let rescued: Vec<Held> = store.rescue(at(30), at(30)).await.iter().map(|one| one.held).collect();
    same(rescued, vec![held], "those whose lease ended")
}
