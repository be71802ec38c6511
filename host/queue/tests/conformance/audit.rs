//! Audit: what is written down, and what is read of it.

use crate::support::{Harness, NOW, ask, at, id, job, new_task, on_each_store};
use mainworker_domain::access::{Role, TokenId};
use mainworker_domain::audit::{Action, Actor, AuditEntry, Object};
use mainworker_domain::outcome::Outcome;
use mainworker_domain::schedule::ScheduleName;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::audit::{AuditFilter, AuditRow, PruneAudit, ReadAudit};
use mainworker_queue::verbs::cancel::Cancel;
use mainworker_queue::verbs::enqueue::{Enqueue, EnqueueError, NewTask};
use mainworker_queue::verbs::pause::Pause;
use mainworker_queue::verbs::retry::Retry;
use mainworker_queue::verbs::tokens::{AddToken, NewToken, RevokeToken};

on_each_store! {
    each_task_that_really_changed_is_an_entry
    what_the_host_does_by_itself_is_none
    a_pause_that_changes_nothing_is_none
    a_token_is_told_of_without_its_hash
    what_is_refused_is_none
    it_is_read_by_all_that_it_says
    pages_go_on_where_the_last_ended
    the_oldest_go_first_and_their_numbers_are_not_used_again
}

fn entry(seconds: i64, action: Action, object: Object) -> AuditEntry {
    AuditEntry { at: at(seconds), actor: Actor::Operator, action, object, detail: None }
}

/// All entries, the oldest first.
async fn entries(store: &Harness<'_, impl Store>) -> Vec<AuditEntry> {
    let rows = store.audit(AuditFilter::default()).await;
    assert!(rows.is_sorted_by(|newer, older| newer.number > older.number));
    rows.into_iter().rev().map(|row| row.entry).collect()
}

async fn pause(store: &Harness<'_, impl Store>, name: Option<&str>, paused: bool, seconds: i64) {
    let pause = Pause { job: name.map(job), paused, now: at(seconds), by: Some(Actor::Operator) };
    store.store.pause(pause).await.unwrap();
}

async fn each_task_that_really_changed_is_an_entry(store: &Harness<'_, impl Store>) {
    store.finished(new_task(1), Outcome::Completed, NOW).await;
    store.started(new_task(2), NOW).await;
    store.enqueue([new_task(3)], NOW).await;
    let by = Some(Actor::Operator);
    let tasks = vec![id(1), id(2), id(3), id(3), id(9)];
    store.store.cancel(Cancel { tasks, now: at(5), by: by.clone() }).await.unwrap();
    let tasks = vec![id(1), id(2), id(3), id(9)];
    store.store.retry(Retry { tasks, delay_ms: 0, now: at(6), by }).await.unwrap();
    let expected = [
        entry(5, Action::TaskCancelled, Object::Task(id(2))),
        entry(5, Action::TaskCancelled, Object::Task(id(3))),
        entry(6, Action::TaskRetried, Object::Task(id(3))),
    ];
    assert_eq!(entries(store).await, expected);
}

async fn what_the_host_does_by_itself_is_none(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { by: Some(Actor::Operator), ..new_task(1) }], NOW).await;
    store.cancel(id(1), NOW).await;
    store.retry(id(1), NOW).await;
    store.pause(None, true).await;
    store.pause(Some("echo"), true).await;
    assert_eq!(entries(store).await, []);
}

async fn a_pause_that_changes_nothing_is_none(store: &Harness<'_, impl Store>) {
    for (name, paused) in [(Some("a"), false), (Some("a"), true), (Some("a"), true), (None, true)] {
        pause(store, name, paused, 1).await;
    }
    for (name, paused) in [(None, true), (Some("a"), false), (None, false), (None, false)] {
        pause(store, name, paused, 2).await;
    }
    let expected = [
        entry(1, Action::Paused, Object::Job(job("a"))),
        entry(1, Action::Paused, Object::Host),
        entry(2, Action::Resumed, Object::Job(job("a"))),
        entry(2, Action::Resumed, Object::Host),
    ];
    assert_eq!(entries(store).await, expected);
}

fn new_token() -> NewToken {
    NewToken {
        id: TokenId::from_random(1),
        source: Some("ci".to_owned()),
        jobs: Some(vec![job("a"), job("b")]),
        roles: vec![Role::Enqueue, Role::Read],
        secret_sha256: [7; 32],
        expires_at: None,
    }
}

async fn a_token_is_told_of_without_its_hash(store: &Harness<'_, impl Store>) {
    let token = new_token();
    let object = Object::Token(token.id.clone());
    let by = Actor::Operator;
    store.store.add_token(AddToken { token, now: at(1), by: by.clone() }).await.unwrap();
    for _ in 0..2 {
        let revoke = RevokeToken { id: TokenId::from_random(1), now: at(2), by: by.clone() };
        store.store.revoke_token(revoke).await.unwrap();
    }
    let detail = Some("source ci, roles enqueue read, jobs a b".to_owned());
    let expected = [
        AuditEntry { detail, ..entry(1, Action::TokenCreated, object.clone()) },
        entry(2, Action::TokenRevoked, object),
    ];
    assert_eq!(entries(store).await, expected);
}

