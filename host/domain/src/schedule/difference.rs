//! Definitions in the words of the file of schedules, and how two of them differ.
//!
//! Works on the JSON itself: what a newer host says of a schedule is shown too, whether it is known here or not.

use super::definition_file::{KEYS, Key, OPTION_KEYS};
use super::{Missed, Overlap};
use crate::quantity::format_ms;
use crate::table::path_below;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// What differs between two definitions of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key of the file, with what leads to it: `run-every`, `payload.files`.
    pub key: String,
    /// What the former definition has for it.
    pub before: Said,
    /// What the latter has.
    pub after: Said,
}

/// What a definition has for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A value, as a file of schedules would have it.
    Value(String),
    /// Nothing, which means this value.
    Default(&'static str),
    /// Nothing.
    Nothing,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(value),
            Self::Default(value) => write!(f, "{value:?} (default)"),
            Self::Nothing => f.write_str("(none)"),
        }
    }
}

/// A step on the way to a value; in the order in which a file has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A key of the file, with its place among them.
    Key(usize, &'static str),
    Name(String),
    Item(usize),
}

/// All values, by the way to them.
type Values = BTreeMap<Vec<Step>, String>;

/// All that the JSON of a definition says: keys and values of the file, in its order.
pub fn said(definition: &RawValue) -> Vec<(String, String)> {
    let values = values(definition);
    values.into_iter().map(|(way, value)| (shown(&way), value)).collect()
}

/// What differs between the JSON of two definitions, in the order of the file. Nothing, if they differ in nothing but how a
/// payload is written.
pub fn differences(before: &RawValue, after: &RawValue) -> Vec<Difference> {
    let (before, after) = (values(before), values(after));
    let mut ways: Vec<&Vec<Step>> = before.keys().chain(after.keys()).collect();
    ways.sort_unstable();
    ways.dedup();
    let differing = ways.into_iter().filter(|way| before.get(*way) != after.get(*way));
    let said = |values: &Values, way: &Vec<Step>| match values.get(way) {
        Some(value) => Said::Value(value.clone()),
        None => default_of(values, way).map_or(Said::Nothing, Said::Default),
    };
    differing
        .map(|way| Difference { key: shown(way), before: said(&before, way), after: said(&after, way) })
        .collect()
}

fn values(definition: &RawValue) -> Values {
    let mut found = Values::new();
    let Some(fields) = members(definition.get()) else {
        found.insert(Vec::new(), scalar(definition.get()));
        return found;
    };
    let is_said = |field: &str, raw: &RawValue| {
        raw.get() != "null" && !(field == "payload" && members(raw.get()).is_some_and(|all| all.is_empty()))
    };
    for (field, raw) in fields.iter().filter(|(field, raw)| is_said(field, raw)) {
        let options = members(raw.get()).filter(|_| field == "options");
        let (step, is_duration) = step_of(field, &KEYS);
        match options {
            Some(options) => {
                for (option, raw) in &options {
                    let (below, is_duration) = step_of(option, &OPTION_KEYS);
                    walk(vec![step.clone(), below], raw.get(), is_duration, &mut found);
                }
            }
            None => walk(vec![step], raw.get(), is_duration, &mut found),
        }
    }
    found
}

/// The key that a field is in the file, and whether it is a duration there.
fn step_of(field: &str, keys: &[Key]) -> (Step, bool) {
    match keys.iter().enumerate().find(|(_, (_, known, _))| *known == field) {
        Some((place, (key, _, is_duration))) => (Step::Key(place, key), *is_duration),
        None => (Step::Name(field.to_owned()), false),
    }
}

fn walk(way: Vec<Step>, raw: &str, is_duration: bool, found: &mut Values) {
    let below = |step: Step| [way.as_slice(), &[step]].concat();
    if let Some(members) = members(raw).filter(|members| !members.is_empty()) {
        for (name, raw) in members {
            walk(below(Step::Name(name)), raw.get(), false, found);
        }
        return;
    }
    let value = match items(raw) {
        Some(items) if items.iter().any(|item| item.get().starts_with(['{', '['])) => {
            for (index, item) in items.iter().enumerate() {
                walk(below(Step::Item(index)), item.get(), false, found);
            }
            return;
        }
        // A list of plain values is looked at as a whole, since what is put in moves all that follow.
        Some(items) => {
            format!("[{}]", items.iter().map(|item| scalar(item.get())).collect::<Vec<_>>().join(", "))
        }
        None => match raw.parse() {
            Ok(ms) if is_duration => format!("{:?}", format_ms(ms)),
            _ => scalar(raw),
        },
    };
    found.insert(way, value);
}

