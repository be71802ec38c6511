//! Reading and writing a definition as JSON.

use super::error::ScheduleError;
use super::options::{ScheduledOptions, unknown};
use super::template::PayloadTemplate;
use super::zone::find_zone;
use super::{Cron, Definition, Missed, Overlap, When};
use crate::job_name::JobName;
use crate::json;
use crate::lifecycle::Timestamp;
use crate::limits::{
    JITTER_MS_MAX, MISSED_AFTER_MS, MISSED_WINDOW_MS, MISSED_WINDOW_MS_MAX, RUN_EVERY_MS_MAX,
    RUN_EVERY_MS_MIN, RUN_TIMES_MAX, SCHEDULE_BYTES_MAX,
};
use crate::quantity::format_ms;
use crate::rejection::escape_pointer;
use crate::table::type_name;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The fields by their names in JSON.
pub const FIELDS: [&str; 15] = [
    "job",
    "cron",
    "runEveryMs",
    "runAt",
    "timeZone",
    "startAt",
    "endAt",
    "runTimes",
    "jitterMs",
    "missed",
    "missedWindowMs",
    "overlap",
    "payload",
    "options",
    "summary",
];
const SUMMARY_CHARS_MAX: usize = 200;

/// The fields but the payload, which stays text.
struct Fields(Map<String, Value>);

impl Fields {
    fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn text(&self, field: &str) -> Result<Option<&str>, ScheduleError> {
        self.value(field)
            .map(|value| value.as_str().ok_or_else(|| wrong(field, value, "a string")))
            .transpose()
    }

    fn number(&self, field: &str) -> Result<Option<u64>, ScheduleError> {
        self.value(field)
            .map(|value| value.as_u64().ok_or_else(|| wrong(field, value, "a whole number from 0")))
            .transpose()
    }

    /// Milliseconds within bounds.
    fn ms(&self, field: &str, least: u64, most: u64) -> Result<Option<u64>, ScheduleError> {
        match self.number(field)? {
            Some(ms) if !(least..=most).contains(&ms) => {
                let expected = format!("{} to {}", format_ms(least), format_ms(most));
                Err(ScheduleError::of(&format_ms(ms), expected).at(&pointer(field)))
            }
            ms => Ok(ms),
        }
    }

    fn moment(&self, field: &str) -> Result<Option<Timestamp>, ScheduleError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let moment = Timestamp::parse(text).ok_or_else(|| {
            ScheduleError::of(text, "a time with its offset such as `2026-12-01T00:00:00Z`")
                .at(&pointer(field))
        })?;
        Ok(Some(moment))
    }

    /// One of some words, or none given.
    fn word<T>(
        &self,
        field: &str,
        words: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ScheduleError> {
        let Some(word) = self.text(field)? else { return Ok(None) };
        let read = parse(word).ok_or_else(|| {
            let near = crate::nearest::nearest(word, words.iter().copied());
            let expected = format!("one of `{}`", words.join("`, `"));
            ScheduleError::of(word, expected).with_nearest(near).at(&pointer(field))
        })?;
        Ok(Some(read))
    }

    /// Refuses a field that has no meaning here.
    fn without(&self, field: &str, reason: &str) -> Result<(), ScheduleError> {
        match self.value(field) {
            Some(_) => Err(ScheduleError::new("a value", reason).at(&pointer(field))),
            None => Ok(()),
        }
    }
}

fn pointer(field: &str) -> String {
    format!("/{}", escape_pointer(field))
}

fn wrong(field: &str, found: &Value, expected: &str) -> ScheduleError {
    ScheduleError::wrong_type(found, expected).at(&pointer(field))
}

