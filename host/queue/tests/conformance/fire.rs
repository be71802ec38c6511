//! Fire: what becomes of runs.

use crate::support::{
    Harness, NOW, apply, ask, at, ended, fire, id, idempotency, job, new_task, on_each_store, put, schedule,
    unique,
};
use mainworker_domain::audit::{Action, Actor, Object};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::schedule::{Open, Overlap};
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::audit::AuditFilter;
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::enqueue::{Enqueue, Enqueued, How, NewTask};
use mainworker_queue::verbs::fire::{CancelledForRun, Done, Fire, Fired, Run, RunFate};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::retry::Retried;
use mainworker_queue::verbs::schedules::{
    ApplySchedules, OCCURRENCES_SHOWN_MAX, OccurrenceFate, PauseSchedule, ScheduleRow,
};

on_each_store! {
    a_run_becomes_a_task_that_says_of_what
    a_look_that_brings_about_nothing_moves_on
    each_occurrence_is_decided_once
    what_is_refused_is_kept_as_a_problem
    of_a_paused_schedule_only_people_bring_about_runs
    one_that_is_gone_is_stale
    what_people_bring_about_moves_nothing_on
    a_request_that_is_repeated_makes_one_task
    a_run_is_skipped_while_another_is_open
    at_most_one_waits
    what_is_in_the_way_is_cancelled
    runs_of_one_look_count_for_each_other
    a_retried_task_is_open_again
    the_queue_may_be_full
    a_unique_key_is_kept_to
    the_newest_occurrences_are_shown
    what_somebody_wanted_is_in_the_audit
}

async fn scheduled(store: &Harness<'_, impl Store>) -> ScheduleRow {
    store.put(put("nightly", "{}"), NOW).await
}

/// The schedule as it stands.
async fn row(store: &Harness<'_, impl Store>) -> ScheduleRow {
    store.schedule(&schedule("nightly")).await.row
}

/// Runs a task for its number in seconds, with this policy: its fate, and what was cancelled.
async fn run(
    store: &Harness<'_, impl Store>,
    number: u128,
    overlap: Overlap,
) -> (RunFate, Vec<CancelledForRun>) {
    let seconds = i64::try_from(number).unwrap();
    let fire = fire(&row(store).await, [(at(seconds), new_task(number))], at(seconds));
    let Done { mut fates, cancelled } = store.fire(Fire { overlap, ..fire }).await;
    (fates.pop().unwrap(), cancelled)
}

fn enqueued(number: u128) -> RunFate {
    RunFate::Enqueued(Enqueued { id: id(number), how: How::New })
}

fn by_hand(row: &ScheduleRow, task: NewTask) -> Fire {
    let run = Run { occurrence: None, task: Ok(Box::new(task)) };
    Fire { runs: vec![run], by: Some(Actor::Operator), ..fire(row, [], at(30)) }
}

async fn a_run_becomes_a_task_that_says_of_what(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let later = NewTask { run_at: at(20), ..new_task(2) };
    let done = store.fire(fire(&seen, [(at(1), new_task(1)), (at(2), later)], at(3))).await;
    assert_eq!(done, Done { fates: vec![enqueued(1), enqueued(2)], cancelled: Vec::new() });
    for (number, seconds) in [(1, 1), (2, 2)] {
        let summary = store.task(id(number)).await.summary;
        assert_eq!((summary.schedule, summary.occurrence), (Some(schedule("nightly")), Some(at(seconds))));
    }
    let after = row(store).await;
    assert_eq!((after.runs, after.evaluated_to, after.next_at), (2, at(3), Some(at(63))));
    store.enqueue([new_task(3)], NOW).await;
    let filter = Filter { schedule: Some(schedule("nightly")), ..Filter::default() };
    assert_eq!(store.list_ids(filter, NOW).await, [id(2), id(1)]);
    assert_eq!(store.task(id(3)).await.summary.schedule, None);
    assert_eq!(store.claim_ids(at(3)).await, [id(3), id(1)], "in the order of all tasks");
    assert_eq!(store.schedule(&schedule("nightly")).await.open, Open { running: 1, queued: 1 });
}

