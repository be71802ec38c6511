//! Texts in which the time of a run is put in.
//!
//! `${occurrence}` is the moment for which the run is meant, as RFC 3339 in UTC to the second: `2026-06-01T04:00:00Z`.
//! `${occurrence %Y-%m}` is the same moment on the clock of the schedule's time zone, written as `strftime` would.
//! Between the two there may be one shift, back or forth, on that same clock: `${occurrence -1 month %Y-%m}` is the month
//! before. A day that a shorter month does not have becomes its last one. `$${occurrence` stands for the text
//! `${occurrence`. Any other `${…}` is left as it is, unless its word is nearly this one.

use super::error::ScheduleError;
use crate::lifecycle::Timestamp;
use crate::limits::{OCCURRENCE_FORMAT_CHARS_MAX, OCCURRENCE_PLACES_MAX, PAYLOAD_BYTES_MAX};
use crate::nearest::nearest;
use crate::rejection::escape_pointer;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan, Zoned};
use serde_json::Value;

const OPENING: &str = "${occurrence";
const WORD: &str = "occurrence";
/// The most that a shift can be, in its unit. Enough for any report; far below what overflows.
const SHIFT_MAX: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

const UNITS: [(&str, Unit); 7] = [
    ("second", Unit::Second),
    ("minute", Unit::Minute),
    ("hour", Unit::Hour),
    ("day", Unit::Day),
    ("week", Unit::Week),
    ("month", Unit::Month),
    ("year", Unit::Year),
];

/// What stands in for one `${occurrence…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expression {
    shift: Option<(i32, Unit)>,
    format: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Occurrence(Expression),
}

/// A text with places for the time of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// Reads a text.
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(OPENING) {
            let (before, opened) = rest.split_at(start);
            let after = &opened[OPENING.len()..];
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str(OPENING);
                rest = after;
                continue;
            }
            literal.push_str(before);
            let Some((inside, remaining)) = after.split_once('}') else {
                return Err(unreadable(opened, "no `}` after it"));
            };
            let whole = &opened[..OPENING.len() + inside.len() + 1];
            let expression = Expression::parse(inside).map_err(|problem| unreadable(whole, &problem))?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Occurrence(expression));
            rest = remaining;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        let template = Self(parts);
        if let Some(mistyped) = template.mistyped() {
            return Err(unreadable(mistyped, "no `occurrence`").with_nearest([WORD]));
        }
        check_places(template.places())?;
        Ok(template)
    }

    /// A `${…}` with a word so much like `occurrence` that it is meant for it. Others belong to somebody else.
    fn mistyped(&self) -> Option<&str> {
        let texts = self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Occurrence(_) => None,
        });
        let openings = texts.flat_map(|text| text.match_indices("${").map(move |(at, _)| (text, at)));
        openings
            .filter(|(text, at)| !text[..*at].ends_with('$'))
            .find(|(text, at)| {
                let word =
                    text[at + 2..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
                word != WORD && nearest(word, [WORD]).is_some()
            })
            .map(|(text, at)| &text[at..])
    }

    /// How often the time is put in.
    pub(super) fn places(&self) -> usize {
        self.0.iter().filter(|part| matches!(part, Part::Occurrence(_))).count()
    }

    /// The text for a run on the clock of its zone.
    pub(super) fn render(&self, occurrence: &Zoned) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Occurrence(expression) => expression.render(occurrence).unwrap_or_default(),
            })
            .collect()
    }
}

fn check_places(places: usize) -> Result<(), ScheduleError> {
    if places <= OCCURRENCE_PLACES_MAX {
        return Ok(());
    }
    Err(ScheduleError::new(
        format!("{places} places for the time"),
        format!("at most {OCCURRENCE_PLACES_MAX}"),
    ))
}

fn unreadable(found: &str, problem: &str) -> ScheduleError {
    let found = format!("`{}` ({problem})", found.chars().take(80).collect::<String>());
    ScheduleError::new(
        found,
        "a place for the time such as `${occurrence}`, `${occurrence %Y-%m}` or `${occurrence -1 month %Y-%m}`; \
         `$${occurrence` stands for the text itself",
    )
}

impl Expression {
    fn parse(inside: &str) -> Result<Self, String> {
        if !inside.is_empty() && !inside.starts_with(' ') {
            return Err("no space after `occurrence`".to_owned());
        }
        let mut rest = inside.trim();
        let mut shift = None;
        if rest.starts_with(['+', '-']) {
            let (number, unit, remaining) = split_shift(rest);
            shift = Some(parse_shift(number, unit)?);
            rest = remaining;
        }
        let format = if rest.is_empty() {
            None
        } else if rest.chars().count() > OCCURRENCE_FORMAT_CHARS_MAX {
            return Err(format!("a format of more than {OCCURRENCE_FORMAT_CHARS_MAX} characters"));
        } else if rest.contains('%') {
            Some(rest.to_owned())
        } else {
            return Err("neither a shift with its sign nor a format with a `%`".to_owned());
        };
        let expression = Self { shift, format };
        // A format that can be printed for one moment can be printed for each.
        for sample in samples(&TimeZone::UTC).take(1) {
            expression.render(&sample).map_err(|error| error.to_string())?;
        }
        Ok(expression)
    }

