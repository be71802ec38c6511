//! Prune: what goes, and what never does.

use crate::support::{
    Harness, KEEP_ALL, KEEP_NO_ENDED, NOW, at, at_ms, begin, ended, id, idempotency, job, line, new_task,
    on_each_store,
};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::{How, NewTask};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::log::{LogPlace, ReadLog};
use mainworker_queue::verbs::prune::{Prune, RUN_TASKS_MAX, Retention};
use mainworker_queue::verbs::record::{LogPiece, Record};

on_each_store! {
    each_state_is_kept_for_its_own_time
    age_is_counted_from_the_end
    open_tasks_are_never_deleted
    all_that_belongs_to_a_task_goes_with_it
    a_place_is_never_used_again
    steps_are_small_and_come_to_an_end
    too_many_bytes_are_taken_from_the_oldest
    too_many_bytes_take_no_more_than_a_run
    a_clock_that_goes_back_deletes_nothing
}

fn step(retention: Retention, now: Timestamp) -> Prune {
    Prune { retention, now, tasks_max: 2, after: 0 }
}

/// Takes tasks 1 to 4, which end at [`NOW`] as completed, failed, cancelled and expired.
async fn four_ends(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Completed, NOW).await;
    store.finished(new_task(2), Outcome::Rejected, NOW).await;
    store.enqueue([new_task(3), NewTask { expires_at: Some(NOW), ..new_task(4) }], NOW).await;
    store.cancel(id(3), NOW).await;
    store.expire(NOW).await;
}

async fn each_state_is_kept_for_its_own_time(store: &Harness<'_, impl Store>) {
    four_ends(store).await;
    let retention = Retention { completed_ms: 4, failed_ms: 3, cancelled_ms: 2, expired_ms: 1, ..KEEP_ALL };
    for (ms, left) in [(1, vec![3, 2, 1]), (2, vec![2, 1]), (3, vec![1]), (4, vec![])] {
        assert_eq!(store.prune(step(KEEP_ALL, at_ms(ms))).await, 0);
        assert_eq!(store.prune(step(retention, at_ms(ms))).await, 1);
        let left: Vec<_> = left.into_iter().map(id).collect();
        assert_eq!(store.list_ids(Filter::default(), NOW).await, left);
        store.check().await;
    }
    let job = &store.overview().await.jobs[&job("echo")];
    assert_eq!(job.concurrency_max, Some(1_000), "a job is not forgotten with its tasks");
}

async fn age_is_counted_from_the_end(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.apply(ended(held, Outcome::Completed, at(100))).await;
    let retention = Retention { completed_ms: 10_000, ..KEEP_ALL };
    assert_eq!(store.prune(step(retention, at_ms(109_999))).await, 0);
    assert_eq!(store.prune(step(retention, at_ms(110_000))).await, 1);
}

async fn open_tasks_are_never_deleted(store: &Harness<'_, impl Store>) {
    store.started(new_task(1), NOW).await;
    store.finished(new_task(2), Outcome::Failed, NOW).await;
    store.enqueue([new_task(3), NewTask { run_at: at(60), ..new_task(4) }], NOW).await;
    store.finished(NewTask { priority: 9, ..new_task(5) }, Outcome::Rejected, NOW).await;
    store.retry(id(5), NOW).await;
    let everything = Retention { store_bytes_max: 0, ..KEEP_NO_ENDED };
    assert_eq!(store.prune(step(everything, Timestamp::MAX)).await, 0);
    assert_eq!(store.list_ids(Filter::default(), NOW).await, [5, 4, 3, 2, 1].map(id));
    assert_eq!(store.claim_ids(at(60)).await.len(), 4, "all of them still run");
}

async fn all_that_belongs_to_a_task_goes_with_it(store: &Harness<'_, impl Store>) {
    let task = NewTask {
        idempotency: idempotency("k", 1),
        tags: vec!["t".to_owned()],
        label: Some("l".to_owned()),
        ..new_task(1)
    };
    let held = store.started(task, NOW).await;
    let log = LogPiece { first_line: 0, lines: vec![line("gone")] };
    store.record(Record { held, log, progress: None }).await;
    store.apply(ended(held, Outcome::Completed, NOW)).await;
    assert_eq!(store.prune(step(KEEP_NO_ENDED, NOW)).await, 1);

    assert_eq!(store.store.task(id(1)).await, Ok(None));
    let read = ReadLog { task: id(1), from: LogPlace::default(), bytes_max: 9 };
    assert_eq!(store.store.log(read).await, Ok(None));
    let by_tag = Filter { tag: Some("t".to_owned()), ..Filter::default() };
    assert!(store.list_ids(by_tag, NOW).await.is_empty());
    let again = NewTask { idempotency: idempotency("k", 2), ..new_task(2) };
    assert_eq!(store.enqueue([again], NOW).await[0].how, How::New, "its key is free");
    assert_eq!(store.messages(id(2)).await, []);
    assert!(store.task(id(2)).await.summary.tags.is_empty());
}

