//! Settle: the tasks that an attempt asked for.

use crate::support::{Harness, NOW, ask, at, ended, id, idempotency, job, new_task, on_each_store, unique};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::{EnqueueError, EnqueueRefusal, Enqueued, How, NewTask};
use mainworker_queue::verbs::settle::Settle;

on_each_store! {
    they_come_in_when_the_attempt_completes
    they_are_dropped_when_it_does_not
    one_that_a_key_stands_against_is_dropped_and_named
    one_that_is_there_already_counts_as_there
    they_see_each_other_and_that_the_task_is_over
    each_policy_counts_as_it_does_from_outside
    a_replaced_task_is_cancelled
    two_attempts_of_a_batch_see_each_other
}

fn new(number: u128) -> Enqueued {
    Enqueued { id: id(number), how: How::New }
}

fn asked(number: u128) -> NewTask {
    NewTask { source: "job:echo".to_owned(), parent: Some(id(1)), ..new_task(number) }
}

async fn they_come_in_when_the_attempt_completes(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let later = NewTask { job: job("warn"), run_at: at(60), ..asked(3) };
    let settle = Settle { asked: vec![asked(2), later], ..ended(held, Outcome::Completed, at(5)) };
    let applied = store.apply(settle).await;
    assert_eq!((applied.enqueued, applied.dropped), (vec![new(2), new(3)], vec![]));

    let view = store.task(id(2)).await;
    assert_eq!((view.summary.state, view.summary.created_at), (State::Queued, at(5)));
    assert_eq!((view.summary.parent, view.summary.source.as_str()), (Some(id(1)), "job:echo"));
    assert_eq!(store.claim_ids(at(5)).await, [id(2)]);
    assert_eq!(store.claim_ids(at(60)).await, [id(3)]);
}

async fn they_are_dropped_when_it_does_not(store: &Harness<'_, impl Store>) {
    let without_result = Outcome::ALL.into_iter().filter(|&outcome| outcome != Outcome::Completed);
    for (number, outcome) in (101..).zip(without_result) {
        let held = store.started(new_task(number), NOW).await;
        let settle = Settle { asked: vec![asked(2)], ..ended(held, outcome, NOW) };
        let applied = store.apply(settle).await;
        assert!(applied.enqueued.is_empty() && applied.dropped.is_empty(), "{outcome}");
        assert_eq!(store.store.task(id(2)).await, Ok(None), "{outcome}");
        store.cancel(held.task, NOW).await;
    }
}

async fn one_that_a_key_stands_against_is_dropped_and_named(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let sole = |number, policy| NewTask { unique: unique("u", policy), ..asked(number) };
    store.enqueue([NewTask { idempotency: idempotency("k", 1), ..asked(10) }], NOW).await;
    store.enqueue([sole(11, UniquePolicy::Reject)], NOW).await;
    let running = NewTask { unique: unique("r", UniquePolicy::Reject), priority: 9, ..new_task(12) };
    store.started(running, NOW).await;

    let asked = vec![
        NewTask { idempotency: idempotency("k", 2), ..asked(20) },
        sole(21, UniquePolicy::Reject),
        NewTask { unique: unique("r", UniquePolicy::Replace), ..asked(22) },
        asked(23),
    ];
    let applied = store.apply(Settle { asked, ..ended(held, Outcome::Completed, at(1)) }).await;
    let dropped = [
        (id(20), EnqueueRefusal::IdempotencyConflict { task_id: id(10) }),
        (id(21), EnqueueRefusal::UniqueConflict { task_id: id(11), state: State::Queued }),
        (id(22), EnqueueRefusal::UniqueConflict { task_id: id(12), state: State::Running }),
    ];
    assert_eq!(applied.dropped, dropped);
    assert_eq!(applied.enqueued, [new(23)], "the others come in all the same");
    assert_eq!(store.state(id(1)).await, State::Completed);
    for number in 20..=22 {
        assert_eq!(store.store.task(id(number)).await, Ok(None), "{number}");
    }
}

async fn one_that_is_there_already_counts_as_there(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.enqueue([NewTask { idempotency: idempotency("k", 1), ..asked(10) }], NOW).await;
    store.enqueue([NewTask { unique: unique("u", UniquePolicy::Reject), ..asked(11) }], NOW).await;
    let asked = vec![
        NewTask { idempotency: idempotency("k", 1), ..asked(20) },
        NewTask { unique: unique("u", UniquePolicy::Existing), ..asked(21) },
    ];
    let applied = store.apply(Settle { asked, ..ended(held, Outcome::Completed, at(1)) }).await;
    let there = vec![Enqueued { id: id(10), how: How::Known }, Enqueued { id: id(11), how: How::Existing }];
    assert_eq!((applied.enqueued, applied.dropped), (there, vec![]));
    for number in 20..=21 {
        assert_eq!(store.store.task(id(number)).await, Ok(None), "{number}");
    }
}

