//! Cron expressions against an independent reading of them: minute by minute over two years, in ten time zones.
//!
//! The oracle matches fields by itself and follows the clock on the wall from each minute to the next, by the zone's offset
//! at that minute alone. It knows nothing of changes of the clock but that the wall shows another time than it should.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::schedule::Definition;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use std::sync::LazyLock;

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Europe/Dublin",
];

/// 2026-01-01T00:00:00Z and two years of minutes.
const FIRST_MINUTE: i64 = 1_767_225_600 / 60;
const MINUTES: i64 = 730 * 24 * 60;

const EXPRESSIONS: [&str; 26] = [
    "30 2 * * *",
    "0,30 1-3 * * *",
    "0 0 * * *",
    "5 3 * * *",
    "15 0 1 * *",
    "5 4 29 2 *",
    "0 6 1 * *",
    "59 23 31 * *",
    "0 3 * * SUN",
    "0 3 * * 0-0",
    "0-40/20 0-3 * MAR,APR,OCT,NOV *",
    "0 2 13 * FRI",
    "0 2 */10 * MON",
    "30 1 L * *",
    "30 2 LW * *",
    "45 2 15W,1W,31W * *",
    "0 2 * * SUNL",
    "30 2 * 3,4,9,10,11 SUN#1,SUN#2,SUN#5",
    "0 12 * * MON-FRI",
    "0 1 * * FRI-SUN",
    "0 2 * * */3",
    "30 * * * *",
    "*/45 2 * * *",
    "17 */5 * * 7",
    "*/20 0-3 * * 0",
    "* 2 24-31 3,10 *",
];

/// One field as a set of numbers.
fn numbers(field: &str, least: u32, most: u32, names: &[&str]) -> u64 {
    let number = |text: &str| match names.iter().position(|name| *name == text) {
        Some(position) => u32::try_from(position).expect("few names") + least,
        None => text.parse().expect("a number"),
    };
    let mut set = 0;
    for item in field.split(',') {
        let (range, step) = item.split_once('/').unwrap_or((item, "1"));
        let (first, last) = match range.split_once('-') {
            Some((first, "SUN")) => (number(first), 7),
            Some((first, last)) => (number(first), number(last)),
            None if range == "*" => (least, most),
            None => (number(range), number(range)),
        };
        let step: usize = step.parse().expect("a step");
        (first..=last).step_by(step).for_each(|number| set |= 1u64 << number);
    }
    set
}

/// What an expression means, worked out the plain way.
struct Oracle<'a> {
    fixed_times: bool,
    minutes: u64,
    hours: u64,
    months: u64,
    day: &'a str,
    weekday: &'a str,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl<'a> Oracle<'a> {
    fn new(expression: &'a str) -> Self {
        let fields: Vec<&str> = expression.split(' ').collect();
        Self {
            fixed_times: !fields[0].contains('*') && !fields[1].contains('*'),
            minutes: numbers(fields[0], 0, 59, &[]),
            hours: numbers(fields[1], 0, 23, &[]),
            months: numbers(fields[3], 1, 12, &MONTHS),
            day: fields[2],
            weekday: fields[4],
        }
    }

    fn means_day(&self, date: jiff::civil::Date) -> bool {
        if self.months >> date.month() & 1 == 0 {
            return false;
        }
        let weekend = |day: i8| {
            let date = jiff::civil::date(date.year(), date.month(), day);
            date.weekday().to_sunday_zero_offset() % 6 == 0
        };
        let last = date.days_in_month();
        let by_day = self.day.split(',').any(|item| match item.strip_suffix('W') {
            _ if item == "L" => date.day() == last,
            Some("L") => date.day() == (1..=last).rev().find(|day| !weekend(*day)).expect("a weekday"),
            Some(day) => {
                let day: i8 = day.parse().expect("a day");
                let near = [day, day - 1, day + 1, day - 2, day + 2];
                let nearest = near.into_iter().find(|near| (1..=last).contains(near) && !weekend(*near));
                day <= last && nearest == Some(date.day())
            }
            None => numbers(item, 1, 31, &[]) >> date.day() & 1 == 1,
        });
        let weekday = date.weekday().to_sunday_zero_offset();
        let is = |name: &str| {
            let set = numbers(name, 0, 7, &WEEKDAYS);
            (set | set >> 7) >> weekday & 1 == 1
        };
        let by_weekday = self.weekday.split(',').any(|item| match item.split_once('#') {
            Some((name, nth)) => is(name) && (date.day() - 1) / 7 + 1 == nth.parse::<i8>().expect("a number"),
            None => match item.strip_suffix('L') {
                Some(name) => is(name) && date.day() + 7 > last,
                None => is(item),
            },
        });
        match (self.day, self.weekday) {
            (_, "*") => by_day,
            ("*", _) => by_weekday,
            _ => by_day || by_weekday,
        }
    }

    /// The minutes at which it runs on a wall whose minutes are given, one for each minute of the world.
    fn runs(&self, walls: &[i64]) -> Vec<i64> {
        let day_of = |wall: i64| {
            let second = jiff::Timestamp::from_second(wall * 60).expect("in range");
            self.means_day(Offset::UTC.to_datetime(second).date())
        };
        let (first, last) = (walls[0].min(walls[1]) / 1440 - 2, walls[walls.len() - 1] / 1440 + 2);
        let days: Vec<bool> = (first..=last).map(|day| day_of(day * 1440)).collect();
        let means = |wall: i64| {
            self.minutes >> (wall % 60) & 1 == 1
                && self.hours >> (wall / 60 % 24) & 1 == 1
                && days[usize::try_from(wall / 1440 - first).expect("in range")]
        };
        let mut runs = Vec::new();
        let mut latest = walls[0];
        for (index, &wall) in walls.iter().enumerate().skip(1) {
            let seen = wall <= latest;
            let skipped = latest + 1 < wall && self.fixed_times && (latest + 1..wall).any(means);
            if skipped || (means(wall) && !(seen && self.fixed_times)) {
                runs.push(FIRST_MINUTE + index as i64);
            }
            latest = latest.max(wall);
        }
        runs
    }
}