async fn a_look_that_brings_about_nothing_moves_on(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let look = Fire { dropped: 4, ended: Some("end-at".to_owned()), next_at: None, ..fire(&seen, [], at(9)) };
    assert_eq!(store.fire(look).await, Done::default());
    let after = row(store).await;
    assert_eq!((after.missed, after.ended.as_deref(), after.next_at), (4, Some("end-at"), None));
    assert_eq!((after.runs, after.evaluated_to, after.revision), (0, at(9), 1));
}

async fn each_occurrence_is_decided_once(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let twice = fire(&seen, [(at(1), new_task(1)), (at(1), new_task(2))], at(1));
    assert_eq!(store.fire(twice).await.fates, [enqueued(1), RunFate::Known]);
    store.cancel(id(1), at(2)).await;
    let again = fire(&row(store).await, [(at(1), new_task(3))], at(3));
    assert_eq!(store.fire(again).await.fates, [RunFate::Known], "whatever became of its task");
    assert_eq!(row(store).await.runs, 1);
}

async fn what_is_refused_is_kept_as_a_problem(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let refused =
        |seconds, problem: &str| Run { occurrence: Some(at(seconds)), task: Err(problem.to_owned()) };
    let runs = vec![refused(1, "the first"), refused(2, "the second")];
    let fates = store.fire(Fire { runs, ..fire(&seen, [], at(3)) }).await.fates;
    assert_eq!(fates, ["the first", "the second"].map(|problem| RunFate::Refused(problem.to_owned())));
    let problem = row(store).await.last_problem.unwrap();
    assert_eq!((problem.at, problem.message.as_str()), (at(3), "the second"));
    let occurrences = store.schedule(&schedule("nightly")).await.occurrences;
    let found: Vec<_> = occurrences.iter().map(|one| (one.at, one.fate, one.task.is_some())).collect();
    let gone = |seconds| (at(seconds), OccurrenceFate::Refused, false);
    assert_eq!(found, [gone(2), gone(1)]);
    assert_eq!(run(store, 4, Overlap::Allow).await.0, enqueued(4));
    assert_eq!(row(store).await.last_problem, None, "it is over");
}

async fn of_a_paused_schedule_only_people_bring_about_runs(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let pause = PauseSchedule { name: schedule("nightly"), paused: true, next_at: None, now: NOW, by: None };
    store.store.pause_schedule(pause).await.unwrap();
    let by_itself = fire(&seen, [(at(1), new_task(1))], at(1));
    assert_eq!(store.store.fire(by_itself).await, Ok(Fired::Stale));
    assert_eq!(store.fire(by_hand(&seen, new_task(2))).await.fates, [enqueued(2)]);
}

async fn one_that_is_gone_is_stale(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let delete = apply([], NOW);
    let deletes = vec![schedule("nightly")];
    let delete = ApplySchedules { deletes, ..delete };
    store.store.apply_schedules(delete).await.unwrap();
    scheduled(store).await;
    for stale in [fire(&seen, [(at(1), new_task(1))], at(1)), by_hand(&seen, new_task(2))] {
        assert_eq!(store.store.fire(stale).await, Ok(Fired::Stale), "also if one of its name is there");
    }
}

async fn what_people_bring_about_moves_nothing_on(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    run(store, 1, Overlap::Allow).await;
    let before = row(store).await;
    let fill_in = Fire {
        by: Some(Actor::Settings),
        dropped: 9,
        ended: Some("once".to_owned()),
        ..fire(&seen, [(at(-60), new_task(2))], at(40))
    };
    assert_eq!(store.fire(fill_in).await.fates, [enqueued(2)], "although the scheduler went on");
    assert_eq!(store.fire(by_hand(&seen, new_task(3))).await.fates, [enqueued(3)]);
    assert_eq!(row(store).await, before);
    assert_eq!(store.task(id(2)).await.summary.occurrence, Some(at(-60)));
    assert_eq!(store.task(id(3)).await.summary.occurrence, None);
    assert_eq!(store.schedule(&schedule("nightly")).await.occurrences.len(), 2);
    let changed = store.put(put("nightly", "[]"), NOW).await;
    assert_eq!(
        store.store.fire(by_hand(&seen, new_task(4))).await,
        Ok(Fired::Stale),
        "it says something else"
    );
    assert_eq!(store.fire(by_hand(&changed, new_task(4))).await.fates, [enqueued(4)]);
}

