//! The file of schedules that CI applies.
//!
//! Each table is turned into the JSON of the HTTP API and read by the one reader there is; what that finds is told in the
//! words of the file, with the line.

use super::definition::FIELDS;
use super::error::{Place, ScheduleError};
use super::options::unknown;
use super::{Definition, ScheduleName};
use crate::limits::{SCHEDULE_FILE_BYTES_MAX, SCHEDULES_MAX};
use crate::quantity::parse_ms;
use crate::table::{TomlError, dates_as_texts, from_toml, path_below};
use jiff::tz::TimeZoneDatabase;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// A key of the file, the field it becomes, and whether its value is a duration.
pub(super) type Key = (&'static str, &'static str, bool);

pub(super) const KEYS: [Key; FIELDS.len()] = [
    ("job", "job", false),
    ("cron", "cron", false),
    ("run-every", "runEveryMs", true),
    ("run-at", "runAt", false),
    ("time-zone", "timeZone", false),
    ("start-at", "startAt", false),
    ("end-at", "endAt", false),
    ("run-times", "runTimes", false),
    ("jitter", "jitterMs", true),
    ("missed", "missed", false),
    ("missed-window", "missedWindowMs", true),
    ("overlap", "overlap", false),
    ("payload", "payload", false),
    ("options", "options", false),
    ("summary", "summary", false),
];
pub(super) const OPTION_KEYS: [Key; 8] = [
    ("priority", "priority", false),
    ("timeout", "timeoutMs", true),
    ("label", "label", false),
    ("tags", "tags", false),
    ("max-attempts", "maxAttempts", false),
    ("unique-key", "uniqueKey", false),
    ("unique-policy", "uniquePolicy", false),
    ("expires-after", "expiresAfterMs", true),
];
/// Options that a task has and a schedule has not, for their reasons.
const REFUSED_OPTION_KEYS: [Key; 4] = [
    ("run-at", "runAt", false),
    ("delay", "delayMs", false),
    ("expires-at", "expiresAt", false),
    ("idempotency-key", "idempotencyKey", false),
];

/// The schedules of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definitions {
    /// Which schedules the file owns: those that were applied under this name and are no longer in it go.
    pub set: ScheduleName,
    /// What it defines.
    pub schedules: BTreeMap<ScheduleName, Definition>,
}

impl Definitions {
    /// Reads a file of schedules.
    ///
    /// ```toml
    /// set = "company"
    ///
    /// [schedule.month-end-charges]
    /// job = "charge-accounts"
    /// cron = "0 6 1 * *"
    /// time-zone = "Europe/Berlin"
    /// missed = "all"
    /// missed-window = "3d"
    /// payload = { month = "${occurrence -1 month %Y-%m}" }
    /// options = { tags = ["billing"], expires-after = "12h" }
    /// ```
    ///
    /// # Errors
    /// Text that is not TOML; the first key that is unknown, missing, of another type, or cannot be meant.
    pub fn from_toml(text: &str, zones: &TimeZoneDatabase) -> Result<Self, ScheduleError> {
        if text.len() as u64 > SCHEDULE_FILE_BYTES_MAX {
            let found = format!("{} bytes", text.len());
            let error =
                ScheduleError::new(found, format!("a file of at most {SCHEDULE_FILE_BYTES_MAX} bytes"));
            return Err(in_file(error, &[], None));
        }
        let value = from_toml(text).map_err(|TomlError { problem, line, column }| {
            let found = format!("a problem at column {column}: {problem}");
            let place = Place::File { path: String::new(), line: Some(line) };
            ScheduleError { place, ..ScheduleError::new(found, "TOML") }
        })?;
        // Read a second time for the lines; what was read once is read again.
        let spans = DeTable::parse(text).ok();
        let root = spans.as_ref().map(|root| (text, root.get_ref()));
        read(value, zones).map_err(|located| in_file(located.1, &located.0, root))
    }

    /// The place in a file of schedules that a JSON pointer into the definition of one of them means.
    pub fn place(text: &str, name: &str, pointer: &str) -> Place {
        let root = DeTable::parse(text).ok();
        let mut path = ["schedule", name].map(str::to_owned).to_vec();
        extend(&mut path, pointer);
        let (path, line) = place(&path, root.as_ref().map(|root| (text, root.get_ref())));
        Place::File { path, line }
    }
}

/// The path of an error, key by key, and the error with the rest of the path as its pointer.
type Located = Box<(Vec<String>, ScheduleError)>;

fn at(path: &[&str], error: ScheduleError) -> Located {
    Box::new((path.iter().map(|&key| key.to_owned()).collect(), error))
}

fn read(value: Value, zones: &TimeZoneDatabase) -> Result<Definitions, Located> {
    let Value::Object(mut root) = value else {
        return Err(at(&[], ScheduleError::wrong_type(&value, "a table")));
    };
    if let Some(key) = root.keys().find(|key| !["set", "schedule"].contains(&key.as_str())) {
        return Err(at(&[key], unknown(key, &["set", "schedule"])));
    }
    let expected = "a name for the schedules of this file, such as `company`";
    let set = match root.get("set") {
        Some(Value::String(set)) => ScheduleName::parse(set).map_err(|error| at(&["set"], error))?,
        Some(other) => return Err(at(&["set"], ScheduleError::wrong_type(other, expected))),
        None => return Err(at(&["set"], ScheduleError::new("nothing", expected))),
    };
    let tables = match root.remove("schedule") {
        Some(Value::Object(tables)) => tables,
        Some(other) => {
            return Err(at(
                &["schedule"],
                ScheduleError::wrong_type(&other, "tables such as `[schedule.nightly]`"),
            ));
        }
        // An empty file takes all schedules of its set away.
        None => Map::new(),
    };
    if tables.len() > SCHEDULES_MAX {
        let found = format!("{} schedules", tables.len());
        return Err(at(&["schedule"], ScheduleError::new(found, format!("at most {SCHEDULES_MAX}"))));
    }
    let mut schedules = BTreeMap::new();
    for (name, table) in tables {
        let place = ["schedule", name.as_str()];
        let parsed = ScheduleName::parse(&name).map_err(|error| at(&place, error))?;
        let definition = read_schedule(table, zones).map_err(|mut located| {
            located.0.splice(0..0, place.map(str::to_owned));
            located
        })?;
        schedules.insert(parsed, definition);
    }
    Ok(Definitions { set, schedules })
}