impl Definition {
    /// Reads a definition as the HTTP API takes it. Numbers in its payload stay as they were written.
    ///
    /// Whether it has a run at all depends on the time, and is for [`Definition::check`].
    ///
    /// # Errors
    /// The first field that is unknown, missing, of another type, or cannot be meant.
    pub fn parse(text: &str, zones: &TimeZoneDatabase) -> Result<Self, ScheduleError> {
        if text.len() as u64 > SCHEDULE_BYTES_MAX {
            let found = format!("{} bytes", text.len());
            return Err(ScheduleError::new(found, format!("at most {SCHEDULE_BYTES_MAX} bytes")));
        }
        json::check(text.as_bytes()).map_err(|malformed| {
            let json::Malformed { problem, line, column } = malformed;
            let found = format!("malformed JSON at line {line}, column {column}: {problem}");
            ScheduleError::new(found, "one JSON object")
        })?;
        let raw: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|_| {
            let found = serde_json::from_str::<Value>(text).map_or("no JSON", |value| type_name(&value));
            ScheduleError::new(found, "an object")
        })?;
        if let Some(key) = raw.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(unknown(key, &FIELDS).at(&pointer(key)));
        }
        let payload = raw.get("payload").map_or("null", |payload| payload.get());
        let payload = if payload == "null" { "{}" } else { payload };
        let values = raw
            .iter()
            .filter(|(field, _)| *field != "payload")
            .filter_map(|(field, raw)| Some((field.clone(), serde_json::from_str(raw.get()).ok()?)));
        let fields = Fields(values.collect());

        let job = fields
            .text("job")?
            .ok_or_else(|| ScheduleError::new("nothing", "the name of a job").at("/job"))?;
        let job = JobName::parse(job).map_err(|error| {
            let expected = "a job name: 1 to 63 of a-z, 0-9 and `-`, starting with a letter";
            ScheduleError::of(&error.found, expected).at("/job")
        })?;
        let when = read_when(&fields, zones)?;
        let zone = when.zone().clone();
        let (start_at, end_at) = (fields.moment("startAt")?, fields.moment("endAt")?);
        if let (Some(start_at), Some(end_at)) = (start_at, end_at)
            && end_at <= start_at
        {
            let expected = format!("a time after `startAt`, {start_at}");
            return Err(ScheduleError::of(&end_at.to_string(), expected).at("/endAt"));
        }
        let runs_max = fields.number("runTimes")?;
        if let Some(runs_max) = runs_max
            && !(1..=RUN_TIMES_MAX).contains(&runs_max)
        {
            return Err(
                ScheduleError::of(&runs_max.to_string(), format!("1 to {RUN_TIMES_MAX}")).at("/runTimes")
            );
        }
        let options = match fields.value("options") {
            Some(options) => {
                ScheduledOptions::from_json(options, &zone).map_err(|error| error.at("/options"))?
            }
            None => ScheduledOptions::default(),
        };
        let jitter_ms = read_jitter(&fields, &when, &options)?;
        Ok(Self {
            job,
            when,
            start_at,
            end_at,
            runs_max,
            jitter_ms,
            missed: read_missed(&fields)?,
            overlap: fields
                .word("overlap", &Overlap::ALL.map(Overlap::as_str), Overlap::parse)?
                .unwrap_or_default(),
            payload: PayloadTemplate::parse(payload, &zone).map_err(|error| error.at("/payload"))?,
            options,
            summary: read_summary(&fields)?,
        })
    }

    /// Reads a definition that is a value already. A number that a [`Value`] cannot hold was rounded before.
    ///
    /// # Errors
    /// As [`Definition::parse`].
    pub fn from_json(value: &Value, zones: &TimeZoneDatabase) -> Result<Self, ScheduleError> {
        Self::parse(&value.to_string(), zones)
    }

    /// The definition as [`Definition::parse`] takes it. What is as if not said is left out.
    pub fn to_json(&self) -> String {
        let mut fields = json!({ "job": self.job.as_str() });
        match &self.when {
            When::Cron { cron, time_zone } => {
                fields["cron"] = json!(cron.as_str());
                if let Some(name) = time_zone.iana_name().filter(|_| *time_zone != TimeZone::UTC) {
                    fields["timeZone"] = json!(name);
                }
            }
            When::Every { every_ms } => fields["runEveryMs"] = json!(every_ms),
            When::Once { at } => fields["runAt"] = json!(at.to_string()),
        }
        for (field, moment) in [("startAt", self.start_at), ("endAt", self.end_at)] {
            if let Some(moment) = moment {
                fields[field] = json!(moment.to_string());
            }
        }
        if let Some(runs_max) = self.runs_max {
            fields["runTimes"] = json!(runs_max);
        }
        if self.jitter_ms > 0 {
            fields["jitterMs"] = json!(self.jitter_ms);
        }
        if self.missed != Missed::default() {
            fields["missed"] = json!(self.missed.as_str());
        }
        if let Missed::All { window_ms } = self.missed {
            fields["missedWindowMs"] = json!(window_ms);
        }
        if self.overlap != Overlap::default() {
            fields["overlap"] = json!(self.overlap.as_str());
        }
        if self.options != ScheduledOptions::default() {
            fields["options"] = self.options.to_json();
        }
        if let Some(summary) = &self.summary {
            fields["summary"] = json!(summary);
        }
        let mut text = fields.to_string();
        // The object has a job, so it does not end where it begins.
        text.pop();
        format!(r#"{text},"payload":{}}}"#, self.payload.as_json())
    }
}

