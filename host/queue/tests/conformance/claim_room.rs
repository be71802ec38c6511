//! Claim: how many of a job may run, memory, and tasks that must run alone.

use crate::support::{Harness, NOW, at, begin, ended, id, job, new_task, on_each_store};
use mainworker_domain::lifecycle::State;
use mainworker_domain::limits::LOSSES_UNTIL_ALONE;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::claim::{Claim, Claimed};
use mainworker_queue::verbs::enqueue::NewTask;

on_each_store! {
    a_job_runs_no_more_attempts_than_it_may
    an_attempt_that_ends_makes_room_for_the_next
    a_job_that_is_full_holds_up_no_other
    the_newest_task_says_how_many_of_its_job_may_run
    a_task_that_does_not_fit_stops_the_claim
    memory_is_counted_over_the_claim
    where_nothing_runs_the_first_begins_whatever_it_takes
    a_task_that_was_lost_twice_begins_alone
    nobody_overtakes_a_task_that_must_run_alone
    a_task_that_must_run_alone_waits_for_those_before_it
    a_task_that_must_run_alone_may_take_all_memory
}

fn ids(claimed: &Claimed) -> Vec<TaskId> {
    claimed.tasks.iter().map(|task| task.held.task).collect()
}

/// A task of a job that may run `concurrency_max` at a time.
fn of(name: &str, number: u128, concurrency_max: u32) -> NewTask {
    NewTask { job: job(name), concurrency_max, ..new_task(number) }
}

fn sized(number: u128, memory_bytes_max: u64) -> NewTask {
    NewTask { memory_bytes_max, ..new_task(number) }
}

async fn a_job_runs_no_more_attempts_than_it_may(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=5).map(|number| of("few", number, 2)), NOW).await;
    let claimed = store.claim(begin(NOW)).await;
    assert_eq!(ids(&claimed), [id(1), id(2)], "a claim counts its own");
    assert!(!claimed.more, "those that are left may not begin");
    assert_eq!(ids(&store.claim(begin(at(1))).await), [], "a claim counts those of others");
    store.enqueue([NewTask { priority: 9, ..of("few", 6, 2) }], at(1)).await;
    assert_eq!(ids(&store.claim(begin(at(1))).await), [], "however urgent");
}

async fn an_attempt_that_ends_makes_room_for_the_next(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=4).map(|number| of("few", number, 1)), NOW).await;
    for (number, outcome) in [(1, Outcome::Completed), (2, Outcome::Rejected), (3, Outcome::Failed)] {
        let claimed = store.claim(begin(NOW)).await;
        assert_eq!(ids(&claimed), [id(number)]);
        store.apply(ended(claimed.tasks[0].held, outcome, NOW)).await;
    }
    assert_eq!(store.claim_ids(NOW).await, [id(4)]);
    store.rescue(at(15), NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [id(4)], "a lost one makes room too");
}

async fn a_job_that_is_full_holds_up_no_other(store: &Harness<'_, impl Store>) {
    let full = (1..=300).map(|number| NewTask { priority: 9, ..of("full", number, 1) });
    store.enqueue(full, NOW).await;
    store.enqueue([of("other", 901, 5), of("third", 902, 5)], at(1)).await;
    assert_eq!(store.claim_ids(at(1)).await, [id(1), id(901), id(902)]);
    store.enqueue([of("other", 903, 5)], at(2)).await;
    let claimed = store.claim(Claim { tasks_max: 1, ..begin(at(2)) }).await;
    assert_eq!((ids(&claimed), claimed.more), (vec![id(903)], false));
}

async fn the_newest_task_says_how_many_of_its_job_may_run(store: &Harness<'_, impl Store>) {
    store.enqueue([of("few", 1, 1), of("few", 2, 1), of("few", 3, 1)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [id(1)]);
    store.enqueue([of("few", 4, 3)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [id(2), id(3)], "those that were there before gain too");
    store.enqueue([of("few", 5, 2)], NOW).await;
    store.cancel(id(5), NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [], "three run, two may");
    assert_eq!(store.overview().await.jobs[&job("few")].concurrency_max, Some(2));
}

async fn a_task_that_does_not_fit_stops_the_claim(store: &Harness<'_, impl Store>) {
    store.enqueue([sized(1, 10), sized(2, 20), sized(3, 1)], NOW).await;
    let claimed = store.claim(Claim { memory_bytes_max: 15, ..begin(NOW) }).await;
    assert_eq!(ids(&claimed), [id(1)], "the third would fit, and would keep the second waiting");
    assert!(claimed.more);
    let none = store.claim(Claim { memory_bytes_max: 19, ..begin(NOW) }).await;
    assert_eq!((ids(&none), none.more), (vec![], true));
    let rest = store.claim(Claim { memory_bytes_max: 21, ..begin(NOW) }).await;
    assert_eq!((ids(&rest), rest.more), (vec![id(2), id(3)], false));
}

async fn memory_is_counted_over_the_claim(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=10).map(|number| sized(number, 10)), NOW).await;
    let claimed = store.claim(Claim { memory_bytes_max: 39, ..begin(NOW) }).await;
    assert_eq!((claimed.tasks.len(), claimed.more), (3, true));
    let exactly = store.claim(Claim { memory_bytes_max: 20, ..begin(NOW) }).await;
    assert_eq!(exactly.tasks.len(), 2);
}

