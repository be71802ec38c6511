//! Settle: what each end means for the task, its row, its log, and what is stale.

use crate::support::{
    Harness, NOW, at, at_ms, begin, ended, id, job, line, new_task, on_each_store, progress,
};
use mainworker_domain::digest::Digest;
use mainworker_domain::lifecycle::{self, Ending, Enqueue, Jitter, Next, Reason, State, Task, Timestamp};
use mainworker_domain::limits::{LOSSES_UNTIL_ALONE, MODULE_UNAVAILABLE_MAX};
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::{Outcome, Usage};
use mainworker_queue::attempt::{AttemptError, Figures, Held, Lease};
use mainworker_queue::store::Store;
use mainworker_queue::verbs::cancel::Cancelled;
use mainworker_queue::verbs::enqueue::{Enqueued, How, NewTask};
use mainworker_queue::verbs::record::{LogPiece, Record};
use mainworker_queue::verbs::retry::Retried;
use mainworker_queue::verbs::settle::{Settle, Settled};
use mainworker_queue::verbs::task::AttemptView;

on_each_store! {
    each_outcome_becomes_what_the_lifecycle_says
    an_attempt_leaves_a_row
    a_result_is_kept_if_the_task_is_completed
    the_wait_is_the_one_that_was_drawn
    a_job_that_asks_for_time_gets_it
    what_was_handed_back_keeps_its_place
    what_was_counted_is_kept
    a_module_that_stays_away_fails_the_task_in_the_end
    a_task_that_is_lost_alone_fails
    an_end_of_no_running_attempt_is_stale
    each_of_a_batch_is_decided_by_itself
    the_rest_of_the_log_is_kept
    progress_said_at_the_end_is_kept
    a_wanted_cancel_yields_to_a_result
    a_wanted_cancel_ends_anything_else
    a_failed_task_keeps_its_configuration
}

async fn each_outcome_becomes_what_the_lifecycle_says(store: &Harness<'_, impl Store>) {
    for (number, outcome) in (1_u128..).zip(Outcome::ALL) {
        // With attempts left, and with none.
        for (number, max_attempts) in [(number, 3), (number + 100, 1)] {
            let retry = Retry { max_attempts, base_ms: 10_000, cap_ms: 60_000 };
            let new = NewTask { retry, priority: 4, ..new_task(number) };
            let enqueue = Enqueue { run_at: None, priority: 4, expires_at: None, retry, configured: false };
            let task = Task::enqueued(enqueue, NOW);
            let task = task.after(&lifecycle::claim(&task, NOW).unwrap());

            let held = store.started(new, NOW).await;
            let settle = ended(held, outcome, at(3));
            let expected = lifecycle::settle(&task, settle.ending, settle.now, settle.jitter).unwrap();
            let applied = store.apply(settle).await;
            assert_eq!(applied.transition, expected, "{outcome}");
            assert!(applied.enqueued.is_empty() && applied.dropped.is_empty());

            let after = task.after(&expected);
            let summary = store.task(id(number)).await.summary;
            assert_eq!((summary.state, summary.outcome), (after.state, after.outcome), "{outcome}");
            assert_eq!((summary.run_at, summary.attempts), (after.run_at, 1), "{outcome}");
            assert_eq!(summary.finished_at, after.state.is_terminal().then_some(at(3)), "{outcome}");
            store.cancel(id(number), at(4)).await;
        }
    }
}

