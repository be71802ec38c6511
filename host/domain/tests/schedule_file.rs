//! The file of schedules that CI applies.

use jiff::tz::TimeZoneDatabase;
use mainworker_domain::schedule::{Definition, Definitions, Place, ScheduleError};
use proptest::prelude::*;
use serde_json::json;

fn read(text: &str) -> Result<Definitions, ScheduleError> {
    Definitions::from_toml(text, &TimeZoneDatabase::bundled())
}

const COMPANY: &str = r#"
set = "company"

[schedule.month-end-charges]
job = "charge-accounts"
cron = "0 6 1 * *"
time-zone = "Europe/Berlin"
missed = "all"
missed-window = "3d"
overlap = "queue-one"
jitter = "30s"
payload = { month = "${occurrence -1 month %Y-%m}", since = 2015-05-17, rate = 1.5 }
options = { label = "June", tags = ["billing"], max-attempts = 3, expires-after = "12h" }

[schedule.ping]
job = "echo"
run-every = "10m"
start-at = 2026-12-01T00:00:00Z
"#;

#[test]
fn a_file_means_what_its_json_means() {
    let definitions = read(COMPANY).unwrap();
    assert_eq!(definitions.set.as_str(), "company");
    let expected = [
        (
            "month-end-charges",
            json!({
                "job": "charge-accounts", "cron": "0 6 1 * *", "timeZone": "Europe/Berlin", "missed": "all",
                "missedWindowMs": 259_200_000, "overlap": "queue-one", "jitterMs": 30_000,
                "payload": { "month": "${occurrence -1 month %Y-%m}", "since": "2015-05-17", "rate": 1.5 },
                "options": { "label": "June", "tags": ["billing"], "maxAttempts": 3, "expiresAfterMs": 43_200_000 },
            }),
        ),
        ("ping", json!({ "job": "echo", "runEveryMs": 600_000, "startAt": "2026-12-01T00:00:00Z" })),
    ];
    assert_eq!(definitions.schedules.len(), expected.len());
    for ((name, definition), (expected_name, expected)) in definitions.schedules.iter().zip(expected) {
        assert_eq!(name.as_str(), expected_name);
        let expected = Definition::from_json(&expected, &TimeZoneDatabase::bundled()).unwrap();
        assert_eq!(*definition, expected);
    }
    assert_eq!(read("set = 'company'").unwrap().schedules.len(), 0, "a set can be emptied");
}

