//! Concurrency keys: how many attempts of one key run at a time.

use crate::support::{
    Fixture, Harness, KEEP_NO_ENDED, NOW, at, begin, block_on, concurrency, ended, id, job, new_task,
    on_each_store, unique,
};
use mainworker_domain::lifecycle::{State, Timestamp};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_options::UniquePolicy;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::claim::Claim;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::prune::Prune;
use mainworker_queue::verbs::retry::Retried;

on_each_store! {
    only_so_many_of_a_key_run
    other_keys_and_tasks_without_one_go_on
    a_key_belongs_to_its_job
    the_order_stays
    a_blocked_task_that_is_more_urgent_comes_first
    what_is_blocked_is_nothing_more_to_claim
    an_attempt_that_ends_otherwise_makes_room_too
    a_task_that_waits_for_its_next_attempt_holds_no_place
    a_limit_that_rises_makes_room
    a_limit_that_falls_lets_those_that_run_end
    a_limit_of_none_is_one
    a_blocked_task_is_cancelled_like_others
    a_cancelled_task_that_was_next_holds_up_no_other
    a_blocked_task_expires
    one_that_expires_in_a_claim_holds_up_no_other
    a_blocked_task_is_replaced
    a_retried_task_is_blocked_again
    a_paused_job_goes_on_as_it_was
    the_limit_of_the_job_counts_too
    one_too_large_for_the_memory_holds_its_place
    many_blocked_tasks_hold_up_no_other
    what_is_pruned_leaves_nothing_behind
}

fn keyed(number: u128, key: &str, running_max: u32) -> NewTask {
    NewTask { concurrency_key: concurrency(key, running_max), ..new_task(number) }
}

/// Claims all there is.
async fn claim(store: &Harness<'_, impl Store>, seconds: i64) -> Vec<Held> {
    store.claim(begin(at(seconds))).await.tasks.iter().map(|task| task.held).collect()
}

async fn complete(store: &Harness<'_, impl Store>, held: Held, seconds: i64) {
    store.apply(ended(held, Outcome::Completed, at(seconds))).await;
}

async fn only_so_many_of_a_key_run(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=4).map(|number| keyed(number, "k", 2)), NOW).await;
    let first = claim(store, 0).await;
    assert_eq!(first.iter().map(|held| held.task).collect::<Vec<_>>(), [1, 2].map(id));
    assert_eq!(store.claim_ids(NOW).await, []);
    assert_eq!(store.state(id(3)).await, State::Queued);
    complete(store, first[1], 1).await;
    assert_eq!(store.claim_ids(at(1)).await, [id(3)]);
    complete(store, first[0], 2).await;
    assert_eq!(store.claim_ids(at(2)).await, [id(4)]);
}

async fn other_keys_and_tasks_without_one_go_on(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=3).map(|number| keyed(number, "k", 1)), NOW).await;
    store.enqueue([keyed(4, "l", 1), new_task(5), keyed(6, "", 1), keyed(7, "K", 1)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [1, 4, 5, 6, 7].map(id));
}

async fn a_key_belongs_to_its_job(store: &Harness<'_, impl Store>) {
    let of = |name, number| NewTask { job: job(name), ..keyed(number, "k", 1) };
    store.enqueue([of("a", 1), of("b", 2), of("a", 3), of("b", 4)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [1, 2].map(id));
}

async fn the_order_stays(store: &Harness<'_, impl Store>) {
    store.enqueue([keyed(1, "k", 1)], NOW).await;
    let first = claim(store, 0).await;
    store.enqueue((2..=4).map(|number| keyed(number, "k", 1)), NOW).await;
    assert_eq!(store.claim_ids(NOW).await, []);
    store.enqueue([new_task(5)], NOW).await;
    complete(store, first[0], 1).await;
    store.enqueue([keyed(6, "k", 1)], NOW).await;
    assert_eq!(store.claim_ids(at(1)).await, [2, 5].map(id), "by acceptance, blocked meanwhile or not");
}

async fn a_blocked_task_that_is_more_urgent_comes_first(store: &Harness<'_, impl Store>) {
    store.enqueue([keyed(1, "k", 1)], NOW).await;
    let first = claim(store, 0).await;
    let urgent = |number, priority| NewTask { priority, ..keyed(number, "k", 1) };
    store.enqueue([urgent(2, 0), urgent(3, 5)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, []);
    store.enqueue([urgent(4, 9)], NOW).await;
    complete(store, first[0], 1).await;
    for number in [4, 3, 2] {
        let held = claim(store, 1).await;
        assert_eq!(held.iter().map(|held| held.task).collect::<Vec<_>>(), [id(number)]);
        complete(store, held[0], 1).await;
    }
}

async fn what_is_blocked_is_nothing_more_to_claim(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=3).map(|number| keyed(number, "k", 1)), NOW).await;
    let one = store.claim(Claim { tasks_max: 1, ..begin(NOW) }).await;
    assert!(!one.more, "with more room there was nothing more to begin");
    store.enqueue([new_task(4)], NOW).await;
    assert!(store.claim(Claim { tasks_max: 0, ..begin(NOW) }).await.more);
}