async fn an_attempt_leaves_a_row(store: &Harness<'_, impl Store>) {
    store.enqueue([NewTask { run_at: at(10), ..new_task(1) }], NOW).await;
    let first = store.claim_one(at(11)).await;
    let usage = Usage {
        wall_us: u64::from(u32::MAX) + 1,
        cpu_us: 2,
        peak_memory_bytes: 3,
        http_calls: 4,
        http_bytes_in: 5,
        http_bytes_out: 6,
        log_bytes: 7,
        log_lines_dropped: 8,
        output_bytes: 9,
    };
    // Another module than the one that it was accepted with, which nobody has seen before.
    let ran = Digest::from_sha256([9; 32]);
    let error = AttemptError { code: "wall_ms".to_owned(), message: "too long".to_owned(), hint: None };
    let settle = Settle {
        figures: Figures { started_at: at_ms(11_500), finished_at: at(20), usage, ran: Some(ran) },
        error: Some(error.clone()),
        ..ended(first.held, Outcome::TimedOut, at(21))
    };
    store.apply(settle).await;
    let row = AttemptView {
        number: 1,
        outcome: Some(Outcome::TimedOut),
        started_at: at_ms(11_500),
        finished_at: Some(at(20)),
        wait_ms: 1_500,
        usage,
        revision: ran,
        host: "host-1".to_owned(),
        error: Some(error.clone()),
    };
    let view = store.task(id(1)).await;
    assert_eq!(view.attempts, std::slice::from_ref(&row));
    assert_eq!((view.summary.started_at, view.error()), (Some(at_ms(11_500)), Some(&error)));
    assert_eq!(row.run_ms(), Some(8_500));

    let second = store.claim_one(at(60)).await;
    store.apply(ended(second.held, Outcome::Completed, at(61))).await;
    let view = store.task(id(1)).await;
    assert_eq!(view.attempts[0], row, "the first stays as it was");
    assert_eq!((view.attempts[1].number, view.attempts[1].outcome), (2, Some(Outcome::Completed)));
    assert_eq!((view.attempts[1].revision, view.summary.revision), (first.revision, first.revision));
    assert_eq!((view.attempts.len(), view.error()), (2, None));
    assert_eq!(view.summary.finished_at, Some(at(61)), "when the task ended");
}

async fn a_result_is_kept_if_the_task_is_completed(store: &Harness<'_, impl Store>) {
    let text = format!(r#"{{"text":"{}"}}"#, "é".repeat(100_000));
    for (number, outcome) in [(1, Outcome::Completed), (2, Outcome::Rejected), (3, Outcome::Failed)] {
        let held = store.started(new_task(number), NOW).await;
        store.apply(Settle { result: Some(text.clone()), ..ended(held, outcome, NOW) }).await;
        let kept = (outcome == Outcome::Completed).then(|| text.clone());
        assert!(store.task(id(number)).await.result == kept, "{outcome}");
        store.cancel(id(number), NOW).await;
    }
    let held = store.started(new_task(4), NOW).await;
    store.apply(Settle { result: None, ..ended(held, Outcome::Completed, NOW) }).await;
    assert_eq!(store.task(id(4)).await.result, None);
}

async fn the_wait_is_the_one_that_was_drawn(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let settle = Settle { jitter: Jitter::from_bits(u64::MAX), ..ended(held, Outcome::Trapped, NOW) };
    let Next::Queued { run_at, .. } = store.apply(settle).await.transition.next else {
        panic!("two attempts are left")
    };
    assert_eq!(run_at, at_ms(9_999));
    assert_eq!(store.task(id(1)).await.summary.run_at, run_at);

    let held = store.claim_one(at(10)).await.held;
    let settle = Settle { jitter: Jitter::from_bits(0), ..ended(held, Outcome::Trapped, at(10)) };
    store.apply(settle).await;
    assert_eq!(store.claim_ids(at(10)).await, [id(1)], "no wait at all");
}

async fn a_job_that_asks_for_time_gets_it(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let ending = Ending { outcome: Outcome::RetryAsked, retry_after_ms: 7_200_000 };
    let jitter = Jitter::from_bits(0);
    store.apply(Settle { ending, jitter, ..ended(held, Outcome::RetryAsked, NOW) }).await;
    assert_eq!(store.task(id(1)).await.summary.run_at, at(7_200));
}

async fn what_was_handed_back_keeps_its_place(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    let held = store.claim_one(NOW).await.held;
    store.enqueue([new_task(2), NewTask { run_at: at(4), ..new_task(3) }], at(1)).await;
    store.apply(ended(held, Outcome::Interrupted, at(5))).await;
    assert_eq!(store.claim_ids(at(5)).await, [id(1), id(2), id(3)]);
}

async fn what_was_counted_is_kept(store: &Harness<'_, impl Store>) {
    let outcomes =
        [Outcome::Failed, Outcome::Interrupted, Outcome::Lost, Outcome::ModuleUnavailable, Outcome::Trapped];
    store.enqueue([new_task(1)], NOW).await;
    for (number, outcome) in (1..).zip(outcomes) {
        let now = at(100 * i64::from(number));
        let claimed = store.claim_one(now).await;
        let for_job = if number == 1 { 1 } else { 2 };
        assert_eq!((claimed.held.attempt, claimed.attempt_for_job), (number, for_job), "{outcome}");
        assert_eq!(claimed.max_attempts, 3);
        store.apply(ended(claimed.held, outcome, now)).await;
    }
    let last = store.claim_one(at(1_000)).await;
    assert_eq!((last.held.attempt, last.attempt_for_job), (6, 3));
    let applied = store.apply(ended(last.held, Outcome::TimedOut, at(1_000))).await;
    assert_eq!(applied.transition.reason, Reason::AttemptsUsedUp);
    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.outcome), (State::Failed, Some(Outcome::TimedOut)));
    assert_eq!(view.attempts.len(), 6);
}

