//! Enqueue: what is stored, all or nothing, the order of the checks, room.

use crate::support::{
    Harness, NOW, ask, at, begin, ended, id, idempotency, job, new_task, on_each_store, unique,
};
use mainworker_domain::audit::Actor;
use mainworker_domain::digest::Digest;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::{Enqueue, EnqueueRefusal, Enqueued, How, NewTask};
use mainworker_queue::verbs::list::Filter;
use mainworker_queue::verbs::task::{TaskSummary, TaskView};

on_each_store! {
    a_task_is_stored_as_it_was_accepted
    texts_of_any_script_and_length_are_kept
    places_are_in_the_order_of_acceptance
    a_time_in_the_past_is_now
    no_tasks_are_no_error
    a_batch_with_a_refused_task_changes_nothing
    later_tasks_of_a_batch_see_the_earlier_ones
    a_known_key_comes_before_a_unique_one_and_before_room
    there_is_room_for_so_many_open_tasks
    a_task_that_needs_no_place_needs_no_room
    room_is_for_all_of_a_batch
}

async fn a_task_is_stored_as_it_was_accepted(store: &Harness<'_, impl Store>) {
    let task = NewTask {
        job: job("edge-logs"),
        source: "dashboard".to_owned(),
        revision: Digest::from_sha256([9; 32]),
        payload: r#"{ "as": "written" ,"n":1e2}"#.to_owned(),
        configuration: Some(vec![0, 255, 7]),
        priority: 9,
        run_at: at(60),
        expires_at: Some(at(120)),
        timeout_ms: Some(5_000),
        label: Some("Mai".to_owned()),
        tags: vec!["z".to_owned(), "a".to_owned()],
        idempotency: idempotency("k", 1),
        unique: unique("u", UniquePolicy::Reject),
        parent: Some(id(77)),
        depth: 4,
        by: Some(Actor::Settings),
        ..new_task(1)
    };
    let enqueued = store.enqueue([task.clone()], NOW).await;
    assert_eq!(enqueued, [Enqueued { id: id(1), how: How::New }]);

    let summary = TaskSummary {
        id: id(1),
        place: 1,
        job: job("edge-logs"),
        source: "dashboard".to_owned(),
        revision: Digest::from_sha256([9; 32]),
        state: State::Queued,
        outcome: None,
        priority: 9,
        label: Some("Mai".to_owned()),
        tags: vec!["z".to_owned(), "a".to_owned()],
        created_at: NOW,
        run_at: at(60),
        expires_at: Some(at(120)),
        started_at: None,
        finished_at: None,
        attempts: 0,
        max_attempts: 3,
        cancel_requested: false,
        parent: Some(id(77)),
        schedule: None,
        occurrence: None,
    };
    let view = TaskView {
        summary,
        depth: 4,
        requested_by: Some(Actor::Settings),
        result: None,
        progress: None,
        attempts: Vec::new(),
    };
    assert_eq!(store.task(id(1)).await, view);

    let claimed = store.claim_one(at(60)).await;
    assert_eq!(claimed.payload, task.payload, "as written");
    assert_eq!(claimed.configuration, task.configuration);
    assert_eq!(claimed.tags, task.tags);
    assert_eq!((claimed.timeout_ms, claimed.parent), (Some(5_000), Some(id(77))));
    assert_eq!((claimed.source, claimed.revision), (task.source, task.revision));
}