#[test]
fn a_mistake_is_told_with_its_key_and_its_line() {
    let keys = "`job`, `cron`, `run-every`, `run-at`, `time-zone`, `start-at`, `end-at`, `run-times`, `jitter`, `missed`, `missed-window`, `overlap`, `payload`, `options`, `summary`";
    for (old, new, message, nearest) in [
        ("set = \"company\"", "", "`set`: found nothing, expected a name for the schedules of this file, such as `company`".to_owned(), None),
        ("set = \"company\"", "set = 1", "`set` (line 2): found a number, expected a name for the schedules of this file, such as `company`".to_owned(), None),
        ("[schedule.ping]", "[schedules.ping]", "`schedules` (line 15): found the unknown key `schedules`, expected one of `set`, `schedule`".to_owned(), Some("schedule")),
        ("[schedule.ping]", "[schedule.\"pi.ng\"]", "`schedule.\"pi.ng\"` (line 15): found `pi.ng`, expected a name of 1 to 63 of a-z, 0-9 and `-`, starting with a letter".to_owned(), None),
        ("run-every", "runEvery", format!("`schedule.ping.runEvery` (line 17): found the unknown key `runEvery`, expected one of {keys}"), Some("run-every")),
        ("\"10m\"", "600", "`schedule.ping.run-every` (line 17): found a number, expected a duration such as `30s`, `10m` or `3d`".to_owned(), None),
        ("\"10m\"", "\"10 parsecs\"", "`schedule.ping.run-every` (line 17): found `10 parsecs`, expected a duration such as `30s`, `10m` or `3d`".to_owned(), None),
        ("\"10m\"", "\"10ms\"", "`schedule.ping.run-every` (line 17): found `10ms`, expected 1s to 8784h".to_owned(), None),
        ("run-every = \"10m\"\n", "", "`schedule.ping` (line 15): found no time to run, expected exactly one of `cron`, `run-every` and `run-at`".to_owned(), None),
        ("T00:00:00Z", "", "`schedule.ping.start-at` (line 18): found `2026-12-01`, expected a time with its offset such as `2026-12-01T00:00:00Z`".to_owned(), None),
        ("0 6 1", "0 25 1", "`schedule.month-end-charges.cron` (line 6): found `25`, expected 0 to 23 as the hour".to_owned(), None),
        ("Europe/Berlin", "Europe/Berln", "`schedule.month-end-charges.time-zone` (line 7): found `Europe/Berln`, expected a time zone of the IANA database such as `Europe/Berlin` or `UTC`".to_owned(), Some("Europe/Berlin")),
        ("missed = \"all\"", "missed = \"once\"", "`schedule.month-end-charges.missed-window` (line 9): found a value, expected none unless `missed` is `all`".to_owned(), None),
        ("\"12h\"", "\"10s\"", "`schedule.month-end-charges.jitter` (line 11): found `30s`, expected less than `expires-after`, 10s".to_owned(), None),
        ("[\"billing\"]", "[\n  \"billing\",\n  \"${occurrence Y}\",\n]", "`schedule.month-end-charges.options.tags[1]` (line 15): found `${occurrence Y}` (neither a shift with its sign nor a format with a `%`), expected a place for the time such as `${occurrence}`, `${occurrence %Y-%m}` or `${occurrence -1 month %Y-%m}`; `$${occurrence` stands for the text itself".to_owned(), None),
        ("max-attempts", "maxattempts", "`schedule.month-end-charges.options.maxattempts` (line 13): found the unknown key `maxattempts`, expected one of `priority`, `timeout`, `label`, `tags`, `max-attempts`, `unique-key`, `unique-policy`, `expires-after`".to_owned(), Some("max-attempts")),
        ("max-attempts = 3", "delay = \"1m\"", "`schedule.month-end-charges.options.delay` (line 13): found `delay`, expected no time beside that of the schedule; `jitter` spreads its runs".to_owned(), None),
        ("1.5", "nan", "`schedule.month-end-charges.payload` (line 12): found a number that is infinite or none, expected one that JSON can say".to_owned(), None),
        ("job = \"echo\"", "job = ", "line 16: found a problem at column 7: string values must be quoted, expected literal string, expected TOML".to_owned(), None),
    ] {
        assert!(COMPANY.contains(old), "{old}");
        let error = read(&COMPANY.replacen(old, new, 1)).expect_err(&message);
        assert_eq!(error.to_string(), message);
        assert_eq!(error.nearest.first().map(String::as_str), nearest, "{message}");
        assert!(matches!(error.place, Place::File { .. }) && error.pointer().is_none());
        assert_eq!(error.code(), "schedule_invalid");
    }
}

#[test]
fn a_file_is_bounded() {
    let long = format!("set = 'a'\n#{}", "x".repeat(1 << 20));
    assert_eq!(
        read(&long).unwrap_err().to_string(),
        "found 1048587 bytes, expected a file of at most 1048576 bytes"
    );
    let mut many = "set = 'a'\n".to_owned();
    for count in 0..=1_000 {
        many += &format!("[schedule.s{count}]\njob = 'echo'\ncron = '@daily'\n");
    }
    assert_eq!(
        read(&many).unwrap_err().to_string(),
        "`schedule` (line 2): found 1001 schedules, expected at most 1000"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*", table in ".{0,40}") {
        let _ = read(&text);
        let _ = read(&format!("set = 'a'\n[schedule.b]\n{table}"));
    }
}
