//! Which runs become tasks, whenever somebody looks.

use jiff::tz::TimeZoneDatabase;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::{
    Definition, Dropped, Ended, Open, Overlap, OverlapDecision, Plan, ScheduleName, Standing, overlap, plan,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// 2026-03-20T00:00:00Z; the clocks of Berlin change nine days later.
const CREATED: Timestamp = Timestamp::from_ms(1_773_964_800_000);

fn definition(value: &Value) -> Definition {
    Definition::from_json(value, &TimeZoneDatabase::bundled()).expect("a definition")
}

fn standing(evaluated_to: Timestamp, runs: u64) -> Standing {
    Standing { created_at: CREATED, evaluated_to, runs }
}

fn every(every_ms: u64, more: &Value) -> Definition {
    let mut value = json!({ "job": "echo", "runEveryMs": every_ms });
    for (key, more) in more.as_object().expect("an object") {
        value[key] = more.clone();
    }
    definition(&value)
}

/// So many minutes after the creation.
fn minute(count: u64) -> Timestamp {
    CREATED.after_ms(count * MINUTE_MS)
}

#[test]
fn what_is_on_time_runs_and_what_was_missed_follows_the_policy() {
    let cases = [
        (json!({ "missed": "skip" }), vec![minute(50)], Some((4, 10, 40))),
        (json!({}), vec![minute(50)], Some((4, 10, 40))),
        (json!({ "missed": "all" }), vec![minute(10), minute(20), minute(30), minute(40), minute(50)], None),
        (
            json!({ "missed": "all", "missedWindowMs": 20 * MINUTE_MS }),
            vec![minute(30), minute(40), minute(50)],
            Some((2, 10, 20)),
        ),
        (
            json!({ "missed": "all", "options": { "expiresAfterMs": 20 * MINUTE_MS } }),
            vec![minute(40), minute(50)],
            Some((3, 10, 30)),
        ),
    ];
    for (more, run, dropped) in cases {
        let plan = plan(&every(10 * MINUTE_MS, &more), &standing(CREATED, 0), minute(50));
        let dropped = dropped.map_or_else(Dropped::default, |(count, oldest, newest)| Dropped {
            count,
            at_least: false,
            oldest: Some(minute(oldest)),
            newest: Some(minute(newest)),
        });
        let expected =
            Plan { run, dropped, evaluated_to: minute(50), next_at: Some(minute(60)), ended: None };
        assert_eq!(plan, expected, "{more}");
    }
}

#[test]
fn a_minute_late_is_on_time() {
    let every = every(10 * MINUTE_MS, &json!({ "missed": "skip" }));
    let run = |late_ms| plan(&every, &standing(CREATED, 0), minute(10).after_ms(late_ms)).run;
    assert_eq!(run(MINUTE_MS), [minute(10)]);
    assert_eq!(run(MINUTE_MS + 1), []);
}

#[test]
fn the_newest_missed_run_stands_for_all_even_after_years() {
    let every = every(1_000, &json!({}));
    let now = CREATED.after_ms(3 * 365 * DAY_MS + 700);
    let plan = plan(&every, &standing(CREATED, 0), now);
    assert_eq!(plan.run, [CREATED.after_ms(3 * 365 * DAY_MS)]);
    assert_eq!((plan.dropped.count, plan.dropped.at_least), (10_000, true));
    assert_eq!(plan.dropped.newest, Some(CREATED.after_ms(3 * 365 * DAY_MS - 1_000)));
}

#[test]
fn a_catch_up_is_bounded_to_the_newest_thousand() {
    for value in [
        json!({ "job": "echo", "cron": "* * * * *", "missed": "all", "missedWindowMs": 90 * DAY_MS, "timeZone": "Europe/Berlin" }),
        json!({ "job": "echo", "runEveryMs": MINUTE_MS, "missed": "all", "missedWindowMs": 90 * DAY_MS }),
    ] {
        let plan = plan(&definition(&value), &standing(CREATED, 0), CREATED.after_ms(60 * DAY_MS));
        let newest: Vec<Timestamp> = (0..1_000).map(|count| minute(60 * 24 * 60 - 999 + count)).collect();
        assert_eq!(plan.run, newest);
        assert_eq!(plan.dropped.oldest, Some(minute(1)));
        assert_eq!(plan.dropped.newest, Some(minute(60 * 24 * 60 - 1_000)));
        assert!(plan.dropped.at_least);
    }
}

#[test]
fn a_schedule_ends_with_its_times_its_end_or_its_only_run() {
    let three = every(MINUTE_MS, &json!({ "runTimes": 3, "missed": "all" }));
    let first = plan(&three, &standing(CREATED, 1), minute(5));
    assert_eq!(
        (first.run, first.ended, first.next_at),
        (vec![minute(1), minute(2)], Some(Ended::RunTimes), None)
    );
    let after = plan(&three, &standing(minute(5), 3), minute(6));
    assert_eq!((after.run, after.ended), (vec![], Some(Ended::RunTimes)));

    let until = every(MINUTE_MS, &json!({ "endAt": minute(2).to_string() }));
    let ended = plan(&until, &standing(CREATED, 0), minute(1));
    assert_eq!((ended.run, ended.ended), (vec![minute(1)], Some(Ended::EndAt)));

    let once = definition(&json!({ "job": "echo", "runAt": minute(3).to_string() }));
    let before = plan(&once, &standing(CREATED, 0), minute(2));
    assert_eq!((before.run, before.ended, before.next_at), (vec![], None, Some(minute(3))));
    let ended = plan(&once, &standing(minute(2), 0), minute(60));
    assert_eq!((ended.run, ended.ended), (vec![minute(3)], Some(Ended::Once)));
}

#[test]
fn when_the_clock_goes_back_nothing_runs_until_its_real_time() {
    let hourly = every(HOUR_MS, &json!({ "missed": "all" }));
    for back_ms in [HOUR_MS, 365 * DAY_MS] {
        let ahead = CREATED.after_ms(10 * HOUR_MS);
        let now = Timestamp::from_ms(ahead.as_ms().saturating_sub_unsigned(back_ms));
        let plan = plan(&hourly, &standing(ahead, 10), now);
        assert_eq!((plan.run, plan.dropped, plan.evaluated_to), (vec![], Dropped::default(), now));
        assert_eq!(plan.next_at, hourly.occurrences(CREATED).next_after(now));
    }
}

#[test]
fn overlapping_runs_follow_the_policy() {
    use OverlapDecision::{CancelThenEnqueue, Enqueue, Skip};
    let (none, running, queued) =
        (Open::default(), Open { running: 1, queued: 0 }, Open { running: 0, queued: 1 });
    for (policy, expected) in [
        (Overlap::Allow, [Enqueue, Enqueue, Enqueue]),
        (Overlap::Skip, [Enqueue, Skip, Skip]),
        (Overlap::QueueOne, [Enqueue, Enqueue, Skip]),
        (Overlap::CancelRunning, [Enqueue, CancelThenEnqueue, CancelThenEnqueue]),
    ] {
        assert_eq!([none, running, queued].map(|open| overlap(policy, open)), expected, "{policy:?}");
    }
}

#[test]
fn jitter_is_within_its_bound_the_same_each_time_and_spread() {
    let hourly = definition(&json!({ "job": "echo", "cron": "0 * * * *", "jitterMs": 30_000 }));
    let name = ScheduleName::parse("hourly").expect("a name");
    let begins: Vec<u64> = (0..300)
        .map(|hour| {
            let occurrence = CREATED.after_ms(hour * HOUR_MS);
            assert_eq!(
                hourly.task_options(&name, occurrence).run_at,
                Some(hourly.begins_at(&name, occurrence))
            );
            hourly.begins_at(&name, occurrence).ms_since(occurrence)
        })
        .collect();
    assert!(begins.iter().all(|begin| *begin <= 30_000));
    // Written down, so that another version that came to another result would be noticed.
    assert_eq!(begins[..3], JITTER_OF_THREE_HOURS);
    for third in 0..3 {
        let within = begins.iter().filter(|begin| **begin / 10_001 == third).count();
        assert!((70..=130).contains(&within), "{within} of 300 in one third");
    }
    let exact = definition(&json!({ "job": "echo", "cron": "0 * * * *" }));
    assert_eq!(exact.begins_at(&name, CREATED), CREATED);
}

/// FNV-1a of the name, a zero byte and the milliseconds, worked out elsewhere.
const JITTER_OF_THREE_HOURS: [u64; 3] = [28_523, 27_394, 24_777];

fn schedules() -> impl Strategy<Value = Value> {
    let when = prop_oneof![
        (1..400u64).prop_map(|minutes| json!({ "runEveryMs": minutes * MINUTE_MS + 500 })),
        prop_oneof![Just("*/17 * * * *"), Just("30 2 * * *"), Just("0,30 1-3 * * *"), Just("5 */7 * * *")]
            .prop_map(|cron| json!({ "cron": cron, "timeZone": "Europe/Berlin" })),
    ];
    let runs_max = prop_oneof![2 => Just(None), 1 => (1..40u64).prop_map(Some)];
    (when, runs_max).prop_map(|(mut value, runs_max)| {
        value["job"] = json!("echo");
        if let Some(runs_max) = runs_max {
            value["runTimes"] = json!(runs_max);
        }
        value
    })
}

/// Looks at a schedule after each of some waits, as a loop would: what ran by the look at which it did.
fn polled(definition: &Definition, waits_ms: &[u64]) -> Vec<(Timestamp, Plan)> {
    let mut standing = standing(CREATED, 0);
    let mut now = CREATED;
    let mut looks = Vec::new();
    for wait_ms in waits_ms {
        now = now.after_ms(*wait_ms);
        let plan = plan(definition, &standing, now);
        standing = Standing {
            created_at: CREATED,
            evaluated_to: plan.evaluated_to,
            runs: standing.runs + plan.run.len() as u64,
        };
        looks.push((now, plan));
    }
    looks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn under_any_looks_each_run_happens_at_most_once_and_never_early(
        mut value in schedules(),
        policy in 0..3usize,
        waits_ms in prop::collection::vec(prop_oneof![0..2 * MINUTE_MS, 0..2 * DAY_MS], 1..12),
    ) {
        value["missed"] = json!(["skip", "once", "all"][policy]);
        if policy == 2 {
            value["missedWindowMs"] = json!(90 * DAY_MS);
        }
        let definition = definition(&value);
        let looks = polled(&definition, &waits_ms);
        let ran: Vec<Timestamp> = looks.iter().flat_map(|(_, plan)| plan.run.clone()).collect();
        prop_assert!(ran.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
        prop_assert!(looks.iter().all(|(now, plan)| plan.run.iter().all(|run| run <= now)), "none early");
        let runs_max = definition.runs_max.unwrap_or(u64::MAX);
        prop_assert!(ran.len() as u64 <= runs_max);

        let (last, _) = looks.last().expect("a look");
        let all: Vec<Timestamp> = definition.occurrences(CREATED).between(CREATED, *last).collect();
        prop_assert!(ran.iter().all(|run| all.binary_search(run).is_ok()), "nothing but what is due");
        let mut from = CREATED;
        for (now, plan) in &looks {
            let ended_before = ran.iter().filter(|run| **run <= from).count() as u64 == runs_max;
            let due: Vec<Timestamp> = all.iter().copied().filter(|run| from < *run && run <= now).collect();
            let on_time: Vec<Timestamp> = due.iter().copied().filter(|run| now.ms_since(*run) <= MINUTE_MS).collect();
            let expected = match policy {
                _ if ended_before => Vec::new(),
                0 => on_time,
                1 if on_time.len() < due.len() => due.last().copied().into_iter().collect(),
                _ => due.clone(),
            };
            let left = runs_max - ran.iter().filter(|run| **run <= from).count() as u64;
            // The newest thousand, unless so few are left that the schedule would have ended with its first ones.
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let too_many = if left > 1_000 { expected.len().saturating_sub(1_000) } else { 0 };
            let expected: Vec<Timestamp> = expected.into_iter().skip(too_many).take(left).collect();
            prop_assert_eq!(&plan.run, &expected);
            if plan.ended.is_none() {
                prop_assert_eq!(plan.dropped.count + plan.run.len() as u64, due.len() as u64);
                prop_assert_eq!(plan.next_at, definition.occurrences(CREATED).next_after(*now));
            }
            from = *now;
        }
    }

    #[test]
    fn with_a_clock_that_jumps_and_one_row_for_each_moment_nothing_runs_twice_or_early(
        value in schedules(),
        jumps in prop::collection::vec((any::<bool>(), 0..3 * DAY_MS), 1..12),
    ) {
        let definition = definition(&value);
        let mut standing = standing(CREATED, 0);
        let mut now = CREATED;
        let mut rows = std::collections::BTreeSet::new();
        for (back, ms) in jumps {
            let forth = now.after_ms(ms);
            now = if back { Timestamp::from_ms(now.as_ms().saturating_sub_unsigned(ms)) } else { forth };
            let plan = plan(&definition, &standing, now);
            prop_assert!(!back || ms == 0 || plan.run.is_empty());
            for run in plan.run {
                prop_assert!(run <= now);
                // As the store does: a moment that has its row is no new run.
                standing.runs += u64::from(rows.insert(run));
            }
            standing.evaluated_to = plan.evaluated_to;
            prop_assert_eq!(plan.evaluated_to, now);
            prop_assert!(standing.runs <= definition.runs_max.unwrap_or(u64::MAX));
        }
    }
}