async fn a_place_is_never_used_again(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=3).map(new_task), NOW).await;
    store.cancel(id(3), NOW).await;
    store.prune(step(KEEP_NO_ENDED, NOW)).await;
    store.enqueue([new_task(4)], NOW).await;
    assert_eq!(store.task(id(4)).await.summary.place, 4);
}

async fn steps_are_small_and_come_to_an_end(store: &Harness<'_, impl Store>) {
    for number in 1..=9 {
        store.finished(new_task(number), Outcome::Completed, NOW).await;
    }
    store.enqueue([new_task(10)], NOW).await;
    let mut after = 0;
    let mut deleted = Vec::new();
    loop {
        let pruned = store.store.prune(Prune { after, ..step(KEEP_NO_ENDED, NOW) }).await.unwrap();
        assert!(pruned.tasks <= 2, "{pruned:?}");
        deleted.push(pruned.tasks);
        let Some(next) = pruned.next else { break };
        after = next;
    }
    assert_eq!(deleted.iter().sum::<u64>(), 9);
    assert_eq!(store.list_ids(Filter::default(), NOW).await, [id(10)]);
    // A step in the middle leaves what is before it.
    store.cancel(id(10), NOW).await;
    let pruned = store.store.prune(Prune { after: 10, ..step(KEEP_NO_ENDED, NOW) }).await.unwrap();
    assert_eq!((pruned.tasks, pruned.next), (0, None));
}

async fn too_many_bytes_are_taken_from_the_oldest(store: &Harness<'_, impl Store>) {
    for number in 1..=6 {
        let payload = format!(r#""{}""#, "x".repeat(100_000));
        let task = NewTask { payload, ..new_task(number) };
        let outcome = if number == 2 { Outcome::Failed } else { Outcome::Completed };
        store.finished(task, outcome, NOW).await;
    }
    let store_bytes = store.overview().await.store_bytes;
    let all_fits = Retention { store_bytes_max: store_bytes, ..KEEP_ALL };
    assert_eq!(store.prune(step(all_fits, NOW)).await, 0);

    // The six payloads are most of it; without one of them the rest fits.
    let one_too_many = Retention { store_bytes_max: store_bytes.saturating_sub(50_000), ..KEEP_ALL };
    let deleted = store.prune(step(one_too_many, NOW)).await;
    let left = store.list_ids(Filter::default(), NOW).await;
    if store_bytes == 0 {
        assert_eq!(deleted, 0, "nothing is written to a disk");
        return;
    }
    assert_eq!((deleted, left), (1, [6, 5, 4, 3, 2].map(id).to_vec()));

    let deleted = store.prune(step(Retention { store_bytes_max: 0, ..KEEP_ALL }, NOW)).await;
    assert_eq!((deleted, store.list_ids(Filter::default(), NOW).await), (4, vec![id(2)]));
    assert_eq!(store.state(id(2)).await, State::Queued, "it is open");
}

async fn too_many_bytes_take_no_more_than_a_run(store: &Harness<'_, impl Store>) {
    // A step that looks at all of them, and one that looks at fewer than may go together.
    for (tasks_max, deleted_max) in [(1_000, RUN_TASKS_MAX), (4, 4)] {
        let first = u128::from(store.list(Filter::default(), NOW).await.first().map_or(0, |task| task.place));
        let numbers = first + 1..=first + 2 * RUN_TASKS_MAX as u128;
        let payload = format!(r#""{}""#, "x".repeat(20_000));
        for number in numbers {
            let task = NewTask { payload: payload.clone(), ..new_task(number) };
            store.finished(task, Outcome::Completed, NOW).await;
        }
        let before = store.list_ids(Filter::default(), NOW).await;
        let store_bytes = store.overview().await.store_bytes;
        let one_too_many = Retention { store_bytes_max: store_bytes.saturating_sub(1), ..KEEP_ALL };
        let deleted = store.prune(Prune { tasks_max, ..step(one_too_many, NOW) }).await;
        let deleted = usize::try_from(deleted).unwrap();
        assert_eq!(deleted > 0, store_bytes > 0, "of {store_bytes} bytes on a disk");
        assert!(deleted <= deleted_max, "{deleted}");
        let left = store.list_ids(Filter::default(), NOW).await;
        assert_eq!(left, before[..before.len() - deleted], "the oldest of them");
    }
}

async fn a_clock_that_goes_back_deletes_nothing(store: &Harness<'_, impl Store>) {
    four_ends(store).await;
    let retention = Retention { completed_ms: 1, failed_ms: 1, cancelled_ms: 1, expired_ms: 1, ..KEEP_ALL };
    assert_eq!(store.prune(step(retention, at(-3_600))).await, 0);
    assert_eq!(store.claim(begin(at(-3_600))).await.tasks.len(), 0);
}
