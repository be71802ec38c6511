//! Two schedulers on one store, and clocks that go back: each occurrence is decided about once.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, fire, id, new_task, put, schedule};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::{Enqueued, How};
use mainworker_queue::verbs::fire::{Done, Fire, Fired, RunFate};
use mainworker_queue::verbs::list::Filter;

fenced! {
    the_second_of_two_schedulers_is_stale fails_if FiresUnseenLooks
    what_was_changed_meanwhile_is_not_run fails_if FiresUnseenLooks
    what_ran_does_not_run_again_when_the_clock_went_back fails_if ForgetsOccurrences
    what_ran_is_not_filled_in_again fails_if ForgetsOccurrences
}

fn enqueued(number: u128) -> Fired {
    let fates = vec![RunFate::Enqueued(Enqueued { id: id(number), how: How::New })];
    Fired::Done(Done { fates, cancelled: Vec::new() })
}

fn known() -> Fired {
    Fired::Done(Done { fates: vec![RunFate::Known], cancelled: Vec::new() })
}

async fn ask(store: &Harness<'_, impl Store>, fire: Fire) -> Fired {
    store.store.fire(fire).await.unwrap()
}

async fn the_second_of_two_schedulers_is_stale(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let seen = store.put(put("nightly", "{}"), NOW).await;
    same(ask(store, fire(&seen, [(at(1), new_task(1))], at(1))).await, enqueued(1), "the first")?;
    same(ask(store, fire(&seen, [(at(1), new_task(2))], at(2))).await, Fired::Stale, "the second")?;
    let row = store.schedule(&schedule("nightly")).await.row;
    same((row.evaluated_to, row.runs), (at(1), 1), "the schedule")?;
    same(store.list_ids(Filter::default(), NOW).await, vec![id(1)], "the tasks")
}

async fn what_was_changed_meanwhile_is_not_run(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let seen = store.put(put("nightly", "{}"), NOW).await;
    store.put(put("nightly", "[]"), at(1)).await;
    same(ask(store, fire(&seen, [(at(1), new_task(1))], at(2))).await, Fired::Stale, "the answer")?;
    same(store.list_ids(Filter::default(), NOW).await, vec![], "the tasks")
}

async fn what_ran_does_not_run_again_when_the_clock_went_back(
    store: &Harness<'_, impl Store>,
) -> Result<(), String> {
    let seen = store.put(put("nightly", "{}"), NOW).await;
    same(ask(store, fire(&seen, [(at(1), new_task(1))], at(1))).await, enqueued(1), "the first time")?;
    let seen = store.schedule(&schedule("nightly")).await.row;
    ask(store, fire(&seen, [], at(-60))).await;
    let seen = store.schedule(&schedule("nightly")).await.row;
    same(seen.evaluated_to, at(-60), "how far it is decided about")?;
    same(ask(store, fire(&seen, [(at(1), new_task(2))], at(1))).await, known(), "the second time")?;
    same(store.list_ids(Filter::default(), NOW).await, vec![id(1)], "the tasks")
}

async fn what_ran_is_not_filled_in_again(store: &Harness<'_, impl Store>) -> Result<(), String> {
    let seen = store.put(put("nightly", "{}"), NOW).await;
    ask(store, fire(&seen, [(at(1), new_task(1))], at(1))).await;
    let by = Some(mainworker_domain::audit::Actor::Operator);
    let fill_in = Fire { by, ..fire(&seen, [(at(1), new_task(2))], at(9)) };
    same(ask(store, fill_in).await, known(), "the answer")
}