async fn texts_of_any_script_and_length_are_kept(store: &Harness<'_, impl Store>) {
    let task = NewTask {
        payload: format!(r#"{{"text":"{}"}}"#, "ß漢🎈'\\\"%_".repeat(20_000)),
        source: "job:größe'; drop".to_owned(),
        label: Some("%_'\u{0}\u{10ffff}".to_owned()),
        tags: vec!["\"".to_owned(), "a,b".to_owned(), "漢字".to_owned()],
        configuration: Some((0..=255).cycle().take(70_000).collect()),
        ..new_task(1)
    };
    store.enqueue([task.clone()], NOW).await;
    let view = store.task(id(1)).await;
    assert_eq!((view.summary.label, view.summary.tags), (task.label.clone(), task.tags.clone()));
    for filter in [
        Filter { label: task.label.clone(), ..Filter::default() },
        Filter { source: Some(task.source.clone()), ..Filter::default() },
        Filter { tag: Some("a,b".to_owned()), ..Filter::default() },
    ] {
        assert_eq!(store.list_ids(filter, NOW).await, [id(1)]);
    }
    assert!(store.list_ids(Filter { tag: Some("a".to_owned()), ..Filter::default() }, NOW).await.is_empty());
    let claimed = store.claim_one(NOW).await;
    assert!(claimed.payload == task.payload && claimed.configuration == task.configuration);
}

async fn places_are_in_the_order_of_acceptance(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(3), new_task(1)], NOW).await;
    // The clock went back; acceptance did not.
    store.enqueue([new_task(2)], at(-3_600)).await;
    let listed = store.list(Filter::default(), NOW).await;
    let placed: Vec<_> = listed.iter().map(|task| (task.id, task.place)).collect();
    assert_eq!(placed, [(id(2), 3), (id(1), 2), (id(3), 1)]);
}

async fn a_time_in_the_past_is_now(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { run_at: at(-500), ..new_task(1) }, new_task(2)], NOW).await;
    assert_eq!(store.task(id(1)).await.summary.run_at, NOW);
    assert_eq!(store.task(id(2)).await.summary.run_at, NOW);
    assert_eq!(store.claim_ids(NOW).await, [id(1), id(2)]);
}

async fn no_tasks_are_no_error(store: &Harness<'_, impl Store>) {
    assert_eq!(store.store.enqueue(Enqueue { open_max: 0, ..ask([], NOW) }).await, Ok(Vec::new()));
    assert!(store.overview().await.jobs.is_empty());
}

async fn a_batch_with_a_refused_task_changes_nothing(store: &Harness<'_, impl Store>) {
    let held = NewTask {
        unique: unique("u", UniquePolicy::Reject),
        configuration: Some(vec![1]),
        concurrency_max: 5,
        ..new_task(1)
    };
    store.enqueue([held], NOW).await;
    store.enqueue([NewTask { idempotency: idempotency("k", 1), ..new_task(2) }], NOW).await;
    let before = (store.seen(id(1)).await, store.overview().await);

    let batch = [
        NewTask { unique: unique("u", UniquePolicy::Replace), concurrency_max: 9, ..new_task(3) },
        NewTask { job: job("other"), idempotency: idempotency("new", 1), ..new_task(4) },
        NewTask { idempotency: idempotency("k", 2), ..new_task(5) },
        NewTask { idempotency: idempotency("k", 3), ..new_task(6) },
    ];
    let refusal = EnqueueRefusal::IdempotencyConflict { task_id: id(2) };
    assert_eq!(store.refused(ask(batch, at(1))).await, (2, refusal), "the first that is refused");

    assert_eq!((store.seen(id(1)).await, store.overview().await), before);
    for number in 3..=6 {
        assert_eq!(store.store.task(id(number)).await, Ok(None), "{number}");
    }
    // Its keys are free, and the task that it would have replaced has all that it had.
    let again = NewTask { idempotency: idempotency("new", 2), ..new_task(4) };
    assert_eq!(store.enqueue([again], at(2)).await[0].how, How::New);
    let claimed = store.claim(begin(at(2))).await.tasks;
    let first = claimed.iter().find(|task| task.held.task == id(1)).unwrap();
    assert_eq!(first.configuration, Some(vec![1]));
}

async fn later_tasks_of_a_batch_see_the_earlier_ones(store: &Harness<'_, impl Store>) {
    let batch = [
        NewTask { idempotency: idempotency("k", 1), ..new_task(1) },
        NewTask { idempotency: idempotency("k", 1), ..new_task(2) },
        NewTask { unique: unique("u", UniquePolicy::Reject), ..new_task(3) },
        NewTask { unique: unique("u", UniquePolicy::Existing), ..new_task(4) },
        NewTask { unique: unique("u", UniquePolicy::Replace), ..new_task(5) },
    ];
    let answers = store.enqueue(batch, NOW).await;
    let expected = [
        Enqueued { id: id(1), how: How::New },
        Enqueued { id: id(1), how: How::Known },
        Enqueued { id: id(3), how: How::New },
        Enqueued { id: id(3), how: How::Existing },
        Enqueued { id: id(5), how: How::Replaced(id(3)) },
    ];
    assert_eq!(answers, expected);
    assert_eq!(store.state(id(3)).await, State::Cancelled);
    assert_eq!(store.claim_ids(NOW).await, [id(1), id(5)]);

    let conflict = [
        NewTask { unique: unique("v", UniquePolicy::Reject), ..new_task(6) },
        NewTask { unique: unique("v", UniquePolicy::Reject), ..new_task(7) },
    ];
    let refusal = EnqueueRefusal::UniqueConflict { task_id: id(6), state: State::Queued };
    assert_eq!(store.refused(ask(conflict, NOW)).await, (1, refusal));
    assert_eq!(store.store.task(id(6)).await, Ok(None));
}

