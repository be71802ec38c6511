//! An attempt that was rescued goes on in a host that does not know it: nothing that it says counts any more.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, ended, id, line, new_task, progress};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::extend::Extended;
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::settle::{Settle, Settled};

fenced! {
    the_end_of_an_overtaken_attempt_changes_nothing fails_if SettlesByTask
    the_failure_of_an_overtaken_attempt_changes_nothing fails_if SettlesByTask
    the_heartbeat_of_an_overtaken_attempt_extends_nothing fails_if ExtendsByTask
    the_words_of_an_overtaken_attempt_are_not_kept fails_if RecordsByTask
}

/// A task whose first attempt was rescued and whose second runs, under a lease until 30 s.
async fn overtaken(store: &Harness<'_, impl Store>) -> (Held, Held) {
    let first = store.started(new_task(1), NOW).await;
    store.rescue(at(15), at(15)).await;
    (first, store.claim_one(at(15)).await.held)
}

async fn the_end_of_an_overtaken_attempt_changes_nothing(
    store: &Harness<'_, impl Store>,
) -> Result<(), String> {
    let (first, second) = overtaken(store).await;
    let before = store.seen(id(1)).await;
    let late = Settle {
        log: LogPiece { first_line: 0, lines: vec![line("late")] },
        asked: vec![new_task(2)],
        ..ended(first, Outcome::Completed, at(20))
    };
    same(store.settle(late).await, Settled::Stale, "the answer")?;
    same(store.seen(id(1)).await, before, "the task")?;
    same(store.store.task(id(2)).await, Ok(None), "the task that was asked for")?;
    let settled = store.settle(ended(second, Outcome::Rejected, at(21))).await;
    same(settled.state(), Some(State::Failed), "the end of the second attempt")
}

async fn the_failure_of_an_overtaken_attempt_changes_nothing(
    store: &Harness<'_, impl Store>,
) -> Result<(), String> {
    let (first, second) = overtaken(store).await;
    let before = store.seen(id(1)).await;
    same(store.settle(ended(first, Outcome::Failed, at(20))).await, Settled::Stale, "the answer")?;
    same(store.seen(id(1)).await, before, "the task")?;
    let settled = store.settle(ended(second, Outcome::Completed, at(21))).await;
    same(settled.state(), Some(State::Completed), "the end of the second attempt")
}

async fn the_heartbeat_of_an_overtaken_attempt_extends_nothing(
    store: &Harness<'_, impl Store>,
) -> Result<(), String> {
    let (first, second) = overtaken(store).await;
    same(store.extend(first, at(3_600)).await, Extended::Stale, "the answer")?;
    let rescued: Vec<Held> = store.rescue(at(30), at(30)).await.iter().map(|one| one.held).collect();
    same(rescued, vec![second], "those whose lease ended")
}

async fn the_words_of_an_overtaken_attempt_are_not_kept(
    store: &Harness<'_, impl Store>,
) -> Result<(), String> {
    let (first, second) = overtaken(store).await;
    let said = |held, message| Record {
        held,
        log: LogPiece { first_line: 0, lines: vec![line(message)] },
        progress: Some(progress(90)),
    };
    same(store.record(said(first, "late")).await, false, "the answer")?;
    same(store.task(id(1)).await.progress, None, "the progress")?;
    store.record(said(second, "in time")).await;
    same(store.messages(id(1)).await, vec![(2, "in time".to_owned())], "the log")
}