async fn they_see_each_other_and_that_the_task_is_over(store: &Harness<'_, impl Store>) {
    let sole = |task| NewTask { unique: unique("u", UniquePolicy::Reject), ..task };
    let held = store.started(sole(new_task(1)), NOW).await;
    let again = vec![sole(asked(2)), sole(asked(3))];
    let applied = store.apply(Settle { asked: again, ..ended(held, Outcome::Completed, at(1)) }).await;
    assert_eq!(applied.enqueued, [new(2)], "the key of the task that asked is free");
    let conflict = EnqueueRefusal::UniqueConflict { task_id: id(2), state: State::Queued };
    assert_eq!(applied.dropped, [(id(3), conflict)]);
    let refused = store.refused(ask([sole(new_task(4))], at(2))).await;
    assert_eq!(refused, (0, conflict));
}

/// Whoever asks, the same becomes of the task and of the one that holds its key.
async fn each_policy_counts_as_it_does_from_outside(store: &Harness<'_, impl Store>) {
    let mut number = 0;
    for policy in UniquePolicy::ALL {
        for state in [State::Queued, State::Running] {
            number += 10;
            let keyed = |offset: u128, key: &str| NewTask {
                unique: unique(key, policy),
                job: job(&format!("{}-{state}", policy.as_str())),
                ..new_task(number + offset)
            };
            store.enqueue([keyed(1, "outside"), keyed(2, "asked")], NOW).await;
            if state == State::Running {
                store.claim_ids(NOW).await;
            }
            let answered = async |offset: u128, holder: u128, answer: Result<Enqueued, EnqueueRefusal>| {
                let (own, holder) = (id(number + offset), id(number + holder));
                let replaces = policy == UniquePolicy::Replace && state == State::Queued;
                let expected = match policy {
                    UniquePolicy::Existing => Ok(Enqueued { id: holder, how: How::Existing }),
                    _ if replaces => Ok(Enqueued { id: own, how: How::Replaced(holder) }),
                    _ => Err(EnqueueRefusal::UniqueConflict { task_id: holder, state }),
                };
                assert_eq!(answer, expected, "{policy:?} {state}");
                let of_holder = if replaces { State::Cancelled } else { state };
                assert_eq!(store.state(holder).await, of_holder, "{policy:?} {state}");
                assert_eq!(store.store.task(own).await.unwrap().is_some(), replaces, "{policy:?} {state}");
            };

            let outside = match store.store.enqueue(ask([keyed(3, "outside")], at(1))).await {
                Ok(enqueued) => Ok(enqueued[0]),
                Err(EnqueueError::Refused { refusal, .. }) => Err(refusal),
                Err(EnqueueError::Store(error)) => panic!("{error}"),
            };
            answered(3, 1, outside).await;

            store.enqueue([NewTask { priority: 9, ..new_task(number) }], NOW).await;
            let asking = store.claim_one(NOW).await.held;
            assert_eq!(asking.task, id(number));
            let asked = vec![NewTask { parent: Some(id(number)), ..keyed(4, "asked") }];
            let applied = store.apply(Settle { asked, ..ended(asking, Outcome::Completed, at(1)) }).await;
            let asked = match (applied.enqueued.as_slice(), applied.dropped.as_slice()) {
                (&[enqueued], []) => Ok(enqueued),
                ([], &[(dropped, refusal)]) if dropped == id(number + 4) => Err(refusal),
                other => panic!("{other:?}, expected one answer"),
            };
            answered(4, 2, asked).await;
            // What is left is not claimed in the place of what follows.
            store.claim_ids(at(2)).await;
        }
    }
}

async fn a_replaced_task_is_cancelled(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.enqueue([NewTask { unique: unique("u", UniquePolicy::Reject), ..asked(10) }], NOW).await;
    let replace = NewTask { unique: unique("u", UniquePolicy::Replace), ..asked(2) };
    let settle = Settle { asked: vec![replace], ..ended(held, Outcome::Completed, at(1)) };
    let replaces = Enqueued { id: id(2), how: How::Replaced(id(10)) };
    assert_eq!(store.apply(settle).await.enqueued, [replaces]);
    let replaced = store.task(id(10)).await.summary;
    assert_eq!((replaced.state, replaced.finished_at), (State::Cancelled, Some(at(1))));
}

async fn two_attempts_of_a_batch_see_each_other(store: &Harness<'_, impl Store>) {
    let sole = |number| NewTask { unique: unique("u", UniquePolicy::Reject), ..new_task(number) };
    let first = store.started(sole(1), NOW).await;
    let second = store.started(new_task(2), NOW).await;
    let batch = vec![
        ended(first, Outcome::Completed, at(1)),
        Settle { asked: vec![sole(3)], ..ended(second, Outcome::Completed, at(1)) },
    ];
    store.store.settle(batch).await.unwrap();
    assert_eq!(store.state(id(3)).await, State::Queued, "the key was free by then");
    let existing = NewTask { unique: unique("u", UniquePolicy::Existing), ..new_task(4) };
    assert_eq!(store.enqueue([existing], at(2)).await, [Enqueued { id: id(3), how: How::Existing }]);
}