/// What the clock on the wall shows at each minute, in minutes.
fn walls(zone: &TimeZone) -> Vec<i64> {
    (0..=MINUTES)
        .map(|minute| {
            let at = jiff::Timestamp::from_second((FIRST_MINUTE + minute) * 60).expect("in range");
            FIRST_MINUTE + minute + i64::from(zone.to_offset(at).seconds()) / 60
        })
        .collect()
}

static WALLS: LazyLock<Vec<(&str, Vec<i64>)>> = LazyLock::new(|| {
    let zones = TimeZoneDatabase::bundled();
    ZONES.into_iter().map(|name| (name, walls(&zones.get(name).expect("a zone")))).collect()
});

fn assert_as_the_oracle(expression: &str, zone: &str, walls: &[i64]) {
    let zones = TimeZoneDatabase::bundled();
    let definition = json!({ "job": "echo", "cron": expression, "timeZone": zone });
    let definition = Definition::from_json(&definition, &zones).expect("an expression");
    let from = Timestamp::from_ms(FIRST_MINUTE * 60_000);
    let to = Timestamp::from_ms((FIRST_MINUTE + MINUTES) * 60_000);
    let expected = Oracle::new(expression).runs(walls);
    let mut found = definition.occurrences(from).between(from, to);
    for minute in expected {
        let minute = Some(Timestamp::from_ms(minute * 60_000));
        assert_eq!(found.next(), minute, "`{expression}` in {zone}: found and expected");
    }
    assert_eq!(found.next(), None, "`{expression}` in {zone} runs once more");
}

#[test]
fn expressions_run_as_the_oracle_says() {
    for (zone, walls) in WALLS.iter() {
        for expression in EXPRESSIONS {
            assert_as_the_oracle(expression, zone, walls);
        }
    }
}

fn field(least: u32, most: u32, wildcard_weight: u32) -> impl Strategy<Value = String> {
    let number = (least..=most).prop_map(|number| number.to_string());
    let range = (least..=most, least..=most).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let stepped = (range.clone(), 1..=most).prop_map(|(range, step)| format!("{range}/{step}"));
    let item = prop_oneof![4 => number, 2 => range, 1 => stepped];
    let list = prop::collection::vec(item, 1..3).prop_map(|items| items.join(","));
    let step = (2..=most).prop_map(|step| format!("*/{step}"));
    prop_oneof![wildcard_weight => Just("*".to_owned()), 4 => list, 1 => step]
}

#[test]
fn any_expression_runs_as_the_oracle_says() {
    // Most run in the hours in which clocks change; each does so in one of the zones.
    let hour = prop_oneof![3 => field(0, 3, 1), 1 => field(0, 23, 1)];
    let expression = (field(0, 59, 1), hour, field(1, 31, 6), field(1, 12, 8), field(0, 7, 6));
    let strategy = (expression, 0..ZONES.len());
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&strategy, |((minute, hour, day, month, weekday), zone)| {
        let expression = format!("{minute} {hour} {day} {month} {weekday}");
        let (zone, walls) = &WALLS[zone];
        assert_as_the_oracle(&expression, zone, walls);
        Ok(())
    });
    checked.expect("the oracle agrees");
}
