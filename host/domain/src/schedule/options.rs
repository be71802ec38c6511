//! The options of the tasks that a schedule makes.

use super::error::ScheduleError;
use super::template::{Template, samples, zoned};
use crate::lifecycle::Timestamp;
use crate::limits::{HORIZON_MS_MAX, TAGS_MAX};
use crate::nearest::nearest;
use crate::quantity::format_ms;
use crate::rejection::escape_pointer;
use crate::task_options::{OptionError, TaskOptions};
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// The options by their names in JSON.
pub const OPTIONS: [&str; 8] =
    ["priority", "timeoutMs", "label", "tags", "maxAttempts", "uniqueKey", "uniquePolicy", "expiresAfterMs"];

/// Options of a task that a schedule sets itself, and what to use.
const REFUSED: [(&str, &str); 4] = [
    ("runAt", "no time beside that of the schedule; `startAt` says from when on it runs"),
    ("delayMs", "no time beside that of the schedule; `jitterMs` spreads its runs"),
    ("expiresAt", "`expiresAfterMs`, which counts from the time of each run"),
    (
        "idempotencyKey",
        "none: each run happens once by itself; `uniqueKey` keeps two from being open together",
    ),
];

/// The options of each task of a schedule. In the label, in the tags and in the unique key the time of the run can be put
/// in, as in the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduledOptions {
    /// As written, templates and all.
    given: TaskOptions,
    label: Option<Template>,
    tags: Vec<Template>,
    unique_key: Option<Template>,
    expires_after_ms: Option<u64>,
}

impl ScheduledOptions {
    /// Reads the options; the pointer of an error begins at them.
    pub(super) fn from_json(value: &Value, zone: &TimeZone) -> Result<Self, ScheduleError> {
        let Value::Object(object) = value else { return Err(ScheduleError::wrong_type(value, "an object")) };
        for key in object.keys() {
            let at = format!("/{}", escape_pointer(key));
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == key) {
                return Err(ScheduleError::of(key, *instead).at(&at));
            }
            if !OPTIONS.contains(&key.as_str()) {
                return Err(unknown(key, &OPTIONS).at(&at));
            }
        }
        let mut object = object.clone();
        let expires_after_ms = match object.remove("expiresAfterMs") {
            None | Some(Value::Null) => None,
            Some(value) => Some(read_expires_after(&value).map_err(|error| error.at("/expiresAfterMs"))?),
        };
        let given = TaskOptions::from_json(&Value::Object(object)).map_err(from_option)?;
        let template = |text: &String, at: &str| Template::parse(text).map_err(|error| error.at(at));
        if given.tags.len() > TAGS_MAX {
            let found = format!("{} tags", given.tags.len());
            return Err(ScheduleError::new(found, format!("at most {TAGS_MAX}")).at("/tags"));
        }
        let mut tags = Vec::with_capacity(given.tags.len());
        for (index, tag) in given.tags.iter().enumerate() {
            if given.tags[..index].contains(tag) {
                return Err(ScheduleError::of(tag, "each tag once").at(&format!("/tags/{index}")));
            }
            tags.push(template(tag, &format!("/tags/{index}"))?);
        }
        let options = Self {
            label: given.label.as_ref().map(|text| template(text, "/label")).transpose()?,
            tags,
            unique_key: given.unique_key.as_ref().map(|text| template(text, "/uniqueKey")).transpose()?,
            given,
            expires_after_ms,
        };
        // Each text is at its longest in one of these; without a place for the time all of them are alike.
        let templates = options.label.iter().chain(&options.tags).chain(&options.unique_key);
        let places: usize = templates.map(Template::places).sum();
        for sample in samples(zone).take(if places == 0 { 1 } else { usize::MAX }) {
            options.texts(&sample).check(Timestamp::MIN).map_err(from_option)?;
        }
        Ok(options)
    }

    /// As [`ScheduledOptions::from_json`] takes them.
    pub(super) fn to_json(&self) -> Value {
        let mut options = self.given.to_json();
        if let Some(expires_after_ms) = self.expires_after_ms {
            options["expiresAfterMs"] = json!(expires_after_ms);
        }
        options
    }

    /// Milliseconds after the time of a run at which it no longer begins.
    pub fn expires_after_ms(&self) -> Option<u64> {
        self.expires_after_ms
    }

    /// The options of the task for the run that is meant for `occurrence` and begins at `begins_at`.
    pub(super) fn render(&self, occurrence: Timestamp, begins_at: Timestamp, zone: &TimeZone) -> TaskOptions {
        TaskOptions {
            run_at: Some(begins_at),
            expires_at: self.expires_after_ms.map(|expires_after_ms| occurrence.after_ms(expires_after_ms)),
            ..self.texts(&zoned(occurrence, zone))
        }
    }

    /// The options with their texts written out. Two tags that come out equal for this run are one.
    fn texts(&self, occurrence: &Zoned) -> TaskOptions {
        let mut tags = Vec::with_capacity(self.tags.len());
        for template in &self.tags {
            let tag = template.render(occurrence);
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        TaskOptions {
            label: self.label.as_ref().map(|label| label.render(occurrence)),
            tags,
            unique_key: self.unique_key.as_ref().map(|key| key.render(occurrence)),
            ..self.given.clone()
        }
    }
}

fn read_expires_after(value: &Value) -> Result<u64, ScheduleError> {
    let expected = || format!("a whole number of milliseconds, 1 to {HORIZON_MS_MAX}");
    let ms = value.as_u64().ok_or_else(|| ScheduleError::wrong_type(value, &expected()))?;
    if (1..=HORIZON_MS_MAX).contains(&ms) {
        Ok(ms)
    } else {
        Err(ScheduleError::of(&format_ms(ms), format!("1ms to {}", format_ms(HORIZON_MS_MAX))))
    }
}

fn from_option(error: OptionError) -> ScheduleError {
    let at = match error.option() {
        "" => String::new(),
        option => format!("/{}", escape_pointer(option)),
    };
    match error {
        OptionError::Invalid { found, expected, .. } => ScheduleError::new(found, expected),
        OptionError::WrongType { found, expected, .. } => ScheduleError::new(found, expected),
        OptionError::Unknown { option, .. } => unknown(&option, &OPTIONS),
    }
    .at(&at)
}

/// About a key that means nothing.
pub(super) fn unknown(key: &str, known: &[&'static str]) -> ScheduleError {
    let found = format!("the unknown key `{}`", key.chars().take(80).collect::<String>());
    // Compared in small letters, as they are typed.
    let lower: Vec<String> = known.iter().map(|known| known.to_ascii_lowercase()).collect();
    let near = nearest(key, lower.iter().map(String::as_str))
        .and_then(|near| known.iter().copied().find(|known| known.eq_ignore_ascii_case(near)));
    ScheduleError::new(found, format!("one of `{}`", known.join("`, `"))).with_nearest(near)
}
