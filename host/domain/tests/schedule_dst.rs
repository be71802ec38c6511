//! What runs when the clock changes, case by case, and how the ends of a schedule are counted.

use jiff::tz::TimeZoneDatabase;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::Definition;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn definition(value: Value) -> Definition {
    Definition::from_json(&value, &TimeZoneDatabase::bundled()).expect("a definition")
}

/// The runs of an expression in a zone, in hours of the world.
#[track_caller]
fn assert_runs(zone: &str, expression: &str, from: &str, to: &str, expected: &[&str]) {
    let definition = definition(json!({ "job": "echo", "cron": expression, "timeZone": zone }));
    let runs = definition.occurrences(at(from)).between(at(from), at(to));
    let found: Vec<String> = runs.map(|run| run.to_string()).collect();
    let expected: Vec<String> = expected.iter().map(|run| at(run).to_string()).collect();
    assert_eq!(found, expected, "`{expression}` in {zone}");
}

#[test]
fn berlin_in_spring() {
    let day = |expression, expected: &[&str]| {
        assert_runs(
            "Europe/Berlin",
            expression,
            "2026-03-29T00:00:00+01:00",
            "2026-03-29T05:00:00+02:00",
            expected,
        );
    };
    day("30 2 * * *", &["2026-03-29T03:00:00+02:00"]);
    day("0,30 2 * * *", &["2026-03-29T03:00:00+02:00"]);
    day("0 3 * * *", &["2026-03-29T03:00:00+02:00"]);
    day("0,30 2,3 * * *", &["2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"]);
    day("30 2 30 * *", &[]);
    day(
        "30 * * * *",
        &[
            "2026-03-29T00:30:00+01:00",
            "2026-03-29T01:30:00+01:00",
            "2026-03-29T03:30:00+02:00",
            "2026-03-29T04:30:00+02:00",
        ],
    );
    day("*/30 2 * * *", &[]);
    day("0-59/30 2 * * *", &["2026-03-29T03:00:00+02:00"]);
}

#[test]
fn berlin_in_autumn() {
    let day = |expression, expected: &[&str]| {
        assert_runs(
            "Europe/Berlin",
            expression,
            "2026-10-25T00:40:00+02:00",
            "2026-10-25T03:59:00+01:00",
            expected,
        );
    };
    day("30 2 * * *", &["2026-10-25T02:30:00+02:00"]);
    day("0,30 2 * * *", &["2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00"]);
    day("0 3 * * *", &["2026-10-25T03:00:00+01:00"]);
    day(
        "30 * * * *",
        &[
            "2026-10-25T01:30:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T03:30:00+01:00",
        ],
    );
    day(
        "*/30 2 25 10 *",
        &[
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:00:00+01:00",
            "2026-10-25T02:30:00+01:00",
        ],
    );
}

#[test]
fn other_changes_than_an_hour() {
    // Half an hour forward at 02:00, and back at 02:00.
    let zone = "Australia/Lord_Howe";
    let spring = ("2026-10-04T00:00:00+10:30", "2026-10-04T06:00:00+11:00");
    assert_runs(zone, "15 2 * * *", spring.0, spring.1, &["2026-10-04T02:30:00+11:00"]);
    assert_runs(zone, "45 2 * * *", spring.0, spring.1, &["2026-10-04T02:45:00+11:00"]);
    let autumn = ("2026-04-05T00:00:00+11:00", "2026-04-05T06:00:00+10:30");
    assert_runs(zone, "45 1 * * *", autumn.0, autumn.1, &["2026-04-05T01:45:00+11:00"]);
    assert_runs(zone, "45 1-1 * * *", "2026-04-05T01:50:00+11:00", "2026-04-05T06:00:00+10:30", &[]);
    // Two hours.
    let spring = ("2026-03-29T00:00:00Z", "2026-03-29T04:00:00Z");
    assert_runs("Antarctica/Troll", "30 1 * * *", spring.0, spring.1, &["2026-03-29T01:00:00Z"]);
    assert_runs("Antarctica/Troll", "30 2 * * *", spring.0, spring.1, &["2026-03-29T01:00:00Z"]);
    // The day begins at 01:00.
    let spring = ("2026-09-05T12:00:00-04:00", "2026-09-06T12:00:00-03:00");
    assert_runs("America/Santiago", "0 0 * * *", spring.0, spring.1, &["2026-09-06T01:00:00-03:00"]);
    // The clock goes back at midnight, so the day before ends twice: its last hour is the earlier one.
    let autumn = ("2026-04-04T12:00:00-03:00", "2026-04-05T12:00:00-04:00");
    assert_runs("America/Santiago", "30 23 * * *", autumn.0, autumn.1, &["2026-04-04T23:30:00-03:00"]);
    assert_runs("America/Santiago", "0 0 * * *", autumn.0, autumn.1, &["2026-04-05T00:00:00-04:00"]);
    // A whole day: Samoa had no 30 December 2011.
    let skipped = ("2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00");
    assert_runs(
        "Pacific/Apia",
        "0 6 * * *",
        skipped.0,
        skipped.1,
        &["2011-12-31T00:00:00+14:00", "2011-12-31T06:00:00+14:00"],
    );
    assert_runs("Pacific/Apia", "0 */6 30 * *", skipped.0, skipped.1, &[]);
}

