//! When all is over: what the store says of a task against what must be.

use crate::model::{Check, ModelTask, ensure};
use crate::script;
use crate::world::now;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::memory::MemoryStore;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::log::{LogPlace, ReadLog};

/// One task, with its attempts.
pub(crate) fn check_task(store: &MemoryStore, id: TaskId, expected: &ModelTask) -> Check {
    let view = now(store.task(id)).unwrap().ok_or_else(|| format!("{id} is not there any more"))?;
    let (state, life) = (view.summary.state, &expected.life);
    ensure!(state.is_terminal(), "{id} is {state} at the end");
    ensure!(state == life.state, "{id} is {state}, expected {}", life.state);
    ensure!(view.summary.outcome == life.outcome, "{id} ended with {:?}", view.summary.outcome);
    let outcomes: Vec<_> = view.attempts.iter().map(|attempt| attempt.outcome).collect();
    let ends: Vec<_> = expected.ends.iter().copied().map(Some).collect();
    ensure!(outcomes == ends, "the attempts of {id} ended with {outcomes:?}, expected {ends:?}");
    let completions = expected.ends.iter().filter(|&&outcome| outcome == Outcome::Completed).count();
    ensure!(completions == usize::from(state == State::Completed), "{id} completed {completions} times");
    let last = u32::try_from(expected.ends.len()).unwrap();
    let result = (state == State::Completed).then(|| script::result(id, last));
    ensure!(view.result == result, "the result of {id} is {:?}", view.result);
    Ok(())
}

/// That the newest attempt came as far as it does with so many lines.
pub(crate) fn check_progress(store: &MemoryStore, id: TaskId, lines: u32) -> Check {
    let progress = now(store.task(id)).unwrap().and_then(|view| view.progress);
    let expected = (lines > 0).then(|| script::progress(lines));
    ensure!(progress == expected, "the progress of {id} is {progress:?}, expected {expected:?}");
    Ok(())
}

/// How many lines were kept of an attempt; they must be its first ones.
pub(crate) fn lines_of(store: &MemoryStore, id: TaskId, attempt: u32) -> Check<u32> {
    let from = LogPlace { attempt, line: 0 };
    let page = now(store.log(ReadLog { task: id, from, bytes_max: usize::MAX })).unwrap();
    let lines = page.ok_or_else(|| format!("{id} has no log"))?.lines;
    let mut number = 0;
    for (_, line) in lines.into_iter().filter(|(of, _)| *of == attempt) {
        ensure!(line == script::line(id, attempt, number), "line {number} of {id} is {line:?}");
        number += 1;
    }
    Ok(number)
}
