//! A cron expression: which civil times it means.
//!
//! Read strictly here, so that an error can say which field, and handed to the cron library in its plainest form: numbers
//! only, names and nicknames written out.

use super::error::ScheduleError;
use crate::limits::CRON_CHARS_MAX;
use crate::nearest::nearest;
use jiff::civil::DateTime;
use std::fmt;

/// One of the five fields.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    /// The first stands for `least` of a month and for 0 of a day of the week.
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of the month", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: &MONTHS },
    Field { name: "day of the week", least: 0, most: 7, names: &WEEKDAYS },
];
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A cron expression of five fields, or a nickname for one.
///
/// Minute 0–59, hour 0–23, day of the month 1–31, month 1–12 or `JAN`–`DEC`, day of the week 0–7 or `SUN`–`SAT` (0 and 7
/// are Sunday). A field is `*`, or a list of numbers, ranges `a-b`, and steps `*/n` and `a-b/n`. The day of the month may
/// also be `L` (the last), `15W` (the weekday, Monday to Friday, nearest to the 15th in the same month) or `LW` (the last
/// weekday); the day of the week `FRI#2` (the second Friday) or `FRIL` (the last Friday).
///
/// If neither day field is `*`, a day that either of them means is meant: `0 0 13 * FRI` is each 13th and each Friday.
/// Any other text than `*` counts, `*/2` too.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    pattern: Box<croner::Cron>,
    fixed_times: bool,
}

impl Cron {
    /// Reads an expression or a nickname.
    ///
    /// # Errors
    /// The first field that is not of the grammar, with the place left to the caller.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > CRON_CHARS_MAX {
            let found = format!("{} characters", text.chars().count());
            return Err(ScheduleError::new(found, format!("at most {CRON_CHARS_MAX}")));
        }
        let written_out = if text.starts_with('@') { nickname(&text)? } else { &text };
        let fields: Vec<&str> = written_out.split(' ').filter(|field| !field.is_empty()).collect();
        if fields[..].first().is_some_and(|first| first.starts_with("TZ=") || first.starts_with("CRON_TZ=")) {
            return Err(ScheduleError::of(
                &text,
                "the five fields alone; the time zone has its own key, `timeZone`",
            ));
        }
        if fields.len() != FIELDS.len() {
            let found = format!("`{}`, {} fields", shortened(&text), fields.len());
            let expected =
                "five fields: minute, hour, day of the month, month, day of the week (no seconds, no years)";
            return Err(ScheduleError::new(found, expected));
        }
        let mut plain = Vec::with_capacity(FIELDS.len());
        for (index, text) in fields.iter().enumerate() {
            plain.push(plain_field(index, text)?);
        }
        let fixed_times = !plain[0].contains('*') && !plain[1].contains('*');
        let parser = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Disallowed)
            .year(croner::parser::Year::Disallowed)
            .build();
        let pattern = parser.parse(&plain.join(" ")).map_err(|error| {
            ScheduleError::new(format!("`{}` ({error})", shortened(&text)), "a cron expression")
        })?;
        Ok(Self { text, pattern: Box::new(pattern), fixed_times })
    }

    /// The expression as written, single spaces between its fields.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it means fixed times of the day: neither its minute nor its hour has a `*`.
    pub fn has_fixed_times(&self) -> bool {
        self.fixed_times
    }

    /// The first civil time that is meant, at or after `from`.
    pub(super) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        // The only error there is on civil time is that the years come to an end.
        self.pattern.find_next_occurrence(&from, true).ok()
    }

    /// Milliseconds that lie between two runs at the least, on days without a change of the clock.
    pub(super) fn interval_ms_min(&self) -> u64 {
        let minutes = self.pattern.pattern.minutes.values();
        let hours = self.pattern.pattern.hours.values();
        let mut times: Vec<u64> = Vec::with_capacity(minutes.len() * hours.len());
        for hour in &hours {
            times.extend(minutes.iter().map(|minute| u64::from(*hour) * 60 + u64::from(*minute)));
        }
        let over_midnight = times.first().zip(times.last()).map_or(0, |(first, last)| 24 * 60 + first - last);
        let within = times.windows(2).map(|pair| pair[1] - pair[0]).min();
        within.map_or(over_midnight, |within| within.min(over_midnight)) * 60_000
    }
}