async fn an_attempt_that_ends_otherwise_makes_room_too(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=4).map(|number| keyed(number, "k", 1)), NOW).await;
    let first = claim(store, 0).await;
    store.apply(ended(first[0], Outcome::Rejected, at(1))).await;
    let second = claim(store, 1).await;
    store.cancel(id(2), at(1)).await;
    assert_eq!(store.claim_ids(at(1)).await, [], "it runs until it was told");
    store.apply(ended(second[0], Outcome::Cancelled, at(2))).await;
    assert_eq!(store.claim_ids(at(2)).await, [id(3)]);
    store.rescue(Timestamp::MAX, at(3)).await;
    assert_eq!(store.claim_ids(at(3)).await, [id(3)], "a lost one is next again");
}

async fn a_task_that_waits_for_its_next_attempt_holds_no_place(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=2).map(|number| keyed(number, "k", 1)), NOW).await;
    let first = claim(store, 0).await;
    store.apply(ended(first[0], Outcome::Failed, at(1))).await;
    let second = claim(store, 1).await;
    assert_eq!(second[0].task, id(2));
    assert_eq!(store.claim_ids(at(3_600)).await, [], "it is due, and the other runs");
    complete(store, second[0], 3_601).await;
    assert_eq!(store.claim_ids(at(3_601)).await, [id(1)]);
}

async fn a_limit_that_rises_makes_room(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=6).map(|number| keyed(number, "k", 1)), NOW).await;
    store.enqueue((11..=12).map(|number| keyed(number, "l", 1)), NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [1, 11].map(id));
    store.enqueue([new_task(20)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [id(20)], "one without a key says nothing of it");
    store.enqueue([keyed(21, "m", 3)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [2, 3, 12, 21].map(id), "for all keys of the job");
}

async fn a_limit_that_falls_lets_those_that_run_end(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=5).map(|number| keyed(number, "k", 3)), NOW).await;
    let running = claim(store, 0).await;
    store.enqueue([keyed(6, "l", 1)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [id(6)]);
    for held in &running[..2] {
        complete(store, *held, 1).await;
        assert_eq!(store.claim_ids(at(1)).await, []);
    }
    complete(store, running[2], 2).await;
    assert_eq!(store.claim_ids(at(2)).await, [id(4)]);
    store.enqueue([keyed(7, "l", 2)], NOW).await;
    assert_eq!(store.claim_ids(at(2)).await, [5, 7].map(id));
}

async fn a_limit_of_none_is_one(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=2).map(|number| keyed(number, "k", 0)), NOW).await;
    assert_eq!(store.claim_ids(NOW).await, [id(1)]);
}

/// One of a key that runs, and blocked ones behind it, up to this number.
async fn one_runs(store: &Harness<'_, impl Store>, last: u128) -> Held {
    store.enqueue((1..=last).map(|number| keyed(number, "k", 1)), NOW).await;
    let [held] = claim(store, 0).await.try_into().unwrap();
    held
}

async fn a_blocked_task_is_cancelled_like_others(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 4).await;
    assert_eq!(store.cancel(id(2), at(1)).await, Cancelled::Now);
    assert_eq!(store.cancel(id(2), at(1)).await, Cancelled::Already);
    assert_eq!(store.state(id(2)).await, State::Cancelled);
    complete(store, held, 2).await;
    assert_eq!(store.claim_ids(at(2)).await, [id(3)]);
}

async fn a_cancelled_task_that_was_next_holds_up_no_other(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 5).await;
    complete(store, held, 1).await;
    for number in [2, 3] {
        assert_eq!(store.cancel(id(number), at(1)).await, Cancelled::Now);
    }
    assert_eq!(store.claim_ids(at(2)).await, [id(4)]);
}

async fn a_blocked_task_expires(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 1).await;
    let until = |number, seconds| NewTask { expires_at: Some(at(seconds)), ..keyed(number, "k", 1) };
    store.enqueue([until(2, 10), until(3, 20), until(4, 30)], NOW).await;
    assert_eq!(store.claim_ids(at(5)).await, []);
    assert_eq!(store.expire(at(10)).await, [id(2)]);
    complete(store, held, 21).await;
    assert_eq!(store.expire(at(21)).await, [id(3)]);
    assert_eq!(store.claim_ids(at(21)).await, [id(4)]);
}

async fn one_that_expires_in_a_claim_holds_up_no_other(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 1).await;
    let until = |number, seconds| NewTask { expires_at: Some(at(seconds)), ..keyed(number, "k", 1) };
    store.enqueue([until(2, 10), until(3, 11), keyed(4, "k", 1), until(5, 9)], NOW).await;
    assert_eq!(store.claim_ids(at(5)).await, []);
    complete(store, held, 20).await;
    let claimed = store.claim(begin(at(20))).await;
    let expired: Vec<_> = claimed.expired.iter().map(|one| one.id).collect();
    let begun: Vec<_> = claimed.tasks.iter().map(|task| task.held.task).collect();
    assert_eq!((expired, begun), ([2, 3].map(id).to_vec(), vec![id(4)]), "the last is behind it");
}

