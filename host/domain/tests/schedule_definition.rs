//! What a definition may say: fields, expressions, templates; and what each mistake is told as.

use jiff::tz::TimeZoneDatabase;
use mainworker_domain::lifecycle::Timestamp;
use mainworker_domain::limits::PAYLOAD_BYTES_MAX;
use mainworker_domain::schedule::{Definition, Missed, Overlap, ScheduleError, ScheduleName};
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn parse(text: &str) -> Result<Definition, ScheduleError> {
    Definition::parse(text, &TimeZoneDatabase::bundled())
}

/// A definition with these fields beside or instead of `job` and `cron`.
fn with(fields: &Value) -> Result<Definition, ScheduleError> {
    let mut value = json!({ "job": "echo", "cron": "0 6 1 * *" });
    for (field, given) in fields.as_object().expect("an object") {
        value[field] = given.clone();
    }
    Definition::from_json(&value, &TimeZoneDatabase::bundled())
}

#[track_caller]
fn assert_refused(found: Result<Definition, ScheduleError>, message: &str, nearest: &[&str]) {
    let error = found.expect_err(message);
    assert_eq!(error.to_string(), message);
    assert_eq!(error.nearest, nearest, "{message}");
    assert_eq!(error.code(), "schedule_invalid");
}

#[test]
fn what_is_not_said_has_its_default() {
    let definition = parse(r#"{"job":"echo","cron":"@monthly","payload":null,"options":null}"#).unwrap();
    assert_eq!((definition.missed, definition.overlap), (Missed::Once, Overlap::Allow));
    assert_eq!((definition.jitter_ms, definition.runs_max), (0, None));
    assert_eq!(definition.payload(at("2026-01-01T00:00:00Z")), "{}");
    assert_eq!(definition.to_json(), r#"{"cron":"@monthly","job":"echo","payload":{}}"#);
    let all = with(&json!({ "missed": "all" })).unwrap();
    assert_eq!(all.missed, Missed::All { window_ms: 86_400_000 });
}

#[test]
fn numbers_and_keys_stay_as_they_were_written() {
    let payload = r#"{"b": 1.10,"a":[12345678901234567890123, 1E-7, "\u00e9"], "${occurrence}":"\u0024{occurrence %Y}"}"#;
    let text = format!(r#"{{"job":"echo","cron":"0 0 1 1 *","payload":{payload}}}"#);
    let definition = parse(&text).unwrap();
    assert_eq!(definition.payload.as_json(), payload);
    assert_eq!(
        definition.payload(at("2026-01-01T00:00:00Z")),
        r#"{"b": 1.10,"a":[12345678901234567890123, 1E-7, "\u00e9"], "${occurrence}":"2026"}"#
    );
    assert_eq!(parse(&definition.to_json()).unwrap(), definition);
}

#[test]
fn a_definition_prints_back_equal() {
    for fields in [
        json!({}),
        json!({ "timeZone": "europe/berlin", "summary": "Charges", "startAt": "2026-01-01T00:00:00+01:00", "endAt": "2027-01-01T00:00:00.007Z" }),
        json!({ "cron": null, "runEveryMs": 600_000, "runTimes": 3, "jitterMs": 30_000, "overlap": "cancel-running" }),
        json!({ "cron": null, "runAt": "2030-01-01T00:00:00Z", "jitterMs": 3_600_000 }),
        json!({ "missed": "all", "missedWindowMs": 60_000, "overlap": "queue-one", "payload": { "a": ["${occurrence}"] } }),
        json!({ "missed": "skip", "options": {
            "priority": 9, "timeoutMs": 5, "label": "${occurrence %B}", "tags": ["a", "${occurrence %d}"], "maxAttempts": 3,
            "uniqueKey": "k-${occurrence}", "uniquePolicy": "replace", "expiresAfterMs": 1_000,
        } }),
    ] {
        let definition = with(&fields).unwrap();
        assert_eq!(parse(&definition.to_json()).unwrap(), definition, "{fields}");
    }
    assert!(with(&json!({ "timeZone": "europe/berlin" })).unwrap().to_json().contains(r#""Europe/Berlin""#));
}

#[test]
fn the_time_of_a_run_is_put_into_texts() {
    let occurrence = at("2026-03-31T00:30:00+02:00");
    for (template, expected) in [
        ("${occurrence}", "2026-03-30T22:30:00Z"),
        ("${occurrence %Y-%m-%d %H:%M}", "2026-03-31 00:30"),
        ("${occurrence -1 month %Y-%m-%d}", "2026-02-28"),
        ("${occurrence +2 months}", "2026-05-30T22:30:00Z"),
        ("${occurrence -2 days %F %H:%M %z}", "2026-03-29 00:30 +0100"),
        ("${occurrence -1 hour %H}, ${occurrence +1 week %d}", "23, 07"),
        ("${occurrence -1 year %A} ${occurrence %B}", "Monday March"),
        ("$${occurrence %Y} $${occurrence}", "${occurrence %Y} ${occurrence}"),
        ("${month} $occurrence {occurrence} $${x}", "${month} $occurrence {occurrence} $${x}"),
        ("\"${occurrence %Y\\%m}\"\n", "\"2026\\03\"\n"),
    ] {
        let fields = json!({ "timeZone": "Europe/Berlin", "payload": { "a": [{ "b": template }] } });
        let payload = with(&fields).unwrap().payload(occurrence);
        let payload: Value = serde_json::from_str(&payload).expect("JSON");
        assert_eq!(payload, json!({ "a": [{ "b": expected }] }), "{template}");
    }
}

#[test]
fn a_task_has_the_options_of_its_run() {
    let definition = with(&json!({ "timeZone": "Europe/Berlin", "jitterMs": 1_000, "options": {
        "label": "${occurrence -1 month %B}", "tags": ["billing", "${occurrence %d}", "${occurrence %m}"],
        "uniqueKey": "charges", "expiresAfterMs": 3_600_000, "maxAttempts": 3,
    } }));
    let (definition, occurrence) = (definition.unwrap(), at("2026-01-01T06:00:00+01:00"));
    let name = ScheduleName::parse("month-end").unwrap();
    let options = definition.task_options(&name, occurrence);
    assert_eq!(options.label.as_deref(), Some("December"));
    assert_eq!(options.tags, ["billing", "01"], "tags that come out equal are one");
    assert_eq!((options.unique_key.as_deref(), options.max_attempts), (Some("charges"), Some(3)));
    assert_eq!(options.run_at, Some(definition.begins_at(&name, occurrence)));
    assert_eq!(options.expires_at, Some(at("2026-01-01T07:00:00+01:00")));
    assert_eq!(options.check(occurrence), Ok(()));
}

#[test]
fn a_mistake_in_a_field_is_told_with_its_place() {
    let rows: [(Value, &str, &[&str]); 24] = [
        (
            json!({ "crn": "x" }),
            "`/crn`: found the unknown key `crn`, expected one of `job`, `cron`, `runEveryMs`, `runAt`, `timeZone`, `startAt`, `endAt`, `runTimes`, `jitterMs`, `missed`, `missedWindowMs`, `overlap`, `payload`, `options`, `summary`",
            &["cron"],
        ),
        (json!({ "job": null }), "`/job`: found nothing, expected the name of a job", &[]),
        (
            json!({ "job": "A b" }),
            "`/job`: found `A b`, expected a job name: 1 to 63 of a-z, 0-9 and `-`, starting with a letter",
            &[],
        ),
        (
            json!({ "cron": null }),
            "found no time to run, expected exactly one of `cron`, `runEveryMs` and `runAt`",
            &[],
        ),
        (
            json!({ "runEveryMs": 1_000 }),
            "`/runEveryMs`: found `runEveryMs` beside `cron`, expected exactly one of `cron`, `runEveryMs` and `runAt`",
            &[],
        ),
        (json!({ "cron": 5 }), "`/cron`: found a number, expected a string", &[]),
        (
            json!({ "timeZone": "Berlin" }),
            "`/timeZone`: found `Berlin`, expected a time zone of the IANA database such as `Europe/Berlin` or `UTC`",
            &["Europe/Berlin"],
        ),
        (
            json!({ "cron": null, "runEveryMs": 999 }),
            "`/runEveryMs`: found `999ms`, expected 1s to 8784h",
            &[],
        ),
        (
            json!({ "cron": null, "runEveryMs": 1_000, "timeZone": "UTC" }),
            "`/timeZone`: found a value, expected a time zone with `cron` only: every other time is the same in each zone",
            &[],
        ),
        (
            json!({ "cron": null, "runAt": "tomorrow" }),
            "`/runAt`: found `tomorrow`, expected a time with its offset such as `2026-12-01T00:00:00Z`",
            &[],
        ),
        (
            json!({ "cron": null, "runAt": "2030-01-01T00:00:00Z", "runTimes": 2 }),
            "`/runTimes`: found a value, expected none beside `runAt`, which runs once",
            &[],
        ),
        (
            json!({ "startAt": "2030-01-01T00:00:00Z", "endAt": "2030-01-01T00:00:00Z" }),
            "`/endAt`: found `2030-01-01T00:00:00.000Z`, expected a time after `startAt`, 2030-01-01T00:00:00.000Z",
            &[],
        ),
        (json!({ "runTimes": 0 }), "`/runTimes`: found `0`, expected 1 to 1000000000", &[]),
        (json!({ "jitterMs": 3_600_001 }), "`/jitterMs`: found `1h 1ms`, expected 0s to 1h", &[]),
        (
            json!({ "cron": "*/15 * * * *", "jitterMs": 900_000 }),
            "`/jitterMs`: found `15m`, expected less than the time between two runs, 15m",
            &[],
        ),
        (
            json!({ "jitterMs": 60_000, "options": { "expiresAfterMs": 60_000 } }),
            "`/jitterMs`: found `1m`, expected less than `expiresAfterMs`, 1m",
            &[],
        ),
        (json!({ "missed": "al" }), "`/missed`: found `al`, expected one of `skip`, `once`, `all`", &["all"]),
        (
            json!({ "missedWindowMs": 60_000 }),
            "`/missedWindowMs`: found a value, expected none unless `missed` is `all`",
            &[],
        ),
        (
            json!({ "missed": "all", "missedWindowMs": 1 }),
            "`/missedWindowMs`: found `1ms`, expected 1m to 2160h",
            &[],
        ),
        (
            json!({ "overlap": "queue" }),
            "`/overlap`: found `queue`, expected one of `allow`, `skip`, `queue-one`, `cancel-running`",
            &["queue-one"],
        ),
        (json!({ "payload": [] }), "`/payload`: found an array, expected an object", &[]),
        (
            json!({ "summary": "a\nb" }),
            "`/summary`: found `a\nb`, expected one line of 1 to 200 characters",
            &[],
        ),
        (json!({ "options": 1 }), "`/options`: found a number, expected an object", &[]),
        (
            json!({ "options": { "priority": 10 } }),
            "`/options/priority`: found 10, expected 0 (last) to 9 (first)",
            &[],
        ),
    ];
    for (fields, message, nearest) in rows {
        assert_refused(with(&fields), message, nearest);
    }
}

#[test]
fn a_mistake_in_an_option_or_a_template_is_told_with_its_place() {
    let time = "expected a place for the time such as `${occurrence}`, `${occurrence %Y-%m}` or `${occurrence -1 month %Y-%m}`; `$${occurrence` stands for the text itself";
    let payload = |text: &str| json!({ "payload": { "a/b": ["x", text] } });
    for (fields, message, nearest) in [
        (json!({ "options": { "prority": 1 } }), "`/options/prority`: found the unknown key `prority`, expected one of `priority`, `timeoutMs`, `label`, `tags`, `maxAttempts`, `uniqueKey`, `uniquePolicy`, `expiresAfterMs`".to_owned(), vec!["priority"]),
        (json!({ "options": { "runAt": "x" } }), "`/options/runAt`: found `runAt`, expected no time beside that of the schedule; `startAt` says from when on it runs".to_owned(), vec![]),
        (json!({ "options": { "delayMs": 1 } }), "`/options/delayMs`: found `delayMs`, expected no time beside that of the schedule; `jitterMs` spreads its runs".to_owned(), vec![]),
        (json!({ "options": { "expiresAt": 1 } }), "`/options/expiresAt`: found `expiresAt`, expected `expiresAfterMs`, which counts from the time of each run".to_owned(), vec![]),
        (json!({ "options": { "idempotencyKey": 1 } }), "`/options/idempotencyKey`: found `idempotencyKey`, expected none: each run happens once by itself; `uniqueKey` keeps two from being open together".to_owned(), vec![]),
        (json!({ "options": { "expiresAfterMs": 0 } }), "`/options/expiresAfterMs`: found `0s`, expected 1ms to 87672h".to_owned(), vec![]),
        (json!({ "options": { "tags": ["a", "a"] } }), "`/options/tags/1`: found `a`, expected each tag once".to_owned(), vec![]),
        (json!({ "options": { "label": "${occurrence %n}" } }), "`/options/label`: found a text with a control character, expected a line of 1 to 200 characters".to_owned(), vec![]),
        (json!({ "options": { "tags": ["a", "xxxxxxxx-xxxxxxxx-xxxxxxxx-xxxxxxxx-xxxxxxxx-xxxxxxxxxx-${occurrence %A}"] } }), "`/options/tags`: found 65 characters long, expected a line of 1 to 64 characters".to_owned(), vec![]),
        (json!({ "options": { "tags": ["a", "${occurrence"] } }), format!("`/options/tags/1`: found `${{occurrence` (no `}}` after it), {time}"), vec![]),
        (payload("${occurrences}"), format!("`/payload/a~1b/1`: found `${{occurrences}}` (no space after `occurrence`), {time}"), vec![]),
        (payload("${occurrence Y}"), format!("`/payload/a~1b/1`: found `${{occurrence Y}}` (neither a shift with its sign nor a format with a `%`), {time}"), vec![]),
        (payload("${occurrence -1 moon}"), format!("`/payload/a~1b/1`: found `${{occurrence -1 moon}}` (`moon` is none of second, minute, hour, day, week, month, year), {time}"), vec![]),
        (payload("${occurrence -1001 day}"), format!("`/payload/a~1b/1`: found `${{occurrence -1001 day}}` (the shift `-1001` is not 1 to 1000), {time}"), vec![]),
    ] {
        assert_refused(with(&fields), &message, &nearest);
    }
    let error = with(&payload("${occurrence %!}")).unwrap_err();
    assert_eq!(error.pointer(), Some("/payload/a~1b/1"));
    assert!(error.found.starts_with("`${occurrence %!}` ("), "{error}");
}

#[test]
fn a_payload_is_measured_at_its_longest() {
    let filler = |bytes: u64| "x".repeat(usize::try_from(bytes).unwrap());
    let around = r#"{"a":"","b":""}"#.len() as u64;
    let payload =
        |bytes: u64| json!({ "payload": { "a": filler(bytes - around - 9), "b": "${occurrence %B}" } });
    assert!(with(&payload(PAYLOAD_BYTES_MAX)).is_ok(), "September is the longest");
    assert_refused(
        with(&payload(PAYLOAD_BYTES_MAX + 1)),
        "`/payload`: found 262145 bytes, expected a payload of at most 262144 bytes",
        &[],
    );
    assert_refused(parse(&" ".repeat(600_000)), "found 600000 bytes, expected at most 524288 bytes", &[]);
    assert_refused(
        parse(r#"{"job":"a","job":"b"}"#),
        "found malformed JSON at line 1, column 16: the key `job` appears twice in one object, expected one JSON object",
        &[],
    );
    assert_refused(parse("[]"), "found an array, expected an object", &[]);
}

#[test]
fn what_is_tried_for_every_day_is_bounded() {
    let year = |count: usize| "${occurrence %Y}".repeat(count);
    let (text, format) = (json!({ "payload": { "a": year(25), "b": year(25) } }), "%Y".repeat(51));
    assert!(with(&text).is_ok());
    for (fields, message) in [
        (
            json!({ "payload": { "a": year(25), "b": year(26) } }),
            "`/payload`: found 51 places for the time, expected at most 50",
        ),
        (
            json!({ "payload": { "a": year(51) } }),
            "`/payload/a`: found 51 places for the time, expected at most 50",
        ),
        (
            json!({ "options": { "label": year(51) } }),
            "`/options/label`: found 51 places for the time, expected at most 50",
        ),
        (
            json!({ "options": { "tags": vec!["a"; 17] } }),
            "`/options/tags`: found 17 tags, expected at most 16",
        ),
    ] {
        assert_refused(with(&fields), message, &[]);
    }
    let error = with(&json!({ "payload": { "a": format!("${{occurrence {format}}}") } })).unwrap_err();
    assert!(error.found.ends_with("(a format of more than 100 characters)"), "{error}");
}

#[test]
fn a_definition_that_never_runs_is_refused() {
    let now = at("2026-11-22T12:00:00Z");
    let checked = |fields: &Value| with(fields).unwrap().check(now).map_err(|error| error.to_string());
    for fine in [
        json!({}),
        json!({ "cron": "0 0 29 2 *" }),
        json!({ "startAt": "2020-01-01T00:00:00Z" }),
        json!({ "cron": null, "runEveryMs": 86_400_000, "startAt": "2026-12-24T00:00:00Z", "endAt": "2026-12-24T00:00:01Z" }),
        json!({ "cron": null, "runAt": "2026-11-22T12:00:00.001Z" }),
    ] {
        assert_eq!(checked(&fine), Ok(()), "{fine}");
    }
    for (fields, message) in [
        (
            json!({ "cron": "0 0 30 2 *" }),
            "`/cron`: found `0 0 30 2 *`, expected a run between 2026-11-22T12:00:00.000Z and 2036-11-22T12:00:00.000Z",
        ),
        (
            json!({ "endAt": "2026-11-30T00:00:00Z" }),
            "`/cron`: found `0 6 1 * *`, expected a run between 2026-11-22T12:00:00.000Z and 2026-11-30T00:00:00.000Z",
        ),
        (
            json!({ "endAt": "2026-11-22T12:00:00Z" }),
            "`/endAt`: found `2026-11-22T12:00:00.000Z`, expected a time after now, 2026-11-22T12:00:00.000Z",
        ),
        (
            json!({ "cron": null, "runAt": "2026-11-22T12:00:00Z" }),
            "`/runAt`: found `2026-11-22T12:00:00.000Z`, expected a time after now, 2026-11-22T12:00:00.000Z",
        ),
        (
            json!({ "startAt": "2226-11-22T12:00:00Z" }),
            "`/startAt`: found `2226-11-22T12:00:00.000Z`, expected a time up to 2036-11-22T12:00:00.000Z",
        ),
        (
            json!({ "cron": null, "runEveryMs": 86_400_000, "endAt": "2026-11-23T12:00:00Z" }),
            "found no run, expected a run between 2026-11-22T12:00:00.000Z and 2026-11-23T12:00:00.000Z",
        ),
    ] {
        assert_eq!(checked(&fields), Err(message.to_owned()));
    }
}