async fn where_nothing_runs_the_first_begins_whatever_it_takes(store: &Harness<'_, impl Store>) {
    store.enqueue([sized(1, 100), sized(2, 1), sized(3, 100)], NOW).await;
    let small = |idle| Claim { memory_bytes_max: 50, idle, ..begin(NOW) };
    assert_eq!(ids(&store.claim(small(false)).await), []);
    let first = store.claim(small(true)).await;
    assert_eq!((ids(&first), first.more), (vec![id(1)], true), "and nothing beside it");
    let second = store.claim(small(true)).await;
    assert_eq!((ids(&second), second.more), (vec![id(2)], true), "the third is not the first");
    assert_eq!(ids(&store.claim(small(true)).await), [id(3)]);
}

/// Takes a task that was lost so often that it must run alone; it is queued.
async fn suspect(store: &Harness<'_, impl Store>, task: NewTask) {
    let number = task.id;
    store.enqueue([task], NOW).await;
    for _ in 0..LOSSES_UNTIL_ALONE {
        let claimed = store.claim_one(NOW).await;
        assert_eq!((claimed.held.task, claimed.alone), (number, false));
        store.apply(ended(claimed.held, Outcome::Lost, NOW)).await;
    }
}

async fn a_task_that_was_lost_twice_begins_alone(store: &Harness<'_, impl Store>) {
    suspect(store, new_task(1)).await;
    store.enqueue([new_task(2), new_task(3)], NOW).await;
    let claimed = store.claim(Claim { idle: true, ..begin(NOW) }).await;
    assert_eq!((ids(&claimed), claimed.tasks[0].alone), (vec![id(1)], true));
    assert!(claimed.more, "the others may begin when it has ended");
    assert_eq!((claimed.tasks[0].held.attempt, claimed.tasks[0].attempt_for_job), (3, 1));
    store.apply(ended(claimed.tasks[0].held, Outcome::Failed, NOW)).await;
    assert_eq!(store.claim_ids(NOW).await, [id(2), id(3)]);
}

async fn nobody_overtakes_a_task_that_must_run_alone(store: &Harness<'_, impl Store>) {
    suspect(store, new_task(1)).await;
    store.enqueue([new_task(2)], NOW).await;
    let claimed = store.claim(begin(NOW)).await;
    assert_eq!((ids(&claimed), claimed.more), (vec![], true));
    assert_eq!(store.state(id(1)).await, State::Queued);
}

async fn a_task_that_must_run_alone_waits_for_those_before_it(store: &Harness<'_, impl Store>) {
    suspect(store, new_task(1)).await;
    store.enqueue([NewTask { priority: 9, ..new_task(2) }, new_task(3)], NOW).await;
    let claimed = store.claim(Claim { idle: true, ..begin(NOW) }).await;
    assert_eq!((ids(&claimed), claimed.more), (vec![id(2)], true), "the first is another");
    assert!(!claimed.tasks[0].alone);
    assert_eq!(ids(&store.claim(Claim { idle: true, ..begin(NOW) }).await), [id(1)]);
}

async fn a_task_that_must_run_alone_may_take_all_memory(store: &Harness<'_, impl Store>) {
    suspect(store, sized(1, 100)).await;
    store.enqueue([NewTask { expires_at: Some(at(1)), priority: 9, ..new_task(2) }], NOW).await;
    let claimed = store.claim(Claim { memory_bytes_max: 1, idle: true, ..begin(at(2)) }).await;
    assert_eq!(ids(&claimed), [id(1)], "one that came too late is not the first");
    assert_eq!(claimed.expired.len(), 1);
}