async fn a_request_that_is_repeated_makes_one_task(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let keyed = |number| NewTask { idempotency: idempotency("k", 1), ..new_task(number) };
    for overlap in Overlap::ALL {
        let done = store.fire(Fire { overlap, ..by_hand(&seen, keyed(1)) }).await;
        let how = if overlap == Overlap::Allow { How::New } else { How::Known };
        let fates = vec![RunFate::Enqueued(Enqueued { id: id(1), how })];
        assert_eq!(done, Done { fates, cancelled: Vec::new() }, "it is not in its own way: {overlap:?}");
    }
    assert_eq!(store.list_ids(Filter::default(), NOW).await, [id(1)]);
}

async fn a_run_is_skipped_while_another_is_open(store: &Harness<'_, impl Store>) {
    scheduled(store).await;
    store.enqueue([new_task(100)], NOW).await;
    assert_eq!(run(store, 1, Overlap::Skip).await.0, enqueued(1), "other tasks are in no way");
    assert_eq!(run(store, 2, Overlap::Skip).await.0, RunFate::Overlapped);
    store.cancel(id(100), NOW).await;
    let held = store.claim_one(at(2)).await.held;
    assert_eq!(run(store, 3, Overlap::Skip).await.0, RunFate::Overlapped);
    store.apply(ended(held, Outcome::Completed, at(3))).await;
    assert_eq!(run(store, 4, Overlap::Skip).await.0, enqueued(4));
    let occurrences = store.schedule(&schedule("nightly")).await.occurrences;
    let fates: Vec<_> = occurrences.iter().map(|one| one.fate).collect();
    use OccurrenceFate::{Enqueued, Overlapped};
    assert_eq!(fates, [Enqueued, Overlapped, Overlapped, Enqueued]);
    assert_eq!(row(store).await.runs, 2);
}

async fn at_most_one_waits(store: &Harness<'_, impl Store>) {
    scheduled(store).await;
    assert_eq!(run(store, 1, Overlap::QueueOne).await.0, enqueued(1));
    assert_eq!(run(store, 2, Overlap::QueueOne).await.0, RunFate::Overlapped);
    store.claim_one(at(2)).await;
    assert_eq!(run(store, 3, Overlap::QueueOne).await.0, enqueued(3));
    assert_eq!(run(store, 4, Overlap::QueueOne).await.0, RunFate::Overlapped);
}

async fn what_is_in_the_way_is_cancelled(store: &Harness<'_, impl Store>) {
    scheduled(store).await;
    run(store, 1, Overlap::Allow).await;
    store.claim_one(at(1)).await;
    run(store, 2, Overlap::Allow).await;
    let (fate, cancelled) = run(store, 3, Overlap::CancelRunning).await;
    let one = |number, how| CancelledForRun { id: id(number), job: job("echo"), how };
    let expected = [one(1, Cancelled::Requested { attempt: 1 }), one(2, Cancelled::Now)];
    assert_eq!((fate, cancelled.as_slice()), (enqueued(3), expected.as_slice()));
    assert!(store.task(id(1)).await.summary.cancel_requested);
    assert_eq!(store.state(id(2)).await, State::Cancelled);
    let (_, cancelled) = run(store, 4, Overlap::CancelRunning).await;
    assert_eq!(cancelled, [one(3, Cancelled::Now)], "what is told to stop was told");
    assert_eq!(store.audit(AuditFilter::default()).await.len(), 1, "only the operator's schedule");
}

async fn runs_of_one_look_count_for_each_other(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let both = |first: u128, row: &ScheduleRow| {
        let runs = [first, first + 1].map(|number| (at(i64::try_from(number).unwrap()), new_task(number)));
        fire(row, runs, at(50))
    };
    let done = store.fire(Fire { overlap: Overlap::Skip, ..both(1, &seen) }).await;
    assert_eq!(done.fates, [enqueued(1), RunFate::Overlapped]);
    let done = store.fire(Fire { overlap: Overlap::CancelRunning, ..both(3, &row(store).await) }).await;
    assert_eq!(done.fates, [enqueued(3), enqueued(4)]);
    let ids: Vec<_> = done.cancelled.iter().map(|one| one.id).collect();
    assert_eq!(ids, [id(1), id(3)]);
}