#[test]
fn the_start_can_be_a_run_and_the_end_is_none() {
    let hourly = definition(json!({
        "job": "echo", "cron": "0 * * * *", "startAt": "2026-01-01T02:00:00Z", "endAt": "2026-01-01T04:00:00Z",
    }));
    let runs: Vec<_> =
        hourly.occurrences(at("2026-01-01T00:00:00Z")).between(Timestamp::MIN, Timestamp::MAX).collect();
    assert_eq!(runs, [at("2026-01-01T02:00:00Z"), at("2026-01-01T03:00:00Z")]);
}

#[test]
fn an_interval_counts_from_its_start_or_from_its_creation() {
    let created_at = at("2026-01-01T00:00:00.500Z");
    let from_creation = definition(json!({ "job": "echo", "runEveryMs": 90_000 }));
    let next = |after| from_creation.occurrences(created_at).next_after(after);
    assert_eq!(next(Timestamp::MIN), Some(created_at.after_ms(90_000)), "not at once");
    assert_eq!(next(created_at.after_ms(90_000)), Some(created_at.after_ms(180_000)));
    assert_eq!(next(created_at.after_ms(179_999)), Some(created_at.after_ms(180_000)));

    let start = at("2026-02-01T00:00:00Z");
    let from_start = definition(json!({ "job": "echo", "runEveryMs": 90_000, "startAt": start.to_string() }));
    let next = |after| from_start.occurrences(created_at).next_after(after);
    assert_eq!(next(created_at), Some(start));
    assert_eq!(next(start), Some(start.after_ms(90_000)));
    assert_eq!(next(start.after_ms(86_400_000 * 365)), Some(start.after_ms(86_400_000 * 365 + 90_000)));
    assert_eq!(next(Timestamp::MAX), None);
}

#[test]
fn a_single_run_is_at_its_time() {
    let once = definition(json!({ "job": "echo", "runAt": "2026-06-01T12:00:00+02:00" }));
    let occurrences = once.occurrences(Timestamp::MIN);
    assert_eq!(occurrences.next_after(Timestamp::MIN), Some(at("2026-06-01T10:00:00Z")));
    assert_eq!(occurrences.next_after(at("2026-06-01T10:00:00Z")), None);
}

#[test]
fn the_last_run_before_a_moment_is_found() {
    let monthly = definition(json!({ "job": "echo", "cron": "0 6 1 * *", "timeZone": "Europe/Berlin" }));
    let occurrences = monthly.occurrences(Timestamp::MIN);
    let last = |from, to| occurrences.last_between(at(from), at(to));
    assert_eq!(last("2016-01-01T00:00:00Z", "2026-03-31T00:00:00Z"), Some(at("2026-03-01T06:00:00+01:00")));
    assert_eq!(last("2016-01-01T00:00:00Z", "2026-05-01T04:00:00Z"), Some(at("2026-05-01T06:00:00+02:00")));
    assert_eq!(last("2026-05-01T04:00:00Z", "2026-05-31T04:00:00Z"), None);
    for (from, to) in
        [("2026-01-01T00:00:00Z", "2026-06-15T00:00:00Z"), ("2026-01-01T05:00:00Z", "2026-02-01T05:00:00Z")]
    {
        assert_eq!(last(from, to), occurrences.between(at(from), at(to)).last());
    }
}