fn read_when(fields: &Fields, zones: &TimeZoneDatabase) -> Result<When, ScheduleError> {
    let given: Vec<&str> =
        ["cron", "runEveryMs", "runAt"].into_iter().filter(|field| fields.value(field).is_some()).collect();
    let expected = "exactly one of `cron`, `runEveryMs` and `runAt`";
    match given.as_slice() {
        [_] => {}
        [] => return Err(ScheduleError::new("no time to run", expected)),
        [first, second, ..] => {
            let found = format!("`{second}` beside `{first}`");
            return Err(ScheduleError::new(found, expected).at(&pointer(second)));
        }
    }
    if let Some(text) = fields.text("cron")? {
        let cron = Cron::parse(text).map_err(|error| error.at("/cron"))?;
        let time_zone = match fields.text("timeZone")? {
            Some(name) => find_zone(name, zones).map_err(|error| error.at("/timeZone"))?,
            None => TimeZone::UTC,
        };
        return Ok(When::Cron { cron, time_zone });
    }
    fields.without("timeZone", "a time zone with `cron` only: every other time is the same in each zone")?;
    if let Some(every_ms) = fields.ms("runEveryMs", RUN_EVERY_MS_MIN, RUN_EVERY_MS_MAX)? {
        return Ok(When::Every { every_ms });
    }
    for field in ["startAt", "endAt", "runTimes"] {
        fields.without(field, "none beside `runAt`, which runs once")?;
    }
    match fields.moment("runAt")? {
        Some(at) => Ok(When::Once { at }),
        None => Err(ScheduleError::new("no time to run", expected)),
    }
}

fn read_jitter(fields: &Fields, when: &When, options: &ScheduledOptions) -> Result<u64, ScheduleError> {
    let jitter_ms = fields.ms("jitterMs", 0, JITTER_MS_MAX)?.unwrap_or(0);
    let interval_ms = match when {
        When::Cron { cron, .. } => cron.interval_ms_min(),
        When::Every { every_ms } => *every_ms,
        When::Once { .. } => u64::MAX,
    };
    let refused = |what: &str, bound_ms: u64| {
        let expected = format!("less than {what}, {}", format_ms(bound_ms));
        Err(ScheduleError::of(&format_ms(jitter_ms), expected).at("/jitterMs"))
    };
    match options.expires_after_ms() {
        _ if jitter_ms >= interval_ms => refused("the time between two runs", interval_ms),
        Some(expires_after_ms) if jitter_ms >= expires_after_ms => {
            refused("`expiresAfterMs`", expires_after_ms)
        }
        _ => Ok(jitter_ms),
    }
}

fn read_missed(fields: &Fields) -> Result<Missed, ScheduleError> {
    let missed = fields.word("missed", &Missed::WORDS, Missed::parse)?.unwrap_or_default();
    if let Missed::All { .. } = missed {
        let window_ms = fields.ms("missedWindowMs", MISSED_AFTER_MS, MISSED_WINDOW_MS_MAX)?;
        return Ok(Missed::All { window_ms: window_ms.unwrap_or(MISSED_WINDOW_MS) });
    }
    fields.without("missedWindowMs", "none unless `missed` is `all`")?;
    Ok(missed)
}

fn read_summary(fields: &Fields) -> Result<Option<String>, ScheduleError> {
    let Some(text) = fields.text("summary")? else { return Ok(None) };
    let chars = text.chars().count();
    if text.trim().is_empty() || chars > SUMMARY_CHARS_MAX || text.chars().any(char::is_control) {
        let expected = format!("one line of 1 to {SUMMARY_CHARS_MAX} characters");
        return Err(ScheduleError::of(text, expected).at("/summary"));
    }
    Ok(Some(text.to_owned()))
}
