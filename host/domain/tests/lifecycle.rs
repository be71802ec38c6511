//! The life of a task under any sequence of verbs, clocks that jump included; and that `host/ARCHITECTURE.md` shows it.

use mainworker_domain::lifecycle::{
    Cancel, Count, Ending, Enqueue, Jitter, Next, OrderKey, Reason, Refusal, SealedConfiguration, State,
    Tally, Task, Timestamp, backoff_bound_ms, backoff_ms, cancel, claim, expire, retry, settle,
    wait_asked_ms,
};
use mainworker_domain::limits::{LOSSES_UNTIL_ALONE, MODULE_UNAVAILABLE_MAX, PRIORITY_MAX};
use mainworker_domain::manifest::Retry;
use mainworker_domain::outcome::Outcome;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../ARCHITECTURE.md");

#[derive(Clone, Copy, Debug)]
enum Verb {
    Claim,
    Settle(Ending, Jitter),
    Cancel,
    Retry(u64),
    Expire,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Settle(..) => "settle",
            Self::Cancel => "cancel",
            Self::Retry(_) => "retry",
            Self::Expire => "expire",
        }
    }
}

/// What a store does with a verb: asks, and writes the answer down.
fn apply(task: &Task, verb: Verb, now: Timestamp) -> Result<(Task, Option<Reason>), Refusal> {
    let transition = match verb {
        Verb::Claim => claim(task, now)?,
        Verb::Settle(ending, jitter) => settle(task, ending, now, jitter)?,
        Verb::Retry(delay_ms) => retry(task, delay_ms, now)?,
        Verb::Expire => expire(task, now)?,
        Verb::Cancel => match cancel(task)? {
            Cancel::Now(transition) => transition,
            Cancel::Requested => return Ok((Task { cancel_requested: true, ..*task }, None)),
            Cancel::Already => return Ok((*task, None)),
        },
    };
    if let Next::Queued { run_at, .. } = transition.next {
        assert!(run_at >= now, "due at {run_at}, before {now}");
    }
    Ok((task.after(&transition), Some(transition.reason)))
}

fn any_policy() -> impl Strategy<Value = Retry> {
    (any::<u32>(), any::<u64>(), any::<u64>()).prop_map(|(max_attempts, base_ms, cap_ms)| Retry {
        max_attempts,
        base_ms,
        cap_ms,
    })
}

fn time() -> impl Strategy<Value = Timestamp> {
    // Close together, so that expiries and waits meet; and anything at all.
    prop_oneof![4 => 0..200_000_i64, 1 => any::<i64>()].prop_map(Timestamp::from_ms)
}

fn ending() -> impl Strategy<Value = Ending> {
    let retry_after_ms = prop_oneof![0..100_000_u64, any::<u64>()];
    (0..Outcome::ALL.len(), retry_after_ms)
        .prop_map(|(index, retry_after_ms)| Ending { outcome: Outcome::ALL[index], retry_after_ms })
}

fn verb() -> impl Strategy<Value = Verb> {
    let settle =
        (ending(), any::<u64>()).prop_map(|(ending, bits)| Verb::Settle(ending, Jitter::from_bits(bits)));
    prop_oneof![
        6 => Just(Verb::Claim),
        6 => settle,
        1 => Just(Verb::Cancel),
        1 => prop_oneof![Just(0), any::<u64>()].prop_map(Verb::Retry),
        1 => Just(Verb::Expire),
    ]
}

fn enqueue() -> impl Strategy<Value = Enqueue> {
    let policy = (1..4_u32, 1..20_000_u64, 1..60_000_u64).prop_map(|(max_attempts, base_ms, cap_ms)| Retry {
        max_attempts,
        base_ms,
        cap_ms,
    });
    (prop::option::of(time()), 0..=PRIORITY_MAX, prop::option::of(time()), policy, any::<bool>()).prop_map(
        |(run_at, priority, expires_at, retry, configured)| Enqueue {
            run_at,
            priority,
            expires_at,
            retry,
            configured,
        },
    )
}