    fn render(&self, occurrence: &Zoned) -> Result<String, jiff::Error> {
        let moment = match self.shift {
            None => occurrence.clone(),
            Some((count, unit)) => occurrence.saturating_add(span(count, unit)),
        };
        match &self.format {
            None => Ok(moment.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Some(format) => BrokenDownTime::from(&moment).to_string(format),
        }
    }
}

/// A number with its sign, a word, and what follows.
fn split_shift(text: &str) -> (&str, &str, &str) {
    let (number, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim_start();
    let (unit, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    (number, unit, rest.trim_start())
}

fn parse_shift(number: &str, unit: &str) -> Result<(i32, Unit), String> {
    let (sign, digits) = number.split_at(1);
    let count = digits
        .parse::<u32>()
        .ok()
        .filter(|count| digits.bytes().all(|byte| byte.is_ascii_digit()) && (1..=SHIFT_MAX).contains(count));
    let count = count
        .and_then(|count| i32::try_from(count).ok())
        .ok_or_else(|| format!("the shift `{number}` is not 1 to {SHIFT_MAX}"))?;
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    let Some((_, unit)) = UNITS.into_iter().find(|(name, _)| *name == singular) else {
        let names = UNITS.map(|(name, _)| name).join(", ");
        return Err(format!("`{unit}` is none of {names}"));
    };
    Ok((if sign == "-" { -count } else { count }, unit))
}

fn span(count: i32, unit: Unit) -> Span {
    match unit {
        Unit::Second => count.seconds(),
        Unit::Minute => count.minutes(),
        Unit::Hour => count.hours(),
        Unit::Day => count.days(),
        Unit::Week => count.weeks(),
        Unit::Month => count.months(),
        Unit::Year => count.years(),
    }
}

/// Moments at which each format is at its longest once: every name of a month with every name of a weekday and two digits
/// for the day, in summer and in winter.
pub(super) fn samples(zone: &TimeZone) -> impl Iterator<Item = Zoned> + '_ {
    // The last millisecond of each day of 2028, a leap year.
    const FIRST_MS: i64 = 1_830_383_999_999;
    (0..366).filter_map(|day| {
        let moment = jiff::Timestamp::from_millisecond(FIRST_MS + day * 86_400_000).ok()?;
        Some(moment.to_zoned(zone.clone()))
    })
}

/// The moment on the clock of a zone.
pub(super) fn zoned(moment: Timestamp, zone: &TimeZone) -> Zoned {
    // Every moment of a `Timestamp` is one of jiff's.
    jiff::Timestamp::from_millisecond(moment.as_ms())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(zone.clone())
}

/// A JSON object in whose texts the time of a run is put in. Keys, numbers and everything else stay as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadTemplate {
    json: String,
    parts: Vec<PayloadPart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PayloadPart {
    /// JSON as written.
    Json(String),
    /// A JSON string, quotes and all.
    Text(Template),
}

impl PayloadTemplate {
    /// Takes the text of one JSON object that [`crate::json::check`] let pass.
    ///
    /// # Errors
    /// A value that is not an object, a place for the time that cannot be read, and what could become larger than a payload
    /// may be. The pointer of the error begins at the payload.
    pub(super) fn parse(json: &str, zone: &TimeZone) -> Result<Self, ScheduleError> {
        let value: Value = serde_json::from_str(json)
            .map_err(|_| ScheduleError::new("a text that is not JSON", "a JSON object"))?;
        if !value.is_object() {
            return Err(ScheduleError::wrong_type(&value, "an object"));
        }
        check_texts(&value, "")?;
        let mut parts = Vec::new();
        let (mut as_written, mut places) = (0, 0);
        for (start, end) in text_values(json) {
            let token = &json[start..end];
            let text: String = serde_json::from_str(token).unwrap_or_default();
            // Whether there is an escaped place for the time does not matter: it too is rewritten.
            if text.contains(OPENING) {
                parts.push(PayloadPart::Json(json[as_written..start].to_owned()));
                let template = Template::parse(&text)?;
                places += template.places();
                parts.push(PayloadPart::Text(template));
                as_written = end;
            }
        }
        check_places(places)?;
        parts.push(PayloadPart::Json(json[as_written..].to_owned()));
        let template = Self { json: json.to_owned(), parts };
        let largest = if template.parts.len() == 1 {
            json.len()
        } else {
            samples(zone).map(|sample| template.render_zoned(&sample).len()).max().unwrap_or(0)
        };
        if largest as u64 > PAYLOAD_BYTES_MAX {
            let found = format!("{largest} bytes");
            return Err(ScheduleError::new(found, format!("a payload of at most {PAYLOAD_BYTES_MAX} bytes")));
        }
        Ok(template)
    }

    /// The object as written.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The payload of the run that is meant for `occurrence`, on the clock of `zone`: the text of a JSON object.
    pub fn render(&self, occurrence: Timestamp, zone: &TimeZone) -> String {
        self.render_zoned(&zoned(occurrence, zone))
    }

    fn render_zoned(&self, occurrence: &Zoned) -> String {
        let mut rendered = String::with_capacity(self.json.len());
        for part in &self.parts {
            match part {
                PayloadPart::Json(json) => rendered.push_str(json),
                PayloadPart::Text(text) => {
                    rendered.push_str(&Value::from(text.render(occurrence)).to_string())
                }
            }
        }
        rendered
    }
}

fn check_texts(value: &Value, pointer: &str) -> Result<(), ScheduleError> {
    match value {
        Value::String(text) => Template::parse(text).map(|_| ()).map_err(|error| error.at(pointer)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_texts(item, &format!("{pointer}/{index}"))),
        Value::Object(entries) => entries
            .iter()
            .try_for_each(|(key, value)| check_texts(value, &format!("{pointer}/{}", escape_pointer(key)))),
        _ => Ok(()),
    }
}

/// Where in a JSON text its string values are, from quote to quote; keys are left out.
fn text_values(json: &str) -> Vec<(usize, usize)> {
    let bytes = json.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let start = at;
        at += 1;
        while at < bytes.len() && bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at = (at + 1).min(bytes.len());
        let is_key = json[at..].trim_start().starts_with(':');
        if !is_key {
            found.push((start, at));
        }
    }
    found
}
