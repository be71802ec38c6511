//! Claim: what an attempt is given, in which order, what is due, what came too late.

use crate::support::{Harness, NOW, at, at_ms, begin, ended, id, job, new_task, on_each_store};
use mainworker_domain::lifecycle::{Refusal, State};
use mainworker_domain::limits::PRIORITY_STEP_MS;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::{Claim, Claimed, ClaimedTask, PROMOTED_MAX};
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::expire::Expired;
use mainworker_queue::verbs::retry::Retried;
use std::collections::BTreeSet;

on_each_store! {
    an_attempt_is_given_all_that_it_needs
    a_task_is_claimed_once
    ties_go_by_acceptance
    a_priority_overtakes_those_that_came_a_minute_earlier_and_no_others
    the_order_is_one_over_all_jobs
    nothing_begins_before_it_is_due
    what_was_due_goes_by_its_time_and_not_by_its_acceptance
    a_ready_task_stays_ready_when_the_clock_goes_back
    a_task_that_was_never_due_waits_when_the_clock_goes_back
    the_next_due_time_is_the_earliest_that_waits
    a_task_that_waits_for_its_next_attempt_is_due_later
    a_task_that_comes_too_late_takes_no_place
    a_time_is_over_when_it_is_reached
    a_claim_takes_at_most_so_many
    many_tasks_that_become_due_together_all_begin
    those_that_are_due_for_the_longest_time_are_ready_first
}

async fn an_attempt_is_given_all_that_it_needs(store: &Harness<'_, impl Store>) {
    let task = NewTask { run_at: at(10), memory_bytes_max: 64 << 20, depth: 3, ..new_task(1) };
    store.enqueue([task.clone()], NOW).await;
    let claim = begin(at(12));
    let claimed = store.claim(claim.clone()).await;
    let expected = ClaimedTask {
        held: Held { task: id(1), attempt: 1, lease: claim.lease },
        job: job("echo"),
        source: "api".to_owned(),
        revision: task.revision,
        payload: task.payload,
        configuration: None,
        due_at: at(10),
        timeout_ms: None,
        tags: Vec::new(),
        attempt_for_job: 1,
        max_attempts: 3,
        memory_bytes_max: 64 << 20,
        alone: false,
        parent: None,
        depth: 3,
    };
    let all = Claimed { tasks: vec![expected], expired: Vec::new(), more: false, next_due_at: None };
    assert_eq!(claimed, all);

    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.attempts), (State::Running, 1));
    assert_eq!(view.summary.started_at, Some(at(12)));
    assert_eq!((view.attempts[0].host.as_str(), view.attempts[0].wait_ms), ("host-1", 2_000));
}

async fn a_task_is_claimed_once(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=5).map(new_task), NOW).await;
    assert_eq!(store.claim_ids(NOW).await.len(), 5);
    assert_eq!(store.claim(begin(NOW)).await, Claimed::default());
}

async fn ties_go_by_acceptance(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(9), new_task(2), new_task(5)], NOW).await;
    store.enqueue([NewTask { job: job("a"), ..new_task(1) }], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [id(9), id(2), id(5), id(1)]);
}

async fn a_priority_overtakes_those_that_came_a_minute_earlier_and_no_others(
    store: &Harness<'_, impl Store>,
) {
    let at_priority = |number, priority| NewTask { priority, ..new_task(number) };
    store.enqueue([at_priority(1, 0), at_priority(2, 0)], NOW).await;
    store.enqueue([at_priority(3, 1)], at_ms(PRIORITY_STEP_MS - 1)).await;
    store.enqueue([at_priority(4, 1)], at_ms(PRIORITY_STEP_MS)).await;
    store.enqueue([at_priority(5, 1)], at_ms(PRIORITY_STEP_MS + 1)).await;
    store.enqueue([at_priority(6, 0)], at_ms(9 * PRIORITY_STEP_MS - 1)).await;
    store.enqueue([at_priority(7, 9)], at_ms(9 * PRIORITY_STEP_MS - 1)).await;
    store.enqueue([at_priority(8, 9)], at_ms(9 * PRIORITY_STEP_MS + 1)).await;
    let order = [3, 7, 1, 2, 4, 5, 8, 6].map(id);
    assert_eq!(store.claim_ids(at_ms(10 * PRIORITY_STEP_MS)).await, order);
}

async fn the_order_is_one_over_all_jobs(store: &Harness<'_, impl Store>) {
    let of = |number, name, priority| NewTask { job: job(name), priority, ..new_task(number) };
    let tasks = [of(1, "c", 0), of(2, "a", 3), of(3, "b", 5), of(4, "a", 5), of(5, "c", 4), of(6, "b", 0)];
    store.enqueue(tasks, NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [3, 4, 5, 2, 1, 6].map(id));
}

async fn nothing_begins_before_it_is_due(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { run_at: at_ms(5), priority: 9, ..new_task(1) }], NOW).await;
    let early = store.claim(begin(at_ms(4))).await;
    assert_eq!(early, Claimed { next_due_at: Some(at_ms(5)), ..Claimed::default() });
    assert_eq!(store.claim_ids(at_ms(5)).await, [id(1)]);
}

async fn what_was_due_goes_by_its_time_and_not_by_its_acceptance(store: &Harness<'_, impl Store>) {
    let due = |number, seconds, priority| NewTask { run_at: at(seconds), priority, ..new_task(number) };
    store.enqueue([due(1, 30, 0), due(2, 20, 0), due(3, 20, 0), due(4, 80, 1), due(5, 0, 0)], NOW).await;
    assert_eq!(store.claim_ids(at(80)).await, [5, 2, 3, 4, 1].map(id));
}

