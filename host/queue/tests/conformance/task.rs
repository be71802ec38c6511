//! Task: what is to be seen of one, at each stage.

use crate::support::{Harness, NOW, at, at_ms, begin, ended, id, new_task, on_each_store};
use mainworker_domain::access::TokenId;
use mainworker_domain::audit::Actor;
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_queue::attempt::Figures;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::enqueue::NewTask;
use mainworker_queue::verbs::settle::Settle;
use mainworker_queue::verbs::task::AttemptView;

on_each_store! {
    an_unknown_task_is_none
    an_attempt_that_runs_is_seen
    waits_are_counted_from_when_it_could_have_begun
    the_error_is_that_of_the_newest_attempt_that_ended
    a_clock_that_goes_back_makes_no_negative_time
    who_asked_and_what_is_above_is_seen_of_each_alone
}

async fn an_unknown_task_is_none(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    assert_eq!(store.store.task(id(2)).await, Ok(None));
}

async fn who_asked_and_what_is_above_is_seen_of_each_alone(store: &Harness<'_, impl Store>) {
    let token = Actor::Token(TokenId::from_random(5));
    let by = |number, by| NewTask { by, ..new_task(number) };
    let deep = NewTask { depth: 7, parent: Some(id(1)), ..new_task(4) };
    let tasks = [by(1, Some(token.clone())), by(2, None), by(3, Some(token.clone())), deep];
    store.enqueue(tasks, NOW).await;
    let mut found = Vec::new();
    for number in 1..=4 {
        let view = store.task(id(number)).await;
        found.push((view.requested_by, view.depth));
    }
    assert_eq!(found, [(Some(token.clone()), 0), (None, 0), (Some(token), 0), (None, 7)]);
    let claimed = store.claim(begin(NOW)).await.tasks;
    assert_eq!(claimed.iter().map(|task| task.depth).collect::<Vec<_>>(), [0, 0, 0, 7]);
}

async fn an_attempt_that_runs_is_seen(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    store.claim_one(at(2)).await;
    let view = store.task(id(1)).await;
    let row = AttemptView {
        number: 1,
        outcome: None,
        started_at: at(2),
        finished_at: None,
        wait_ms: 2_000,
        usage: Usage::default(),
        revision: new_task(1).revision,
        host: "host-1".to_owned(),
        error: None,
    };
    assert_eq!(view.attempts, [row]);
    assert_eq!((view.attempts[0].run_ms(), view.error(), view.result.as_ref()), (None, None, None));
    assert_eq!((view.summary.state, view.summary.started_at), (State::Running, Some(at(2))));
    assert_eq!(view.summary.run_at, NOW, "since when it could have begun");
}

async fn waits_are_counted_from_when_it_could_have_begun(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { run_at: at(10), ..new_task(1) }], NOW).await;
    let held = store.claim_one(at(12)).await.held;
    // From when it was claimed until it began, half a second more.
    let figures =
        Figures { started_at: at_ms(12_500), finished_at: at(13), usage: Usage::default(), ran: None };
    store.apply(Settle { figures, ..ended(held, Outcome::Interrupted, at(14)) }).await;
    store.claim_one(at(17)).await;
    let waits: Vec<_> = store.task(id(1)).await.attempts.iter().map(|attempt| attempt.wait_ms).collect();
    assert_eq!(waits, [2_500, 3_000], "the second could have begun when the first was handed back");
}

async fn the_error_is_that_of_the_newest_attempt_that_ended(store: &Harness<'_, impl Store>) {
    let code = async || store.task(id(1)).await.error().map(|error| error.code.clone());
    let first = store.started(new_task(1), NOW).await;
    assert_eq!(code().await, None);
    store.apply(ended(first, Outcome::Failed, NOW)).await;
    assert_eq!(code().await, Some("code-failed".to_owned()));
    let second = store.claim_one(at(60)).await.held;
    assert_eq!(code().await, Some("code-failed".to_owned()), "while the second runs");
    store.apply(ended(second, Outcome::Trapped, at(61))).await;
    assert_eq!(code().await, Some("code-trapped".to_owned()));
    let hint = store.task(id(1)).await.error().and_then(|error| error.hint.clone());
    assert_eq!(hint, Some("try again".to_owned()));
}

async fn a_clock_that_goes_back_makes_no_negative_time(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    let held = store.claim_one(at(-3_600)).await.held;
    let figures =
        Figures { started_at: at(-3_600), finished_at: at(-7_200), usage: Usage::default(), ran: None };
    store.apply(Settle { figures, ..ended(held, Outcome::Completed, at(-7_200)) }).await;
    let view = store.task(id(1)).await;
    assert_eq!((view.attempts[0].wait_ms, view.attempts[0].run_ms()), (0, Some(0)));
    assert_eq!(view.summary.finished_at, Some(at(-7_200)));
}
