//! What is done to schedules, as text: what is new, what differs and what goes, in the words of the file that CI applies.

use super::times::on_both_clocks;
use crate::terminal;
use anstyle::{AnsiColor, Style};
use mainworker_client::wire::ChangeInfo;
use mainworker_domain::schedule::{differences, said};
use serde::Deserialize;
use serde_json::value::RawValue;

const CREATED: Style = AnsiColor::Green.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();
const DELETED: Style = AnsiColor::Red.on_default();

/// Characters of a value that are shown to a person. A log keeps all of them: there somebody reviews what was applied.
const VALUE_CHARS_MAX: usize = 60;
/// Of two long values, characters that are shown before the first that differs.
const CONTEXT_CHARS: usize = 12;

/// What one that goes is recognised by.
const TOLD_OF_DELETED: [&str; 5] = ["job", "cron", "run-every", "run-at", "time-zone"];

/// Whether any schedule is to become otherwise.
pub(super) fn is_any(changes: &[ChangeInfo]) -> bool {
    changes.iter().any(|change| change.change != "unchanged")
}

/// What is done to each schedule that does not stay as it is: those that there are to be by name, then those that go.
pub(super) fn shown(changes: &[ChangeInfo]) -> String {
    let chars_max = if terminal::stdout_columns().is_some() { VALUE_CHARS_MAX } else { usize::MAX };
    shown_within(changes, chars_max)
}

fn shown_within(changes: &[ChangeInfo], chars_max: usize) -> String {
    let mut changes: Vec<&ChangeInfo> =
        changes.iter().filter(|change| change.change != "unchanged").collect();
    changes.sort_by_key(|change| (change.after.is_none(), change.name.clone()));
    let lines: Vec<String> = changes.into_iter().flat_map(|change| of_one(change, chars_max)).collect();
    lines.join("\n")
}

/// How many there are of each kind, in the order of [`KINDS`].
pub(super) fn counts(changes: &[ChangeInfo], is_applied: bool) -> String {
    /// The words of the host, and those for what is still to be done.
    const KINDS: [(&str, &str); 4] = [
        ("created", "to create"),
        ("changed", "to change"),
        ("deleted", "to delete"),
        ("unchanged", "unchanged"),
    ];
    let counts = KINDS.into_iter().filter_map(|(done, to_do)| {
        let count = changes.iter().filter(|change| change.change == done).count();
        (count > 0).then(|| format!("{count} {}", if is_applied { done } else { to_do }))
    });
    counts.collect::<Vec<_>>().join(" · ")
}

fn of_one(change: &ChangeInfo, chars_max: usize) -> Vec<String> {
    let (sign, style) = match change.change.as_str() {
        "created" => ('+', CREATED),
        "deleted" => ('-', DELETED),
        _ => ('~', CHANGED),
    };
    let mut lines = vec![format!("{style}{sign} {}{style:#}", terminal::printable_line(&change.name))];
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => lines.extend(told(before, after, chars_max)),
        (None, Some(after)) => lines.extend(all_said(after, chars_max, |_| true)),
        (Some(before), None) => {
            lines.extend(all_said(before, chars_max, |key| TOLD_OF_DELETED.contains(&key)))
        }
        (None, None) => {}
    }
    if change.restarts {
        let anew = "its times begin anew: intervals count from now, and nothing before now runs";
        lines.push(format!("    {CHANGED}{anew}{CHANGED:#}"));
    }
    if let Some(after) = &change.after {
        lines.push(match &change.next_at {
            Some(next) => format!("    next run: {}", on_both_clocks(next, &zone(after))),
            None => "    no next run by itself: it is paused, or has ended".to_owned(),
        });
    }
    lines
}

fn all_said(definition: &RawValue, chars_max: usize, is_told: impl Fn(&str) -> bool) -> Vec<String> {
    let said = said(definition).into_iter().filter(|(key, _)| is_told(key));
    said.map(|(key, value)| {
        let value = cut(&value, 0, chars_max);
        format!("    {} = {}", terminal::printable_line(&key), terminal::printable_line(&value))
    })
    .collect()
}