async fn a_retried_task_is_open_again(store: &Harness<'_, impl Store>) {
    scheduled(store).await;
    run(store, 1, Overlap::Allow).await;
    let held = store.claim_one(at(1)).await.held;
    store.apply(ended(held, Outcome::Rejected, at(2))).await;
    assert_eq!(store.schedule(&schedule("nightly")).await.open, Open::default());
    assert_eq!(store.retry(id(1), at(3)).await, Retried::Queued);
    assert_eq!(store.schedule(&schedule("nightly")).await.open, Open { running: 0, queued: 1 });
    assert_eq!(run(store, 5, Overlap::Skip).await.0, RunFate::Overlapped);
}

async fn the_queue_may_be_full(store: &Harness<'_, impl Store>) {
    scheduled(store).await;
    let full = Enqueue { open_max: 0, ..ask([new_task(1)], NOW) };
    store.refused(full).await;
    assert_eq!(run(store, 1, Overlap::Allow).await.0, enqueued(1), "there is no bound for it");
}

async fn a_unique_key_is_kept_to(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let sole = |number, policy| NewTask { unique: unique("u", policy), ..new_task(number) };
    store.enqueue([sole(1, UniquePolicy::Reject)], NOW).await;
    let runs = UniquePolicy::ALL.map(|policy| (2, policy));
    let runs = (1..).zip(runs).map(|(seconds, (number, policy))| (at(seconds), sole(number, policy)));
    let fates = store.fire(fire(&seen, runs, at(9))).await.fates;
    let refusal = "its unique key is held by 00000000-0000-0000-0000-000000000001, which is queued";
    let replaced = RunFate::Enqueued(Enqueued { id: id(2), how: How::Replaced(id(1)) });
    let existing = RunFate::Enqueued(Enqueued { id: id(2), how: How::Existing });
    assert_eq!(fates, [RunFate::Refused(refusal.to_owned()), replaced, existing]);
}

async fn the_newest_occurrences_are_shown(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    let runs = (1..=30).rev().map(|number| (at(number), new_task(u128::try_from(number).unwrap())));
    store.fire(fire(&seen, runs, at(60))).await;
    let occurrences = store.schedule(&schedule("nightly")).await.occurrences;
    assert_eq!(occurrences.len(), OCCURRENCES_SHOWN_MAX);
    for (number, occurrence) in (1..=30).rev().zip(&occurrences) {
        let id = id(u128::try_from(number).unwrap());
        assert_eq!((occurrence.at, occurrence.fate), (at(number), OccurrenceFate::Enqueued));
        assert_eq!(occurrence.task, Some(store.task(id).await.summary));
    }
}

async fn what_somebody_wanted_is_in_the_audit(store: &Harness<'_, impl Store>) {
    let seen = scheduled(store).await;
    store.fire(by_hand(&seen, new_task(1))).await;
    let runs = [(at(-2), new_task(2)), (at(-1), new_task(3))];
    let fill_in = || Fire {
        by: Some(Actor::Settings),
        overlap: Overlap::CancelRunning,
        ..fire(&seen, runs.clone(), at(9))
    };
    store.fire(fill_in()).await;
    store.fire(fill_in()).await;
    let entries = store.audit(AuditFilter::default()).await.into_iter().rev().skip(1);
    let found: Vec<_> =
        entries.map(|row| (row.entry.actor, row.entry.action, row.entry.object, row.entry.detail)).collect();
    let nightly = || Object::Schedule(schedule("nightly"));
    let expected = [
        (Actor::Operator, Action::ScheduleTriggered, nightly(), Some("tasks 1".to_owned())),
        (Actor::Settings, Action::TaskCancelled, Object::Task(id(1)), None),
        (Actor::Settings, Action::TaskCancelled, Object::Task(id(2)), None),
        (Actor::Settings, Action::ScheduleBackfilled, nightly(), Some("tasks 2".to_owned())),
    ];
    assert_eq!(found, expected);
}