/// What holds for a task at any time.
fn check(task: &Task) {
    assert!(task.tally.attempts <= task.retry.max_attempts, "{task:?}");
    assert!(task.tally.losses <= LOSSES_UNTIL_ALONE + 1, "{task:?}");
    assert!(task.tally.module_unavailable <= MODULE_UNAVAILABLE_MAX, "{task:?}");
    assert!(!task.cancel_requested || task.state == State::Running, "{task:?}");
    let has_result = task.outcome == Some(Outcome::Completed);
    assert_eq!(task.state == State::Completed, has_result, "{task:?}");
    if task.state == State::Cancelled {
        assert_eq!(task.outcome, Some(Outcome::Cancelled), "{task:?}");
    }
    if task.state.deletes_configuration() {
        assert_ne!(task.configuration, SealedConfiguration::Kept, "{task:?}");
    }
    if !task.state.is_terminal() {
        assert_ne!(task.configuration, SealedConfiguration::Deleted, "it could not run: {task:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_done_with_a_task_it_stays_consistent(
        enqueue in enqueue(), begin in time(), steps in prop::collection::vec((verb(), time()), 0..80),
    ) {
        let mut task = Task::enqueued(enqueue, begin);
        let (mut interrupted, mut former) = (0, 0);
        for (verb, now) in steps {
            let before = task;
            check(&before);
            let Ok((after, reason)) = apply(&before, verb, now) else { continue };
            task = after;
            if before.state.is_terminal() {
                prop_assert!(task == before || matches!(verb, Verb::Retry(_)), "{verb:?} woke {before:?}");
            }
            if before.cancel_requested && after.state != State::Running {
                prop_assert!(matches!(after.state, State::Completed | State::Cancelled), "{after:?}");
            }
            match verb {
                Verb::Claim => prop_assert!(!before.is_past_expiry(now), "{before:?} began at {now}"),
                Verb::Expire => prop_assert!(before.is_past_expiry(now), "{before:?} expired at {now}"),
                Verb::Settle(..) | Verb::Cancel | Verb::Retry(_) => {}
            }
            if reason == Some(Reason::RetriedByHand) {
                (interrupted, former) = (0, task.attempts);
            }
            if let Verb::Settle(Ending { outcome: Outcome::Interrupted, .. }, _) = verb {
                interrupted += 1;
            }
            let Tally { attempts, losses, module_unavailable } = task.tally;
            let running = u32::from(task.state == State::Running);
            prop_assert_eq!(
                task.attempts - former,
                attempts + losses + module_unavailable + interrupted + running,
                "each attempt is counted once"
            );
        }
        check(&task);
    }

    #[test]
    fn a_task_that_is_only_run_ends(
        enqueue in enqueue(), now in time(), endings in prop::collection::vec(ending(), 26),
    ) {
        let mut task = Task::enqueued(Enqueue { expires_at: None, ..enqueue }, now);
        let mut attempts = 0;
        let mut endings = endings.into_iter().filter(|ending| ending.outcome != Outcome::Interrupted).cycle();
        while !task.state.is_terminal() {
            let Some(ending) = endings.next() else { return Ok(()) };
            task = apply(&task, Verb::Claim, now).unwrap().0;
            task = apply(&task, Verb::Settle(ending, Jitter::from_bits(0)), now).unwrap().0;
            attempts += 1;
            let most = task.retry.max_attempts + LOSSES_UNTIL_ALONE + MODULE_UNAVAILABLE_MAX;
            prop_assert!(attempts <= most, "{attempts} attempts at {task:?}");
        }
        let Tally { attempts: counted, losses, module_unavailable } = task.tally;
        prop_assert_eq!(attempts, counted + losses + module_unavailable);
        prop_assert!(counted <= task.retry.max_attempts);
    }

    #[test]
    fn a_completed_attempt_is_the_same_whatever_the_task(
        now in time(), other in time(), bits: u64, policy in any_policy(), counted in any::<(u32, u32, u32)>(),
        attempts: u32, cancel_requested: bool, expires_at in prop::option::of(time()),
    ) {
        let (attempts_counted, losses, module_unavailable) = counted;
        let task = Task {
            state: State::Running,
            retry: policy,
            tally: Tally { attempts: attempts_counted, losses, module_unavailable },
            attempts,
            cancel_requested,
            expires_at,
            ..queued()
        };
        let one = settle(&task, Outcome::Completed.into(), now, Jitter::from_bits(bits)).unwrap();
        let plain = Task { state: State::Running, ..queued() };
        prop_assert_eq!(one, settle(&plain, Outcome::Completed.into(), other, Jitter::from_bits(0)).unwrap());
        prop_assert!(one.commits_asked_tasks() && one.deletes_configuration());
    }

    #[test]
    fn waits_keep_their_bounds(policy in any_policy(), attempts: u32, bits: u64, asked_ms: u64) {
        let jitter = Jitter::from_bits(bits);
        let bound = backoff_bound_ms(&policy, attempts);
        prop_assert!(bound <= policy.cap_ms);
        prop_assert!(bound >= policy.base_ms.min(policy.cap_ms));
        prop_assert!(backoff_bound_ms(&policy, attempts.saturating_add(1)) >= bound);
        let wait = backoff_ms(&policy, attempts, jitter);
        prop_assert!(wait < bound || bound == 0);
        let asked_ms = asked_ms % (30 * 24 * 3_600_000 + 1);
        let wait = wait_asked_ms(&policy, asked_ms, attempts, jitter);
        prop_assert!(wait >= asked_ms);
        prop_assert!(asked_ms == 0 || wait <= 2 * asked_ms);
    }

    #[test]
    fn the_order_is_by_time_and_by_priority(one in time(), other in time(), low: u8, high: u8) {
        let (earlier, later) = (one.min(other), one.max(other));
        let (low, high) = (low.min(high), low.max(high));
        prop_assert!(OrderKey::new(earlier, low) <= OrderKey::new(later, low));
        prop_assert!(OrderKey::new(earlier, high) <= OrderKey::new(earlier, low));
        // Nothing starves: who comes so much later never goes first.
        let much_later = earlier.after_ms(u64::from(PRIORITY_MAX) * 60_000 + 1);
        if much_later < Timestamp::MAX {
            prop_assert!(OrderKey::new(earlier, 0) < OrderKey::new(much_later, u8::MAX));
        }
    }
}

fn queued() -> Task {
    let enqueue =
        Enqueue { run_at: None, priority: 5, expires_at: None, retry: Retry::default(), configured: true };
    Task::enqueued(enqueue, Timestamp::from_ms(100_000))
}

type Edge = (String, String, String);

fn edge(from: &str, to: &str, verb: &str) -> Edge {
    (from.to_owned(), to.to_owned(), verb.to_owned())
}

/// Each state with each verb, in each of the cases that a verb tells apart.
fn edges_of_the_code() -> BTreeSet<Edge> {
    let now = Timestamp::from_ms(100_000);
    let mut verbs = vec![Verb::Claim, Verb::Cancel, Verb::Retry(0), Verb::Expire];
    verbs.extend(Outcome::ALL.map(|outcome| Verb::Settle(outcome.into(), Jitter::from_bits(0))));
    let many = Tally { attempts: u32::MAX, losses: u32::MAX, module_unavailable: u32::MAX };
    let mut edges = BTreeSet::from([edge("[*]", queued().state.as_str(), "enqueue")]);
    for state in State::ALL {
        if state.is_terminal() {
            edges.insert(edge(state.as_str(), "[*]", "prune"));
        }
        for tally in [Tally::default(), many] {
            for cancel_requested in [false, true] {
                for expires_at in [None, Some(now)] {
                    let task = Task { state, tally, cancel_requested, expires_at, ..queued() };
                    for &verb in &verbs {
                        match apply(&task, verb, now) {
                            Ok((after, _)) if after != task => {
                                edges.insert(edge(state.as_str(), after.state.as_str(), verb.as_str()));
                            }
                            Ok(_) | Err(_) => {}
                        }
                    }
                }
            }
        }
    }
    edges
}

#[test]
fn the_diagram_shows_the_edges_of_the_code() {
    let (_, diagram) = PAGE.split_once("stateDiagram-v2\n").expect("a state diagram");
    let (diagram, _) = diagram.split_once("```").expect("its end");
    let mut shown = BTreeSet::new();
    for line in diagram.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parts = line.split_once(" --> ").and_then(|(from, rest)| Some((from, rest.split_once(" : ")?)));
        let (from, (to, verb)) = parts.unwrap_or_else(|| panic!("`{line}` is not `from --> to : verb`"));
        assert!(shown.insert(edge(from, to, verb)), "`{line}` twice");
    }
    assert_eq!(shown, edges_of_the_code(), "left the diagram, right the code");
}

