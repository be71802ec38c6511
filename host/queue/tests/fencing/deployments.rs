//! Two who deploy or roll back at once, and a task that comes in while revisions are forgotten.

use crate::check::{fenced, same};
use crate::support::{Harness, NOW, at, collect, deploy, module, new_task, rollback};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::deployments::{Deployed, RolledBack};
use mainworker_queue::verbs::enqueue::NewTask;

fenced! {
    of_two_who_saw_the_same_one_deploys fails_if DeploysOverUnseen
    the_second_of_two_rollbacks_leads_nowhere fails_if RollsBackAndForth
    a_revision_stays_that_a_task_was_taken_with fails_if CollectsUnseenTasks
}

async fn of_two_who_saw_the_same_one_deploys(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.deploy(deploy(1, None, NOW)).await;
    let previous = Some(module(1));
    same(store.deploy(deploy(2, Some(1), at(1))).await, Deployed::Now { previous }, "the first")?;
    let current = Some(module(2));
    same(store.deploy(deploy(3, Some(1), at(1))).await, Deployed::Stale { current }, "the second")?;
    same(store.modules("echo").await, vec![module(2), module(1)], "the revisions")
}

async fn the_second_of_two_rollbacks_leads_nowhere(store: &Harness<'_, impl Store>) -> Result<(), String> {
    for (number, former) in [(1, None), (2, Some(1)), (3, Some(2))] {
        store.deploy(deploy(number, former, at(i64::from(number)))).await;
    }
    let led = RolledBack::Now { from: Some(module(3)), to: module(2) };
    same(store.roll_back(rollback(None, at(4))).await, led, "the first")?;
    same(store.roll_back(rollback(None, at(4))).await, RolledBack::Already, "the second")?;
    let current = store.store.deployments().await.unwrap().pop().map(|current| current.revision.module);
    same(current, Some(module(2)), "what is current")
}

async fn a_revision_stays_that_a_task_was_taken_with(store: &Harness<'_, impl Store>) -> Result<(), String> {
    store.deploy(deploy(1, None, NOW)).await;
    store.deploy(deploy(2, Some(1), at(1))).await;
    store.enqueue([NewTask { revision: module(1), ..new_task(1) }], at(2)).await;
    same(store.collect(collect(0)).await, vec![], "what is forgotten")
}