async fn a_module_that_stays_away_fails_the_task_in_the_end(store: &Harness<'_, impl Store>) {
    store
        .enqueue([NewTask { retry: Retry { max_attempts: 1, ..new_task(1).retry }, ..new_task(1) }], NOW)
        .await;
    for number in 1..=MODULE_UNAVAILABLE_MAX {
        let now = at(100 * i64::from(number));
        let held = store.claim_one(now).await.held;
        let applied = store.apply(ended(held, Outcome::ModuleUnavailable, now)).await;
        let state = if number < MODULE_UNAVAILABLE_MAX { State::Queued } else { State::Failed };
        assert_eq!(applied.transition.next.state(), state, "{number}");
    }
}

async fn a_task_that_is_lost_alone_fails(store: &Harness<'_, impl Store>) {
    store.enqueue([new_task(1)], NOW).await;
    for losses in 1..=LOSSES_UNTIL_ALONE + 1 {
        let claim = mainworker_queue::verbs::claim::Claim { idle: true, ..begin(NOW) };
        let held = store.claim(claim).await.tasks[0].held;
        let applied = store.apply(ended(held, Outcome::Lost, NOW)).await;
        let reason = if losses <= LOSSES_UNTIL_ALONE { Reason::Lost } else { Reason::LostAlone };
        assert_eq!(applied.transition.reason, reason, "{losses}");
    }
    let summary = store.task(id(1)).await.summary;
    assert_eq!((summary.state, summary.outcome), (State::Failed, Some(Outcome::Lost)));
}

async fn an_end_of_no_running_attempt_is_stale(store: &Harness<'_, impl Store>) {
    let stale = async |held: Held| {
        let before = (store.store.task(held.task).await, store.overview().await);
        let log = LogPiece { first_line: 0, lines: vec![line("late")] };
        let asked = vec![new_task(50)];
        let progress = Some(progress(99));
        let settle = Settle { log, progress, asked, ..ended(held, Outcome::Completed, at(9)) };
        assert_eq!(store.settle(settle).await, Settled::Stale);
        assert_eq!((store.store.task(held.task).await, store.overview().await), before);
        assert_eq!(store.store.task(id(50)).await, Ok(None));
    };
    let lease = Lease::from_bits(1_234_567);
    stale(Held { task: id(1), attempt: 1, lease }).await;

    store.enqueue([new_task(1)], NOW).await;
    stale(Held { task: id(1), attempt: 0, lease }).await;
    stale(Held { task: id(1), attempt: 1, lease }).await;

    let held = store.claim_one(NOW).await.held;
    stale(Held { lease, ..held }).await;
    stale(Held { attempt: 2, ..held }).await;
    stale(Held { attempt: 0, ..held }).await;
    stale(Held { task: id(2), ..held }).await;

    store.apply(ended(held, Outcome::Interrupted, NOW)).await;
    stale(held).await;
    let second = store.claim_one(NOW).await.held;
    stale(held).await;
    stale(Held { attempt: 2, ..held }).await;
    stale(Held { attempt: 1, ..second }).await;
    store.apply(ended(second, Outcome::Completed, NOW)).await;
    stale(second).await;
    assert_eq!(store.messages(id(1)).await, []);
}

async fn each_of_a_batch_is_decided_by_itself(store: &Harness<'_, impl Store>) {
    store.enqueue((1..=3).map(new_task), NOW).await;
    let held: Vec<Held> = store.claim(begin(NOW)).await.tasks.iter().map(|task| task.held).collect();
    let stale = Held { attempt: 7, ..held[1] };
    let batch = vec![
        ended(held[0], Outcome::Completed, at(1)),
        ended(stale, Outcome::Completed, at(1)),
        ended(held[0], Outcome::Failed, at(1)),
        ended(held[2], Outcome::Rejected, at(1)),
    ];
    let settled = store.store.settle(batch).await.unwrap();
    let states: Vec<_> = settled.iter().map(Settled::state).collect();
    assert_eq!(states, [Some(State::Completed), None, None, Some(State::Failed)]);
    assert_eq!(store.state(id(1)).await, State::Completed);
    assert_eq!(store.state(id(2)).await, State::Running);
    assert_eq!(store.store.settle(Vec::new()).await, Ok(Vec::new()));
}

