//! Record: what running attempts say.

use crate::support::{Harness, NOW, at, begin, ended, id, line, new_task, on_each_store, progress};
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::{Held, Lease};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::record::{LogPiece, Record};

on_each_store! {
    lines_are_kept_in_their_order
    lines_that_are_kept_already_are_left_as_they_are
    the_newest_progress_is_shown
    progress_is_that_of_the_newest_attempt
    nothing_is_kept_of_what_does_not_run
    a_batch_is_answered_in_its_order
    lines_go_on_where_others_are_missing
}

fn piece(first_line: u32, messages: &[&str]) -> LogPiece {
    LogPiece { first_line, lines: messages.iter().map(|message| line(message)).collect() }
}

fn said(held: Held, first_line: u32, messages: &[&str]) -> Record {
    Record { held, log: piece(first_line, messages), progress: None }
}

async fn logged(store: &Harness<'_, impl Store>) -> Vec<String> {
    store.messages(id(1)).await.into_iter().map(|(_, message)| message).collect()
}

async fn lines_are_kept_in_their_order(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    assert!(store.record(said(held, 0, &["a", "b"])).await);
    assert!(store.record(said(held, 2, &[])).await, "to have nothing to say is no error");
    assert!(store.record(said(held, 2, &["c"])).await);
    assert_eq!(logged(store).await, ["a", "b", "c"]);
    let lines = store.log(id(1), 1_000).await;
    assert_eq!(lines[0], (1, line("a")), "with all of its parts");
}

async fn lines_that_are_kept_already_are_left_as_they_are(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.record(said(held, 0, &["a", "b", "c"])).await;
    store.record(said(held, 0, &["a", "b", "c"])).await;
    assert_eq!(logged(store).await, ["a", "b", "c"]);
    store.record(said(held, 2, &["other", "d"])).await;
    store.record(said(held, 1, &["other"])).await;
    assert_eq!(logged(store).await, ["a", "b", "c", "d"]);
    store.record(said(held, 4, &["e"])).await;
    assert_eq!(logged(store).await, ["a", "b", "c", "d", "e"]);
}

async fn the_newest_progress_is_shown(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    assert_eq!(store.task(id(1)).await.progress, None);
    let report = |percent| Record { held, log: LogPiece::default(), progress: Some(progress(percent)) };
    store.record(report(10)).await;
    store.record(report(5)).await;
    assert_eq!(store.task(id(1)).await.progress, Some(progress(5)));
    store.record(said(held, 0, &["a"])).await;
    assert_eq!(store.task(id(1)).await.progress, Some(progress(5)), "no news");
}

async fn progress_is_that_of_the_newest_attempt(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.record(Record { held, log: LogPiece::default(), progress: Some(progress(60)) }).await;
    store.apply(ended(held, Outcome::Interrupted, NOW)).await;
    assert_eq!(store.task(id(1)).await.progress, Some(progress(60)), "until the next begins");
    let second = store.claim_one(NOW).await.held;
    assert_eq!(store.task(id(1)).await.progress, None);
    store.record(Record { held: second, log: piece(0, &["again"]), progress: Some(progress(1)) }).await;
    store.apply(ended(second, Outcome::Completed, NOW)).await;
    assert_eq!(store.task(id(1)).await.progress, Some(progress(1)));
    assert_eq!(store.messages(id(1)).await, [(2, "again".to_owned())]);
}

async fn nothing_is_kept_of_what_does_not_run(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let told = |held| Record { held, log: piece(0, &["late"]), progress: Some(progress(99)) };
    let before = store.seen(id(1)).await;
    let lease = Lease::from_bits(1_111_111);
    for stale in [Held { lease, ..held }, Held { attempt: 2, ..held }, Held { task: id(2), ..held }] {
        assert!(!store.record(told(stale)).await);
    }
    assert_eq!(store.seen(id(1)).await, before);
    store.apply(ended(held, Outcome::Interrupted, NOW)).await;
    assert!(!store.record(told(held)).await, "it ended");
    store.claim_one(at(1)).await;
    assert!(!store.record(told(held)).await, "another runs");
    let after = store.seen(id(1)).await;
    assert_eq!((after.0.progress, after.1), (None, Vec::new()));
}

async fn a_batch_is_answered_in_its_order(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=2).map(new_task), NOW).await;
    let held: Vec<Held> = store.claim(begin(NOW)).await.tasks.iter().map(|task| task.held).collect();
    let stale = Held { attempt: 5, ..held[0] };
    let batch = vec![
        said(held[1], 0, &["of two"]),
        said(stale, 0, &["of nobody"]),
        said(held[0], 0, &["of one"]),
        said(held[1], 1, &["more of two"]),
    ];
    assert_eq!(store.store.record(batch).await, Ok(vec![true, false, true, true]));
    assert_eq!(store.messages(id(1)).await, [(1, "of one".to_owned())]);
    let of_two = ["of two", "more of two"].map(|message| (1, message.to_owned()));
    assert_eq!(store.messages(id(2)).await, of_two);
}

async fn lines_go_on_where_others_are_missing(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    store.record(said(held, 0, &["a"])).await;
    store.record(said(held, 5, &["f"])).await;
    store.record(said(held, 2, &["too late"])).await;
    store.record(said(held, 6, &["g"])).await;
    assert_eq!(logged(store).await, ["a", "f", "g"]);
}