impl fmt::Debug for Cron {
    /// The expression: the library's form of it is a table of 5,000 years.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cron").field(&self.text).finish()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn nickname(text: &str) -> Result<&'static str, ScheduleError> {
    let lower = text.to_ascii_lowercase();
    if let Some((_, fields)) = NICKNAMES.iter().find(|(name, _)| *name == lower) {
        return Ok(fields);
    }
    let names = NICKNAMES.map(|(name, _)| name);
    let expected = format!("`{}` or five fields", names.join("`, `"));
    Err(ScheduleError::of(text, expected).with_nearest(nearest(&lower, names)))
}

/// One field with numbers for names.
fn plain_field(index: usize, text: &str) -> Result<String, ScheduleError> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let mut items = Vec::new();
    for item in upper.split(',') {
        items.push(plain_item(index, item)?);
    }
    let has = |word: &str| items.iter().any(|item| item == word);
    if has("L") && has("LW") {
        let expected = "one of `L` (the last day) and `LW` (the last weekday) as the day of the month";
        return Err(ScheduleError::of(text, expected));
    }
    Ok(items.join(","))
}

fn plain_item(index: usize, item: &str) -> Result<String, ScheduleError> {
    let field = &FIELDS[index];
    if item == "*" {
        let expected = format!("`*` alone as the {}, without a list", field.name);
        return Err(ScheduleError::of("*", expected));
    }
    if item == "?" {
        return Err(ScheduleError::of("?", format!("`*` as the {}", field.name)));
    }
    if index == DAY_OF_MONTH {
        if item == "L" || item == "LW" {
            return Ok(item.to_owned());
        }
        if let Some(day) = item.strip_suffix('W') {
            return Ok(format!("{}W", number(field, day)?));
        }
    }
    if index == DAY_OF_WEEK {
        if let Some((day, nth)) = item.split_once('#') {
            let day = number(field, day)?;
            if !matches!(nth, "1" | "2" | "3" | "4" | "5") {
                return Err(ScheduleError::of(
                    item,
                    "a day of the week with its number in the month, such as `FRI#2`, 1 to 5",
                ));
            }
            return Ok(format!("{day}#{nth}"));
        }
        if let Some(day) = item.strip_suffix('L').filter(|day| !day.is_empty()) {
            return Ok(format!("{}L", number(field, day)?));
        }
    }
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    let plain = match range.split_once('-') {
        _ if range == "*" => range.to_owned(),
        None if step.is_some() => {
            let expected =
                format!("a step over `*` or over a range as the {}, such as `*/5` or `10-50/5`", field.name);
            return Err(ScheduleError::of(item, expected));
        }
        None => number(field, range)?.to_string(),
        Some((first, last)) => {
            let (first, mut last) = (number(field, first)?, number(field, last)?);
            // A week that ends with Sunday; one that also begins with it is that day alone.
            if index == DAY_OF_WEEK && last == 0 && first != 0 {
                last = 7;
            }
            if first > last {
                let expected =
                    format!("a range of the {} from the lesser to the greater, or two ranges", field.name);
                return Err(ScheduleError::of(item, expected));
            }
            format!("{first}-{last}")
        }
    };
    let Some(step) = step else { return Ok(plain) };
    match step.parse::<u8>() {
        Ok(step) if (1..=field.most).contains(&step) => Ok(format!("{plain}/{step}")),
        _ => Err(ScheduleError::of(item, format!("a step of 1 to {} as the {}", field.most, field.name))),
    }
}

fn number(field: &Field, text: &str) -> Result<u8, ScheduleError> {
    if let Some(position) = field.names.iter().position(|name| *name == text) {
        return Ok(u8::try_from(position).unwrap_or(u8::MAX) + field.least);
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u8>() {
        Ok(number) if digits && (field.least..=field.most).contains(&number) => Ok(number),
        _ => {
            let names = match (field.names.first(), field.names.last()) {
                (Some(first), Some(last)) => format!(" or `{first}` to `{last}`"),
                _ => String::new(),
            };
            let expected = format!("{} to {}{names} as the {}", field.least, field.most, field.name);
            // A name written out begins with its three letters.
            let begins = field.names.iter().copied().find(|name| text.starts_with(name));
            let near = begins.or_else(|| nearest_name(text, field.names));
            Err(ScheduleError::of(text, expected).with_nearest(near))
        }
    }
}

fn nearest_name(text: &str, names: &'static [&'static str]) -> Option<&'static str> {
    let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let near = nearest(text, lower.iter().map(String::as_str))?;
    names.iter().copied().find(|name| name.eq_ignore_ascii_case(near))
}
