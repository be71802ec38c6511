//! Rescue: attempts whose host is gone.

use crate::support::{Harness, NOW, at, begin, ended, id, job, new_task, on_each_store};
use mainworker_domain::lifecycle::{Next, OrderKey, Reason, State, Timestamp};
use mainworker_domain::limits::LOSSES_UNTIL_ALONE;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_queue::attempt::AttemptError;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::rescue::{Rescue, Rescued};
use mainworker_queue::verbs::settle::Settled;
use mainworker_queue::verbs::task::AttemptView;

on_each_store! {
    an_attempt_is_lost_when_its_lease_ends
    a_lost_attempt_leaves_a_row
    its_task_keeps_its_place_and_its_attempts
    those_whose_lease_ended_first_go_first
    whoever_owns_the_store_alone_rescues_all
    only_what_runs_is_rescued
    a_wanted_cancel_is_fulfilled
    a_task_that_kills_its_hosts_fails
    the_clock_of_leases_is_not_the_clock_of_tasks
}

async fn an_attempt_is_lost_when_its_lease_ends(store: &Harness<'_, impl Store>) {
    store.started(new_task(1), NOW).await;
    assert_eq!(store.rescue(at(14), at(14)).await, []);
    assert_eq!(store.state(id(1)).await, State::Running);
    assert_eq!(store.rescue(at(15), at(15)).await.len(), 1);
    assert_eq!(store.state(id(1)).await, State::Queued);
    assert_eq!(store.rescue(at(15), at(15)).await, [], "once");
}

async fn a_lost_attempt_leaves_a_row(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { run_at: at(1), priority: 2, ..new_task(1) }], NOW).await;
    let claimed = store.claim_one(at(3)).await;
    let log = LogPiece { first_line: 0, lines: vec![crate::support::line("last words")] };
    store.record(Record { held: claimed.held, log, progress: None }).await;

    let [rescued] = store.rescue(Timestamp::MAX, at(40)).await.try_into().unwrap();
    let Rescued { held, job: its_job, transition } = rescued;
    assert_eq!((held, its_job), (claimed.held, job("echo")));
    let next = Next::Queued { run_at: at(40), order_key: OrderKey::new(at(1), 2) };
    assert_eq!((transition.next, transition.reason), (next, Reason::Lost));

    let view = store.task(id(1)).await;
    let row = AttemptView {
        number: 1,
        outcome: Some(Outcome::Lost),
        started_at: at(3),
        finished_at: Some(at(40)),
        wait_ms: 2_000,
        usage: Usage::default(),
        revision: claimed.revision,
        host: "host-1".to_owned(),
        error: Some(AttemptError { code: "lost".to_owned(), message: Reason::Lost.sentence(), hint: None }),
    };
    assert_eq!(view.attempts, [row]);
    assert_eq!((view.summary.outcome, view.summary.run_at), (Some(Outcome::Lost), at(40)));
    assert_eq!(store.messages(id(1)).await, [(1, "last words".to_owned())]);
}

async fn its_task_keeps_its_place_and_its_attempts(store: &Harness<'_, impl Store>) {
    store.started(new_task(1), NOW).await;
    store.enqueue([new_task(2)], at(1)).await;
    store.rescue(at(15), at(20)).await;
    let claimed = store.claim(begin(at(20))).await.tasks;
    assert_eq!((claimed[0].held.task, claimed[1].held.task), (id(1), id(2)));
    assert_eq!((claimed[0].held.attempt, claimed[0].attempt_for_job), (2, 1));
}

async fn those_whose_lease_ended_first_go_first(store: &Harness<'_, impl Store>) {
    for (number, until) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 40)] {
        store.enqueue([new_task(number)], NOW).await;
        let claimed = store.claim(Claim { lease_until: at(until), ..begin(NOW) }).await;
        assert_eq!(claimed.tasks.len(), 1);
    }
    let rescue = async |tasks_max| {
        let rescued =
            store.store.rescue(Rescue { leases_until: at(30), tasks_max, now: at(30) }).await.unwrap();
        rescued.iter().map(|rescued| rescued.held.task).collect::<Vec<_>>()
    };
    assert_eq!(rescue(3).await, [id(2), id(4), id(3)]);
    assert_eq!(rescue(3).await, [id(1)]);
    assert_eq!(store.state(id(5)).await, State::Running);
}

async fn whoever_owns_the_store_alone_rescues_all(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=4).map(new_task), NOW).await;
    store.claim(Claim { lease_until: Timestamp::MAX, ..begin(NOW) }).await;
    assert_eq!(store.rescue(Timestamp::MAX, at(1)).await.len(), 4);
    assert_eq!(store.claim_ids(at(1)).await, [1, 2, 3, 4].map(id));
}

async fn only_what_runs_is_rescued(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Completed, NOW).await;
    store.finished(new_task(2), Outcome::Failed, NOW).await;
    store.enqueue([new_task(3)], NOW).await;
    let mut before = Vec::new();
    for number in 1..=3 {
        before.push(store.seen(id(number)).await);
    }
    assert_eq!(store.rescue(Timestamp::MAX, at(1)).await, []);
    for (number, before) in (1..=3).zip(before) {
        assert_eq!(store.seen(id(number)).await, before);
    }
}

async fn a_wanted_cancel_is_fulfilled(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.cancel(id(1), at(1)).await;
    assert_eq!(store.rescue(at(15), at(15)).await[0].transition.next, Next::Cancelled);
    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.outcome), (State::Cancelled, Some(Outcome::Cancelled)));
    assert_eq!(view.attempts[0].outcome, Some(Outcome::Lost));
    assert_eq!(store.settle(ended(held, Outcome::Completed, at(16))).await, Settled::Stale);
}

async fn a_task_that_kills_its_hosts_fails(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    for losses in 1..=LOSSES_UNTIL_ALONE + 1 {
        let claimed = store.claim(Claim { idle: true, ..begin(NOW) }).await;
        assert_eq!(claimed.tasks[0].alone, losses > LOSSES_UNTIL_ALONE);
        store.rescue(Timestamp::MAX, NOW).await;
    }
    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.outcome), (State::Failed, Some(Outcome::Lost)));
    assert_eq!(view.error().map(|error| error.code.as_str()), Some("lost"));
}

async fn the_clock_of_leases_is_not_the_clock_of_tasks(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    let lease_until = Timestamp::from_ms(15_000);
    store.claim(Claim { lease_until, ..begin(NOW) }).await;
    assert_eq!(store.rescue(Timestamp::from_ms(14_999), at(3_600)).await, []);
    let rescued = store.rescue(lease_until, at(-3_600)).await;
    let Next::Queued { run_at, .. } = rescued[0].transition.next else { panic!("it may run again") };
    assert_eq!(run_at, at(-3_600));
}