fn read_schedule(table: Value, zones: &TimeZoneDatabase) -> Result<Definition, Located> {
    let mut fields = renamed(table, &KEYS, &[], "")?;
    if let Value::Object(fields) = &mut fields
        && let Some(options) = fields.remove("options")
    {
        let options = renamed(options, &OPTION_KEYS, &REFUSED_OPTION_KEYS, "options")?;
        fields.insert("options".to_owned(), options);
    }
    Definition::from_json(&fields, zones).map_err(|error| at(&[], error))
}

/// A table with the fields of the JSON for its keys, and milliseconds for durations.
fn renamed(table: Value, keys: &[Key], refused: &[Key], below: &str) -> Result<Value, Located> {
    let below = if below.is_empty() { Vec::new() } else { vec![below] };
    let Value::Object(table) = table else {
        return Err(at(&below, ScheduleError::wrong_type(&table, "a table")));
    };
    let at_key = |key: &str, error| at(&[below.as_slice(), &[key]].concat(), error);
    let mut fields = Map::new();
    for (key, value) in table {
        let Some((_, field, is_duration)) = keys.iter().chain(refused).find(|(known, ..)| *known == key)
        else {
            let known: Vec<&str> = keys.iter().map(|(known, ..)| *known).collect();
            return Err(at_key(&key, unknown(&key, &known)));
        };
        let value = if *is_duration {
            duration(&value).map_err(|error| at_key(&key, error))?
        } else {
            let value = dates_as_texts(value);
            if has_null(&value) {
                let error = ScheduleError::new("a number that is infinite or none", "one that JSON can say");
                return Err(at_key(&key, error));
            }
            value
        };
        fields.insert((*field).to_owned(), value);
    }
    Ok(Value::Object(fields))
}

fn duration(value: &Value) -> Result<Value, ScheduleError> {
    let expected = "a duration such as `30s`, `10m` or `3d`";
    let text = value.as_str().ok_or_else(|| ScheduleError::wrong_type(value, expected))?;
    parse_ms(text).map(Value::from).map_err(|_| ScheduleError::of(text, expected))
}

/// TOML has no null: it is what became of a float that JSON has not.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(entries) => entries.values().any(has_null),
        _ => false,
    }
}

/// The error in the words of the file: its pointer goes below `path`, fields are keys again, and the line is looked up.
fn in_file(mut error: ScheduleError, path: &[String], root: Option<(&str, &DeTable<'_>)>) -> ScheduleError {
    let mut path = path.to_vec();
    extend(&mut path, error.pointer().unwrap_or_default());
    for (key, field, _) in KEYS.iter().chain(&OPTION_KEYS).chain(&REFUSED_OPTION_KEYS) {
        for text in [&mut error.found, &mut error.expected] {
            *text = text.replace(&format!("`{field}`"), &format!("`{key}`"));
        }
    }
    let (path, line) = place(&path, root);
    error.place = Place::File { path, line };
    error
}

/// Adds the keys that a pointer into a definition is in the file.
fn extend(path: &mut Vec<String>, pointer: &str) {
    for (depth, segment) in pointer.split('/').skip(1).enumerate() {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let key = match (depth, path.last().map(String::as_str)) {
            (0, _) => key_of(&segment, &KEYS),
            (1, Some("options")) => {
                key_of(&segment, &OPTION_KEYS).or_else(|| key_of(&segment, &REFUSED_OPTION_KEYS))
            }
            _ => None,
        };
        path.push(key.unwrap_or(segment));
    }
}

fn key_of(field: &str, keys: &[Key]) -> Option<String> {
    keys.iter().find(|(_, known, _)| *known == field).map(|(key, ..)| (*key).to_owned())
}

/// The path as TOML would write it, and the line of the deepest key of it that is there.
fn place(path: &[String], root: Option<(&str, &DeTable<'_>)>) -> (String, Option<usize>) {
    let mut shown = String::new();
    let mut start = None;
    let mut table = root.map(|(_, table)| table);
    let mut array = None;
    for segment in path {
        let value = if let Some(items) = array.take() {
            shown.push_str(&format!("[{segment}]"));
            let items: &toml::de::DeArray<'_> = items;
            segment
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))
                .inspect(|item| start = Some(item.span().start))
        } else {
            shown = path_below(&shown, segment);
            let entry = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == segment));
            entry.map(|(key, value)| {
                start = Some(key.span().start);
                value
            })
        };
        table = None;
        match value.map(|value| value.get_ref()) {
            Some(DeValue::Table(below)) => table = Some(below),
            Some(DeValue::Array(items)) => array = Some(items),
            _ => {}
        }
    }
    let line = root
        .zip(start)
        .map(|((text, _), start)| text.bytes().take(start).filter(|&byte| byte == b'\n').count() + 1);
    (shown, line)
}