fn told(before: &RawValue, after: &RawValue, chars_max: usize) -> Vec<String> {
    let differences = differences(before, after);
    if differences.is_empty() {
        return vec!["    its payload is written otherwise and means the same".to_owned()];
    }
    let told = differences.into_iter().map(|difference| {
        let (before, after) =
            cut_both(&difference.before.to_string(), &difference.after.to_string(), chars_max);
        let [key, before, after] =
            [&difference.key, &before, &after].map(|text| terminal::printable_line(text).into_owned());
        format!("    {key}: {before} → {after}")
    });
    told.collect()
}

/// Two values, long ones cut around the first character that differs.
fn cut_both(before: &str, after: &str, chars_max: usize) -> (String, String) {
    let is_long = [before, after].iter().any(|text| text.chars().count() > chars_max);
    let alike = before.chars().zip(after.chars()).take_while(|(before, after)| before == after).count();
    let left_out = if is_long { alike.saturating_sub(CONTEXT_CHARS) } else { 0 };
    (cut(before, left_out, chars_max), cut(after, left_out, chars_max))
}

fn cut(text: &str, left_out: usize, chars_max: usize) -> String {
    let mut rest = text.chars().skip(left_out);
    let mut shown: String = if left_out > 0 { "…" } else { "" }.to_owned();
    shown.extend(rest.by_ref().take(chars_max));
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

/// On whose clock the times of a definition are meant.
fn zone(definition: &RawValue) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Zoned {
        time_zone: Option<String>,
    }
    let zoned = serde_json::from_str::<Zoned>(definition.get()).ok();
    zoned.and_then(|zoned| zoned.time_zone).unwrap_or_else(|| "UTC".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NEXT: &str = "2026-06-01T04:00:00.000Z";

    fn change(name: &str, before: Value, after: Value) -> ChangeInfo {
        let raw = |value: Value| (!value.is_null()).then(|| serde_json::value::to_raw_value(&value).unwrap());
        let word = match (&before, &after) {
            (before, after) if before == after => "unchanged",
            (Value::Null, _) => "created",
            (_, Value::Null) => "deleted",
            _ => "changed",
        };
        ChangeInfo {
            name: name.to_owned(),
            change: word.to_owned(),
            revision: (!before.is_null()).then_some(3),
            restarts: false,
            next_at: (!after.is_null()).then(|| NEXT.to_owned()),
            before: raw(before),
            after: raw(after),
        }
    }

    /// Without its colours.
    fn plain(changes: &[ChangeInfo]) -> String {
        anstream::adapter::strip_str(&shown_within(changes, VALUE_CHARS_MAX)).to_string()
    }

    fn charges() -> Value {
        json!({
            "job": "charge-accounts", "cron": "0 6 1 * *", "timeZone": "Europe/Berlin", "missed": "all",
            "missedWindowMs": 259_200_000, "payload": { "month": "${occurrence -1 month %Y-%m}" },
            "options": { "tags": ["billing"], "expiresAfterMs": 43_200_000 },
        })
    }

    #[test]
    fn what_is_new_is_told_whole() {
        insta::assert_snapshot!(plain(&[change("month-end-charges", Value::Null, charges())]), @r#"
        + month-end-charges
            job = "charge-accounts"
            cron = "0 6 1 * *"
            time-zone = "Europe/Berlin"
            missed = "all"
            missed-window = "72h"
            payload.month = "${occurrence -1 month %Y-%m}"
            options.tags = ["billing"]
            options.expires-after = "12h"
            next run: Mon 2026-06-01 06:00:00 CEST (2026-06-01T04:00:00.000Z)
        "#);
    }

    #[test]
    fn what_changes_is_told_key_by_key() {
        let mut after = charges();
        after["cron"] = json!("0 7 1 * *");
        after["missed"] = Value::Null;
        after["missedWindowMs"] = Value::Null;
        after["payload"] =
            json!({ "month": "${occurrence -1 month %Y-%m}", "only": { "accounts": ["acme"] } });
        after["options"] = json!({ "tags": ["billing", "june"], "expiresAfterMs": 86_400_000 });
        insta::assert_snapshot!(plain(&[change("month-end-charges", charges(), after)]), @r#"
        ~ month-end-charges
            cron: "0 6 1 * *" → "0 7 1 * *"
            missed: "all" → "once" (default)
            missed-window: "72h" → (none)
            payload.only.accounts: (none) → ["acme"]
            options.tags: ["billing"] → ["billing", "june"]
            options.expires-after: "12h" → "24h"
            next run: Mon 2026-06-01 06:00:00 CEST (2026-06-01T04:00:00.000Z)
        "#);
    }

    #[test]
    fn those_that_go_come_last_and_times_that_begin_anew_are_told() {
        let every = |ms: u64| json!({ "job": "echo", "runEveryMs": ms, "payload": { "n": 1 } });
        let changes = [
            change(
                "a-report",
                json!({ "job": "echo", "runAt": NEXT, "summary": "x", "payload": {} }),
                Value::Null,
            ),
            change("same", every(1_000), every(1_000)),
            ChangeInfo { restarts: true, ..change("b-pings", every(300_000), every(600_000)) },
            ChangeInfo { next_at: None, ..change("a-new", Value::Null, every(60_000)) },
        ];
        insta::assert_snapshot!(plain(&changes), @r#"
        + a-new
            job = "echo"
            run-every = "1m"
            payload.n = 1
            no next run by itself: it is paused, or has ended
        ~ b-pings
            run-every: "5m" → "10m"
            its times begin anew: intervals count from now, and nothing before now runs
            next run: 2026-06-01T04:00:00.000Z
        - a-report
            job = "echo"
            run-at = "2026-06-01T04:00:00.000Z"
        "#);
        assert_eq!(counts(&changes, false), "1 to create · 1 to change · 1 to delete · 1 unchanged");
        assert_eq!(counts(&changes, true), "1 created · 1 changed · 1 deleted · 1 unchanged");
    }

    #[test]
    fn what_stays_is_only_counted() {
        let changes = [change("a", charges(), charges()), change("b", charges(), charges())];
        assert!(!is_any(&changes));
        assert_eq!(plain(&changes), "");
        assert_eq!(counts(&changes, false), "2 unchanged");
    }

    #[test]
    fn a_payload_that_is_only_written_otherwise_is_no_riddle() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
        let mut rewritten = change("a", charges(), json!({}));
        rewritten.before = raw(r#"{"job":"echo","runEveryMs":1000,"payload":{"a":1,"b":2}}"#);
        rewritten.after = raw(r#"{"job":"echo","runEveryMs":1000,"payload":{ "b": 2, "a": 1 }}"#);
        insta::assert_snapshot!(plain(&[rewritten]), @r#"
        ~ a
            its payload is written otherwise and means the same
            next run: 2026-06-01T04:00:00.000Z
        "#);
    }

    #[test]
    fn long_values_are_cut_around_what_differs() {
        let said = |end: &str| {
            let text = format!("{}{end}{}", "Überweisung · ".repeat(20), "…und so weiter ".repeat(10));
            json!({ "job": "echo", "runEveryMs": 1_000, "payload": { "größe": text, "bidi": "a\u{202e}b" } })
        };
        insta::assert_snapshot!(plain(&[change("lang", said("Mai"), said("Juni"))]), @r#"
        ~ lang
            payload.größe: …erweisung · Mai…und so weiter …und so weiter …und so weiter … → …erweisung · Juni…und so weiter …und so weiter …und so weiter…
            next run: 2026-06-01T04:00:00.000Z
        "#);
        insta::assert_snapshot!(plain(&[change("lang", Value::Null, said("Mai"))]), @r#"
        + lang
            job = "echo"
            run-every = "1s"
            payload.bidi = "a\u{202e}b"
            payload.größe = "Überweisung · Überweisung · Überweisung · Überweisung · Übe…
            next run: 2026-06-01T04:00:00.000Z
        "#);
    }

    #[test]
    fn colours_are_by_what_is_done() {
        let coloured = shown(&[change("a", Value::Null, charges()), change("b", charges(), Value::Null)]);
        assert!(coloured.starts_with("\u{1b}[32m+ a\u{1b}[0m\n"), "{coloured:?}");
        assert!(coloured.contains("\n\u{1b}[31m- b\u{1b}[0m\n"), "{coloured:?}");
    }
}