async fn what_is_refused_is_none(store: &Harness<'_, impl Store>) {
    let add = || AddToken { token: new_token(), now: NOW, by: Actor::Operator };
    store.store.add_token(add()).await.unwrap();
    assert!(store.store.add_token(add()).await.is_err());
    let full = Enqueue { open_max: 0, ..ask([new_task(1)], NOW) };
    assert!(matches!(store.store.enqueue(full).await, Err(EnqueueError::Refused { .. })));
    assert_eq!(entries(store).await.len(), 1);
}

async fn it_is_read_by_all_that_it_says(store: &Harness<'_, impl Store>) {
    let token = Actor::Token(TokenId::from_random(4));
    for (seconds, actor) in (0..).zip([Actor::Operator, token.clone(), Actor::Settings, token.clone()]) {
        let paused = seconds % 2 == 0;
        let job = if seconds < 2 { None } else { Some(job("a")) };
        store.store.pause(Pause { job, paused, now: at(seconds), by: Some(actor) }).await.unwrap();
    }
    let by = async |filter: AuditFilter| -> Vec<i64> {
        let rows = store.audit(filter).await;
        rows.iter().map(|row| (row.entry.at.as_ms() - NOW.as_ms()) / 1_000).collect()
    };
    let all = AuditFilter::default;
    assert_eq!(by(all()).await, [3, 2, 1, 0]);
    assert_eq!(by(AuditFilter { actor: Some(token.clone()), ..all() }).await, [3, 1]);
    assert_eq!(
        by(AuditFilter { actor: Some(Actor::Token(TokenId::from_random(5))), ..all() }).await,
        Vec::<i64>::new()
    );
    assert_eq!(by(AuditFilter { action: Some(Action::Resumed), ..all() }).await, [3, 1]);
    assert_eq!(by(AuditFilter { object: Some(Object::Host), ..all() }).await, [1, 0]);
    assert_eq!(by(AuditFilter { object: Some(Object::Job(job("a"))), ..all() }).await, [3, 2]);
    assert_eq!(
        by(AuditFilter { object: Some(Object::Schedule(ScheduleName::parse("a").unwrap())), ..all() }).await,
        Vec::<i64>::new()
    );
    assert_eq!(by(AuditFilter { from: Some(at(1)), to: Some(at(3)), ..all() }).await, [2, 1]);
    let both = AuditFilter { actor: Some(token), object: Some(Object::Host), ..all() };
    assert_eq!(by(both).await, [1]);
}

async fn pages_go_on_where_the_last_ended(store: &Harness<'_, impl Store>) {
    for seconds in 0..10 {
        pause(store, None, seconds % 2 == 0, seconds).await;
    }
    let filter = AuditFilter { action: Some(Action::Paused), ..AuditFilter::default() };
    let read =
        |before, entries_max| ReadAudit { filter: filter.clone(), before, entries_max, examined_max: 100 };
    let first = store.store.audit(read(None, 2)).await.unwrap();
    let seconds = |at_seconds: &[i64]| at_seconds.iter().map(|&seconds| at(seconds)).collect::<Vec<_>>();
    let times = |rows: &[AuditRow]| rows.iter().map(|row| row.entry.at).collect::<Vec<_>>();
    assert_eq!(times(&first.entries), seconds(&[8, 6]));
    pause(store, None, true, 10).await;
    let second = store.store.audit(read(first.next, 9)).await.unwrap();
    assert_eq!((times(&second.entries), second.next), (seconds(&[4, 2, 0]), None));
}

async fn the_oldest_go_first_and_their_numbers_are_not_used_again(store: &Harness<'_, impl Store>) {
    // The clock went back between the second and the third.
    for (index, seconds) in [4, 9, 1, 2].into_iter().enumerate() {
        pause(store, None, index % 2 == 0, seconds).await;
    }
    let prune = async |before, entries_max| {
        store.store.prune_audit(PruneAudit { before: at(before), entries_max }).await.unwrap()
    };
    let left = async || entries(store).await.iter().map(|entry| entry.at).collect::<Vec<_>>();
    assert_eq!(prune(1, 9).await, 0, "one is old when it is older");
    assert_eq!((prune(9, 2).await, left().await), (2, vec![at(4), at(9)]));
    assert_eq!((prune(99, 9).await, left().await), (2, Vec::new()));
    pause(store, None, true, 20).await;
    assert_eq!(store.audit(AuditFilter::default()).await[0].number, 5);
}
