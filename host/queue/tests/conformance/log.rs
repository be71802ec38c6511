//! Log: what the attempts of a task said, in order and by pages.

use crate::support::{Harness, NOW, at, ended, id, line, new_task, on_each_store};
use mainworker_domain::event::{Level, LogLine};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_queue::attempt::Held;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::log::{LogPage, LogPlace, ReadLog};
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::settle::Settle;

on_each_store! {
    an_unknown_task_has_no_log
    a_task_that_said_nothing_has_an_empty_log
    lines_are_as_they_were_said
    the_attempts_follow_each_other
    a_page_has_at_least_a_line_and_ends_soon
    pages_of_any_size_show_the_same
    reading_begins_anywhere
    a_log_is_followed_while_it_grows
}

fn piece(first_line: u32, messages: impl IntoIterator<Item = String>) -> LogPiece {
    LogPiece { first_line, lines: messages.into_iter().map(|message| line(&message)).collect() }
}

async fn say(store: &Harness<'_, impl Store>, held: Held, first_line: u32, messages: &[&str]) {
    let log = piece(first_line, messages.iter().map(|&message| message.to_owned()));
    assert!(store.record(Record { held, log, progress: None }).await);
}

fn texts(page: &LogPage) -> Vec<(u32, &str)> {
    page.lines.iter().map(|(attempt, line)| (*attempt, line.message.as_str())).collect()
}

async fn an_unknown_task_has_no_log(store: &Harness<'_, impl Store>) {
    let read = ReadLog { task: id(1), from: LogPlace::default(), bytes_max: 100 };
    assert_eq!(store.store.log(read).await, Ok(None));
}

async fn a_task_that_said_nothing_has_an_empty_log(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    let page = store.log_page(id(1), LogPlace::default(), 100).await;
    let state = Some(State::Queued);
    assert_eq!(page, LogPage { lines: Vec::new(), next: LogPlace::default(), more: false, state });
}

async fn lines_are_as_they_were_said(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical];
    let lines: Vec<LogLine> = levels
        .into_iter()
        .zip(["", "ß漢🎈", "{\"a\":1}", "\u{0}\n'--", &"x".repeat(10_000), " "])
        .map(|(level, message)| LogLine {
            at_ms: u64::from(u32::MAX) + 1,
            level,
            context: format!("{message}?"),
            message: message.to_owned(),
        })
        .collect();
    let log = LogPiece { first_line: 0, lines: lines.clone() };
    store.record(Record { held, log, progress: None }).await;
    let read: Vec<_> = store.log(id(1), 50).await.into_iter().map(|(_, line)| line).collect();
    assert_eq!(read, lines);
}

async fn the_attempts_follow_each_other(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    for attempt in 1..=12 {
        let held = store.claim_one(NOW).await.held;
        say(store, held, 0, &["a"]).await;
        // An attempt may say nothing after its first line.
        let log = piece(1, (attempt % 3 != 0).then(|| "b".to_owned()));
        store.apply(Settle { log, ..ended(held, Outcome::Interrupted, NOW) }).await;
    }
    let expected: Vec<_> = (1..=12)
        .flat_map(|attempt| [(attempt, "a"), (attempt, "b")])
        .filter(|&(attempt, message)| message == "a" || attempt % 3 != 0)
        .map(|(attempt, message)| (attempt, message.to_owned()))
        .collect();
    assert_eq!(store.messages(id(1)).await, expected);
}

async fn a_page_has_at_least_a_line_and_ends_soon(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    for number in 0..50 {
        say(store, held, number, &[&"x".repeat(100)]).await;
    }
    let least = store.log_page(id(1), LogPlace::default(), 0).await;
    assert!(!least.lines.is_empty() && least.more);
    let some = store.log_page(id(1), LogPlace::default(), 1_000).await;
    assert!((5..=11).contains(&some.lines.len()) && some.more, "{} lines", some.lines.len());
    let all = store.log_page(id(1), LogPlace::default(), 1_000_000).await;
    assert_eq!((all.lines.len(), all.more), (50, false));
    assert_eq!(all.next, LogPlace { attempt: 1, line: 50 });
}

async fn pages_of_any_size_show_the_same(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    let mut expected = Vec::new();
    for attempt in 1..=3 {
        let held = store.claim_one(NOW).await.held;
        for (first_line, count) in [(0, 3), (3, 1), (4, 7)] {
            let messages: Vec<_> =
                (first_line..first_line + count).map(|number| format!("{attempt}.{number}")).collect();
            expected.extend(messages.iter().map(|message| (attempt, message.clone())));
            let log = piece(first_line, messages);
            store.record(Record { held, log, progress: None }).await;
        }
        store.apply(ended(held, Outcome::Interrupted, NOW)).await;
    }
    for bytes_max in [0, 1, 6, 13, 40, 100, 10_000] {
        let read = store.log(id(1), bytes_max).await;
        let read: Vec<_> = read.into_iter().map(|(attempt, line)| (attempt, line.message)).collect();
        assert_eq!(read, expected, "{bytes_max}");
    }
}

async fn reading_begins_anywhere(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    for _ in 0..2 {
        let held = store.claim_one(NOW).await.held;
        say(store, held, 0, &["a", "b", "c"]).await;
        say(store, held, 3, &["d"]).await;
        store.apply(ended(held, Outcome::Interrupted, NOW)).await;
    }
    let from = async |attempt, line| {
        let page = store.log_page(id(1), LogPlace { attempt, line }, 10_000).await;
        texts(&page).into_iter().map(|(attempt, message)| format!("{attempt}{message}")).collect::<Vec<_>>()
    };
    let all = ["1a", "1b", "1c", "1d", "2a", "2b", "2c", "2d"];
    assert_eq!(from(0, 0).await, all);
    assert_eq!(from(1, 1).await, all[1..], "in the middle of a piece");
    assert_eq!(from(1, 3).await, all[3..]);
    assert_eq!(from(1, 4).await, all[4..]);
    assert_eq!(from(2, 0).await, all[4..]);
    assert_eq!(from(2, 2).await, all[6..]);
    assert_eq!(from(2, 4).await, all[8..]);
    let past = LogPlace { attempt: 7, line: 1 };
    let page = store.log_page(id(1), past, 10_000).await;
    assert_eq!((page.lines.len(), page.next, page.more), (0, past, false));
}

async fn a_log_is_followed_while_it_grows(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    say(store, held, 0, &["a"]).await;
    let first = store.log_page(id(1), LogPlace::default(), 10_000).await;
    assert_eq!((texts(&first), first.more, first.state), (vec![(1, "a")], false, Some(State::Running)));

    let nothing = store.log_page(id(1), first.next, 10_000).await;
    assert_eq!((nothing.lines.len(), nothing.next), (0, first.next));
    say(store, held, 1, &["b"]).await;
    let second = store.log_page(id(1), first.next, 10_000).await;
    assert_eq!(texts(&second), [(1, "b")]);

    store.apply(ended(held, Outcome::Interrupted, at(1))).await;
    let held = store.claim_one(at(1)).await.held;
    let log = piece(0, ["c".to_owned()]);
    store.apply(Settle { log, ..ended(held, Outcome::Completed, at(2)) }).await;
    let last = store.log_page(id(1), second.next, 10_000).await;
    assert_eq!((texts(&last), last.state), (vec![(2, "c")], Some(State::Completed)));
}