async fn a_ready_task_stays_ready_when_the_clock_goes_back(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1), NewTask { run_at: at(10), ..new_task(2) }], NOW).await;
    // This claim makes the second ready and has no room for it.
    assert_eq!(store.claim_one(at(10)).await.held.task, id(1));
    store.enqueue([new_task(3)], at(10)).await;
    let claimed = store.claim(begin(at(-3_600))).await;
    let ids: Vec<_> = claimed.tasks.iter().map(|task| task.held.task).collect();
    assert_eq!((ids, claimed.next_due_at), (vec![id(2), id(3)], None));
    assert_eq!(store.task(id(2)).await.attempts[0].wait_ms, 0, "no time passed, by that clock");
}

async fn a_task_that_was_never_due_waits_when_the_clock_goes_back(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { run_at: at(10), ..new_task(1) }], NOW).await;
    let claimed = store.claim(begin(at(-3_600))).await;
    assert_eq!((claimed.tasks, claimed.next_due_at), (Vec::new(), Some(at(10))));
}

async fn the_next_due_time_is_the_earliest_that_waits(store: &Harness<'_, impl Store>) {
    let due = |number, seconds| NewTask { run_at: at(seconds), ..new_task(number) };
    store.enqueue([due(1, 30), due(2, 20), due(3, 40)], NOW).await;
    let next = async |seconds| store.claim(begin(at(seconds))).await.next_due_at;
    assert_eq!(next(0).await, Some(at(20)));
    assert_eq!(next(20).await, Some(at(30)));
    store.cancel(id(1), at(21)).await;
    assert_eq!(next(22).await, Some(at(40)), "nobody waits for a cancelled task");
    assert_eq!(next(40).await, None);
}

async fn a_task_that_waits_for_its_next_attempt_is_due_later(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.apply(ended(held, Outcome::Failed, at(1))).await;
    // Half of the ten seconds that the policy waits at most.
    assert_eq!(store.claim(begin(at(5))).await.next_due_at, Some(at(6)));
    let claimed = store.claim_one(at(7)).await;
    assert_eq!((claimed.held.attempt, claimed.due_at), (2, at(6)));
    assert_eq!(store.task(id(1)).await.attempts[1].wait_ms, 1_000);
}

async fn a_task_that_comes_too_late_takes_no_place(store: &Harness<'_, impl Store>) {
    let late =
        |number| NewTask { expires_at: Some(at(10)), configuration: Some(vec![1]), ..new_task(number) };
    store.enqueue([late(1), late(2), new_task(3), late(4), new_task(5)], NOW).await;
    let claimed = store.claim(Claim { tasks_max: 2, ..begin(at(20)) }).await;
    let ids: Vec<_> = claimed.tasks.iter().map(|task| task.held.task).collect();
    assert_eq!(ids, [id(3), id(5)]);
    let expired = |number| Expired { id: id(number), job: job("echo") };
    assert_eq!(claimed.expired, [expired(1), expired(2), expired(4)]);
    assert!(!claimed.more);

    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.finished_at), (State::Expired, Some(at(20))));
    assert_eq!((view.summary.attempts, view.summary.outcome), (0, None));
    let gone = Refusal::ConfigurationGone { state: State::Expired };
    assert_eq!(store.retry(id(1), at(21)).await, Retried::Refused(gone));
}

async fn a_time_is_over_when_it_is_reached(store: &Harness<'_, impl Store>) {
    let until = |number, ms| NewTask { expires_at: Some(at_ms(ms)), ..new_task(number) };
    store.enqueue([until(1, 10), until(2, 11)], NOW).await;
    let claimed = store.claim(begin(at_ms(10))).await;
    assert_eq!(claimed.expired, [Expired { id: id(1), job: job("echo") }]);
    assert_eq!(claimed.tasks.len(), 1);
    // While it runs, its time does not matter.
    assert_eq!(store.claim(begin(at(60))).await, Claimed::default());
    assert_eq!(store.state(id(2)).await, State::Running);
}

async fn a_claim_takes_at_most_so_many(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=5).map(new_task), NOW).await;
    let few = |tasks_max| Claim { tasks_max, ..begin(NOW) };
    let none = store.claim(few(0)).await;
    assert!(none.tasks.is_empty() && none.more);
    let two = store.claim(few(2)).await;
    assert_eq!((two.tasks.len(), two.more), (2, true));
    let three = store.claim(few(3)).await;
    assert_eq!((three.tasks.len(), three.more), (3, false), "exactly those that were left");
}

async fn many_tasks_that_become_due_together_all_begin(store: &Harness<'_, impl Store>) {
    let due = |number| NewTask { run_at: at(5), concurrency_max: 5_000, ..new_task(number) };
    store.enqueue((1..=2_500).map(due), NOW).await;
    let mut begun = BTreeSet::new();
    loop {
        let claimed = store.claim(Claim { tasks_max: 2_000, ..begin(at(5)) }).await;
        assert!(claimed.tasks.iter().all(|task| begun.insert(task.held.task)), "none begins twice");
        if !claimed.more {
            break;
        }
    }
    assert_eq!(begun.len(), 2_500, "more is true for as long as there are some");
}

async fn those_that_are_due_for_the_longest_time_are_ready_first(store: &Harness<'_, impl Store>) {
    let many = u128::try_from(PROMOTED_MAX).unwrap();
    let due = |number, seconds| NewTask { run_at: at(seconds), ..new_task(number) };
    let late = (1..=many).map(|number| due(number, 9));
    store.enqueue(late.chain([due(many + 1, 8)]), NOW).await;
    assert_eq!(store.claim_one(at(9)).await.held.task, id(many + 1), "though it was accepted last");
}
