//! What stands in the way of a run, and who is told.

use crate::stage::{Heard, Stage, at, name};
use crate::store::WatchedStore;
use mainworker_queue::scheduler::NotMade;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::fire::RunFate;
use mainworker_queue::verbs::schedules::OccurrenceFate;
use std::sync::Arc;

const EACH_MINUTE: &str = r#"{ "job": "echo", "runEveryMs": 60000 }"#;

fn stage() -> Stage<WatchedStore> {
    Stage::new(Arc::new(WatchedStore::new()))
}

fn not_now() -> NotMade {
    NotMade::NotNow { code: "module_unavailable".to_owned(), message: "there is no module".to_owned() }
}

#[tokio::test]
async fn a_run_that_cannot_be_made_for_now_waits() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    stage.host.answers.lock().unwrap().insert(name("minutely"), not_now());
    stage.pass(60);
    match stage.heard().await {
        Heard::Hindered(schedule, problem) => {
            assert_eq!(schedule, name("minutely"));
            assert_eq!(problem, "module_unavailable: there is no module");
        }
        other => panic!("{other:?}"),
    }
    let row = stage.row("minutely").await;
    assert_eq!((row.evaluated_to, row.runs), (at(0), 0), "it is as due as it was");
    assert_eq!(row.last_problem.unwrap().message, "module_unavailable: there is no module");

    // It is tried again, and told of once.
    let fires = stage.store.count("fire");
    stage.pass(6);
    stage.store.counted("schedules", stage.store.count("schedules") + 1).await;
    stage.host.answers.lock().unwrap().clear();
    stage.pass(6);
    assert_eq!(stage.fired_at().await, [60]);
    assert_eq!(stage.store.count("fire"), fires + 1, "what was told was written down once");
}

#[tokio::test]
async fn a_run_that_is_refused_is_over_and_the_next_is_not() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    let refused = NotMade::Refused { code: "payload_invalid".to_owned(), message: "no month".to_owned() };
    stage.host.answers.lock().unwrap().insert(name("minutely"), refused.clone());
    stage.pass(60);
    let looked = stage.fired().await;
    assert_eq!(looked.wanted[0].task, Err(refused));
    assert_eq!(looked.done.fates, [RunFate::Refused("payload_invalid: no month".to_owned())]);
    let view = stage.store.schedule(name("minutely")).await.unwrap().unwrap();
    assert_eq!(view.occurrences[0].fate, OccurrenceFate::Refused);
    assert_eq!(view.row.last_problem.unwrap().message, "payload_invalid: no month");

    stage.host.answers.lock().unwrap().clear();
    stage.pass(60);
    assert_eq!(stage.fired_at().await, [120], "the one before is not made up for");
}

#[tokio::test]
async fn one_schedule_in_trouble_holds_up_no_other() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    stage.apply([("first", EACH_MINUTE), ("minutely", EACH_MINUTE)]).await;
    stage.host.answers.lock().unwrap().insert(name("first"), not_now());
    stage.pass(60);
    assert!(matches!(stage.heard().await, Heard::Hindered(..)));
    let looked = stage.fired().await;
    assert_eq!(looked.name, name("minutely"));
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again_and_told_of_once() {
    let mut stage = stage();
    let _scheduler = stage.scheduler();
    stage.apply([("minutely", EACH_MINUTE)]).await;
    stage.store.set_failing(true);
    stage.pass(60);
    assert!(matches!(stage.heard().await, Heard::StoreFailed));
    let asked = stage.store.count("schedules");
    stage.pass(6);
    stage.store.counted("schedules", asked + 1).await;
    stage.store.set_failing(false);
    stage.pass(6);
    assert_eq!(stage.fired_at().await, [60], "and nothing is lost");
}