async fn the_rest_of_the_log_is_kept(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    let log = LogPiece { first_line: 0, lines: vec![line("one"), line("two")] };
    assert!(store.record(Record { held, log, progress: None }).await);
    let log = LogPiece { first_line: 1, lines: vec![line("other two"), line("three")] };
    store.apply(Settle { log, ..ended(held, Outcome::Failed, NOW) }).await;
    let kept = ["one", "two", "three"].map(|message| (1, message.to_owned()));
    assert_eq!(store.messages(id(1)).await, kept);
}

async fn progress_said_at_the_end_is_kept(store: &Harness<'_, impl Store>) {
    let ends = [Outcome::Completed, Outcome::Rejected, Outcome::Failed, Outcome::Cancelled];
    for (number, outcome) in (1_u128..).zip(ends) {
        let held = store.started(new_task(number), NOW).await;
        store.record(Record { held, log: LogPiece::default(), progress: Some(progress(40)) }).await;
        store.apply(Settle { progress: Some(progress(90)), ..ended(held, outcome, NOW) }).await;
        assert_eq!(store.task(id(number)).await.progress, Some(progress(90)), "{outcome}");
    }
    let second = store.claim_one(at(60)).await.held;
    assert_eq!((second.task, second.attempt), (id(3), 2));
    assert_eq!(store.task(id(3)).await.progress, None, "that was the first attempt's");
    store.apply(Settle { progress: Some(progress(5)), ..ended(second, Outcome::Rejected, at(60)) }).await;
    assert_eq!(store.task(id(3)).await.progress, Some(progress(5)), "nothing was recorded before");

    let held = store.started(new_task(10), NOW).await;
    store.record(Record { held, log: LogPiece::default(), progress: Some(progress(40)) }).await;
    store.apply(ended(held, Outcome::Completed, NOW)).await;
    assert_eq!(store.task(id(10)).await.progress, Some(progress(40)), "no news");
}

async fn a_wanted_cancel_yields_to_a_result(store: &Harness<'_, impl Store>) {
    let held = store.started(new_task(1), NOW).await;
    assert_eq!(store.cancel(id(1), at(1)).await, Cancelled::Requested { attempt: 1 });
    let settle = Settle { asked: vec![new_task(2)], ..ended(held, Outcome::Completed, at(2)) };
    assert_eq!(store.apply(settle).await.enqueued, [Enqueued { id: id(2), how: How::New }]);
    let view = store.task(id(1)).await;
    assert_eq!((view.summary.state, view.summary.outcome), (State::Completed, Some(Outcome::Completed)));
    assert!(view.result.is_some() && !view.summary.cancel_requested);
}

async fn a_wanted_cancel_ends_anything_else(store: &Harness<'_, impl Store>) {
    let ends = [Outcome::Failed, Outcome::Interrupted, Outcome::Lost, Outcome::Cancelled, Outcome::Rejected];
    for (number, outcome) in (1_u128..).zip(ends) {
        let held = store.started(NewTask { job: job("wanted"), ..new_task(number) }, NOW).await;
        store.cancel(id(number), at(1)).await;
        let applied = store.apply(ended(held, outcome, at(2))).await;
        assert_eq!(applied.transition.next, Next::Cancelled, "{outcome}");
        let view = store.task(id(number)).await;
        assert_eq!(view.summary.outcome, Some(Outcome::Cancelled), "the task's own word");
        assert_eq!(view.attempts[0].outcome, Some(outcome), "the attempt's own word");
        assert_eq!(store.claim_ids(Timestamp::MAX).await, []);
    }
}

async fn a_failed_task_keeps_its_configuration(store: &Harness<'_, impl Store>) {
    let configured = NewTask { configuration: Some(vec![4, 2]), ..new_task(1) };
    store.finished(configured, Outcome::Rejected, NOW).await;
    assert_eq!(store.retry(id(1), at(1)).await, Retried::Queued);
    assert_eq!(store.claim_one(at(1)).await.configuration, Some(vec![4, 2]));
}