async fn a_known_key_comes_before_a_unique_one_and_before_room(store: &Harness<'_, impl Store>) {
    let task = NewTask {
        idempotency: idempotency("k", 1),
        unique: unique("u", UniquePolicy::Reject),
        ..new_task(1)
    };
    store.enqueue([task.clone()], NOW).await;
    let full = |task| Enqueue { open_max: 1, ..ask([task], NOW) };

    let again = NewTask { id: id(2), ..task.clone() };
    assert_eq!(store.store.enqueue(full(again)).await, Ok(vec![Enqueued { id: id(1), how: How::Known }]));
    let other = NewTask { id: id(3), idempotency: idempotency("k", 2), ..task.clone() };
    let conflict = EnqueueRefusal::IdempotencyConflict { task_id: id(1) };
    assert_eq!(store.refused(full(other)).await, (0, conflict));
    let unlike = NewTask { id: id(4), idempotency: idempotency("l", 1), ..task };
    let conflict = EnqueueRefusal::UniqueConflict { task_id: id(1), state: State::Queued };
    assert_eq!(store.refused(full(unlike)).await, (0, conflict));
}

async fn there_is_room_for_so_many_open_tasks(store: &Harness<'_, impl Store>) {
    let ask = |number| Enqueue { open_max: 2, ..ask([new_task(number)], NOW) };
    store.store.enqueue(ask(1)).await.unwrap();
    store.store.enqueue(ask(2)).await.unwrap();
    let full = EnqueueRefusal::QueueFull { open: 2, allowed: 2 };
    assert_eq!(store.refused(ask(3)).await, (0, full));

    let held = store.claim_one(NOW).await.held;
    assert_eq!(store.refused(ask(3)).await, (0, full), "one that runs is open");
    store.apply(ended(held, Outcome::Failed, NOW)).await;
    assert_eq!(store.refused(ask(3)).await, (0, full), "one that is tried again is open");
    store.cancel(id(2), NOW).await;
    store.store.enqueue(ask(3)).await.unwrap();
    assert_eq!(store.refused(ask(4)).await, (0, full));
}

async fn a_task_that_needs_no_place_needs_no_room(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { unique: unique("u", UniquePolicy::Reject), ..new_task(1) }], NOW).await;
    let full = |policy, number| {
        let task = NewTask { unique: unique("u", policy), ..new_task(number) };
        Enqueue { open_max: 1, ..ask([task], NOW) }
    };
    let existing = store.store.enqueue(full(UniquePolicy::Existing, 2)).await;
    assert_eq!(existing, Ok(vec![Enqueued { id: id(1), how: How::Existing }]));
    let replaced = store.store.enqueue(full(UniquePolicy::Replace, 3)).await;
    assert_eq!(replaced, Ok(vec![Enqueued { id: id(3), how: How::Replaced(id(1)) }]));
    assert_eq!(store.overview().await.count(State::Queued), 1);
}

async fn room_is_for_all_of_a_batch(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    let batch = |open_max| Enqueue { open_max, ..ask([new_task(2), new_task(3), new_task(4)], NOW) };
    let full = EnqueueRefusal::QueueFull { open: 1, allowed: 3 };
    assert_eq!(store.refused(batch(3)).await, (2, full), "open are those without this batch");
    assert_eq!(store.list_ids(Filter::default(), NOW).await, [id(1)]);
    assert_eq!(store.store.enqueue(batch(4)).await.unwrap().len(), 3);
    let claimed = store.claim(Claim { tasks_max: 9, ..begin(NOW) }).await;
    assert_eq!(claimed.tasks.len(), 4);
}