async fn a_blocked_task_is_replaced(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 1).await;
    let sole = |number| NewTask { unique: unique("u", UniquePolicy::Replace), ..keyed(number, "k", 1) };
    store.enqueue([sole(2)], NOW).await;
    assert_eq!(store.claim_ids(NOW).await, []);
    store.enqueue([sole(3)], at(1)).await;
    assert_eq!(store.state(id(2)).await, State::Cancelled);
    complete(store, held, 2).await;
    assert_eq!(store.claim_ids(at(2)).await, [id(3)]);
}

async fn a_retried_task_is_blocked_again(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 3).await;
    store.cancel(id(2), at(1)).await;
    assert_eq!(store.retry(id(2), at(2)).await, Retried::Queued);
    assert_eq!(store.claim_ids(at(2)).await, []);
    complete(store, held, 3).await;
    assert_eq!(store.claim_ids(at(3)).await, [id(3)], "it came before");
}

async fn a_paused_job_goes_on_as_it_was(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 3).await;
    store.pause(Some("echo"), true).await;
    complete(store, held, 1).await;
    assert_eq!(store.claim_ids(at(1)).await, []);
    store.pause(Some("echo"), false).await;
    assert_eq!(store.claim_ids(at(1)).await, [id(2)]);
}

async fn the_limit_of_the_job_counts_too(store: &Harness<'_, impl Store>) {
    let few = |number, key| NewTask { concurrency_max: 2, ..keyed(number, key, 1) };
    store.enqueue([few(1, "k"), few(2, "k"), few(3, "l"), few(4, "m")], NOW).await;
    let running = claim(store, 0).await;
    assert_eq!(running.iter().map(|held| held.task).collect::<Vec<_>>(), [1, 3].map(id));
    complete(store, running[1], 1).await;
    assert_eq!(store.claim_ids(at(1)).await, [id(4)]);
    complete(store, running[0], 2).await;
    assert_eq!(store.claim_ids(at(2)).await, [id(2)]);
}

async fn one_too_large_for_the_memory_holds_its_place(store: &Harness<'_, impl Store>) {
    let large = |number, bytes| NewTask { memory_bytes_max: bytes, ..keyed(number, "k", 2) };
    store
        .enqueue([large(1, 4), large(2, 9), large(3, 1), NewTask { memory_bytes_max: 2, ..new_task(4) }], NOW)
        .await;
    let claim = async || {
        let claimed = store.claim(Claim { memory_bytes_max: 10, ..begin(NOW) }).await;
        (claimed.tasks.iter().map(|task| task.held).collect::<Vec<_>>(), claimed.more)
    };
    let (first, more) = claim().await;
    assert_eq!((first.len(), first[0].task, more), (1, id(1), true), "nobody overtakes the second");
    let (second, more) = claim().await;
    assert_eq!(
        (second.len(), second[0].task, more),
        (1, id(2), true),
        "the third is blocked, the fourth too large"
    );
    complete(store, first[0], 1).await;
    assert_eq!(store.claim_ids(NOW).await, [3, 4].map(id));
}

async fn many_blocked_tasks_hold_up_no_other(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=2_500).map(|number| keyed(number, "k", 1)), NOW).await;
    store.enqueue([new_task(9_001)], at(1)).await;
    let mut begun = Vec::new();
    let mut claims = 0;
    loop {
        claims += 1;
        let claimed = store.claim(begin(at(1))).await;
        begun.extend(claimed.tasks.into_iter().map(|task| task.held));
        if !claimed.more {
            break;
        }
    }
    assert!(claims <= 4, "{claims} claims");
    assert_eq!(begun.iter().map(|held| held.task).collect::<Vec<_>>(), [1, 9_001].map(id));
    for number in 2..=50 {
        complete(store, begun[0], 2).await;
        begun = claim(store, 2).await;
        assert_eq!(begun.iter().map(|held| held.task).collect::<Vec<_>>(), [id(number)]);
    }
}

async fn what_is_pruned_leaves_nothing_behind(store: &Harness<'_, impl Store>) {
    let held = one_runs(store, 3).await;
    store.cancel(id(2), NOW).await;
    complete(store, held, 1).await;
    let retention = KEEP_NO_ENDED;
    assert_eq!(store.prune(Prune { retention, now: at(2), tasks_max: 9, after: 0 }).await, 2);
    assert_eq!(store.claim_ids(at(2)).await, [id(3)]);
}

fn outlives<F: Fixture>() {
    let fixture = F::open();
    let held = block_on(one_runs(&Harness::new(fixture.store()), 3));
    let fixture = fixture.reopen();
    block_on(async {
        let store = Harness::new(fixture.store());
        assert_eq!(store.claim_ids(NOW).await, []);
        complete(&store, held, 1).await;
        assert_eq!(store.claim_ids(at(1)).await, [id(2)]);
        assert_eq!(store.claim_ids(at(1)).await, []);
        store.check().await;
    });
}

#[test]
fn keys_are_counted_after_a_restart() {
    outlives::<crate::support::Memory>();
    outlives::<crate::support::Sqlite>();
}