#[test]
fn the_table_of_outcomes_says_what_the_code_does() {
    let (_, table) = PAGE.split_once("| outcome | counted as |").expect("a table of outcomes");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
    let mut shown = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [outcomes, counted, then, at_last, _] = cells[..] else { panic!("five cells: {row}") };
        for outcome in outcomes.split_whitespace() {
            shown.push([outcome.trim_matches('`'), counted, then, at_last].map(str::to_owned));
        }
    }
    let running = Task { state: State::Running, ..queued() };
    let tally = Tally {
        attempts: running.retry.max_attempts - 1,
        losses: 2,
        module_unavailable: MODULE_UNAVAILABLE_MAX,
    };
    let mut actual: Vec<_> = Outcome::ALL
        .into_iter()
        .map(|outcome| {
            let end = |task| settle(&task, outcome.into(), Timestamp::MIN, Jitter::from_bits(0)).unwrap();
            let (first, last) = (end(running), end(Task { tally, ..running }));
            let counted = match first.count {
                Some(Count::Attempt) => "attempt",
                Some(Count::Loss) => "loss",
                Some(Count::ModuleUnavailable) => "module away",
                None => "nothing",
            };
            let states = [first, last].map(|transition| transition.next.state().to_string());
            let [then, at_last] = states;
            [outcome.to_string(), counted.to_owned(), then, at_last]
        })
        .collect();
    shown.sort();
    actual.sort();
    assert_eq!(shown, actual, "left the page, right the code");
}