fn members(raw: &str) -> Option<BTreeMap<String, Box<RawValue>>> {
    raw.starts_with('{').then(|| serde_json::from_str(raw).ok()).flatten()
}

fn items(raw: &str) -> Option<Vec<Box<RawValue>>> {
    raw.starts_with('[').then(|| serde_json::from_str(raw).ok()).flatten()
}

/// A text in the one way to write it; anything else as it is, numbers digit by digit.
fn scalar(raw: &str) -> String {
    match serde_json::from_str(raw) {
        Ok(Value::String(text)) => Value::String(text).to_string(),
        _ => raw.to_owned(),
    }
}

fn default_of(values: &Values, way: &[Step]) -> Option<&'static str> {
    let [Step::Key(_, key)] = way else { return None };
    let has_cron = || values.keys().any(|way| matches!(way.as_slice(), [Step::Key(_, "cron")]));
    match *key {
        "missed" => Some(Missed::default().as_str()),
        "overlap" => Some(Overlap::default().as_str()),
        "jitter" => Some("0s"),
        "time-zone" if has_cron() => Some("UTC"),
        _ => None,
    }
}

/// The way as TOML would write it.
fn shown(way: &[Step]) -> String {
    way.iter().fold(String::new(), |path, step| match step {
        Step::Key(_, key) => path_below(&path, key),
        Step::Name(name) => path_below(&path, name),
        Step::Item(index) => format!("{path}[{index}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn told(before: &str, after: &str) -> Vec<String> {
        let differences = differences(&raw(before), &raw(after));
        differences.iter().map(|it| format!("{}: {} → {}", it.key, it.before, it.after)).collect()
    }

    #[test]
    fn a_definition_is_said_in_the_words_and_the_order_of_the_file() {
        let definition = raw(
            r#"{ "payload": { "z": 1.50, "a b": [1, "é"], "n": { "deep": {} }, "list": [{ "x": null }, 2] },
                 "options": { "tags": ["a"], "timeoutMs": 90000, "newOption": true }, "somethingNew": [],
                 "runEveryMs": 300000, "job": "echo", "summary": null }"#,
        );
        let said: Vec<String> =
            said(&definition).iter().map(|(key, value)| format!("{key} = {value}")).collect();
        assert_eq!(
            said,
            [
                r#"job = "echo""#,
                r#"run-every = "5m""#,
                r#"payload."a b" = [1, "é"]"#,
                "payload.list[0].x = null",
                "payload.list[1] = 2",
                "payload.n.deep = {}",
                "payload.z = 1.50",
                r#"options.timeout = "1m 30s""#,
                r#"options.tags = ["a"]"#,
                "options.newOption = true",
                "somethingNew = []",
            ]
        );
    }

    #[test]
    fn only_what_differs_is_told() {
        let before = r#"{"job":"echo","cron":"0 6 1 * *","payload":{"a":{"b":[1,2]},"same":1}}"#;
        let after = r#"{"job":"echo","cron":"0 7 1 * *","timeZone":"Europe/Berlin","overlap":"skip","payload":{"same":1,"a":{"b":[1,3],"c":{}}},"options":{"label":"x"}}"#;
        assert_eq!(
            told(before, after),
            [
                r#"cron: "0 6 1 * *" → "0 7 1 * *""#,
                r#"time-zone: "UTC" (default) → "Europe/Berlin""#,
                r#"overlap: "allow" (default) → "skip""#,
                "payload.a.b: [1, 2] → [1, 3]",
                "payload.a.c: (none) → {}",
                r#"options.label: (none) → "x""#,
            ]
        );
        let interval = r#"{"job":"echo","runEveryMs":1000,"payload":{}}"#;
        assert_eq!(
            told(r#"{"job":"echo","cron":"* * * * *","timeZone":"Europe/Berlin","payload":{}}"#, interval),
            [
                r#"cron: "* * * * *" → (none)"#,
                r#"run-every: (none) → "1s""#,
                r#"time-zone: "Europe/Berlin" → (none)"#
            ]
        );
    }

    #[test]
    fn numbers_differ_digit_by_digit_and_texts_by_what_they_say() {
        assert_eq!(
            told(
                r#"{"payload":{"n":12345678901234567890123,"s":"\u00e9"}}"#,
                r#"{"payload":{"n":12345678901234567890124,"s":"é"}}"#
            ),
            ["payload.n: 12345678901234567890123 → 12345678901234567890124"]
        );
        assert_eq!(told(r#"{"payload":{"a":1,"b":2}}"#, r#"{"payload": {"b":2, "a":1}}"#), [""; 0]);
    }
}
