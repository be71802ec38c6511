//! The calendar month in UTC by which the company bills.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SECONDS_PER_DAY: u64 = 86_400;

/// A calendar month in UTC. In JSON it is a text such as `2015-05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// The month numbered 1 to 12 of a year of four digits.
    #[inline]
    pub const fn new(year: u16, month: u8) -> Option<Self> {
        if year <= 9_999 && month >= 1 && month <= 12 { Some(Self { year, month }) } else { None }
    }

    /// The month in which so many seconds had passed since 1970 began. `None` beyond the year 9999.
    #[inline]
    pub fn of_unix_seconds(seconds: u64) -> Option<Self> {
        Self::of_day(seconds / SECONDS_PER_DAY)
    }

    /// The month of the day that is `day` days after 1 January 1970, by counting in years that begin on 1 March, so that
    /// the leap day is the last of its year (Howard Hinnant's `civil_from_days`).
    fn of_day(day: u64) -> Option<Self> {
        const DAYS_OF_400_YEARS: u64 = 146_097;
        const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
        let day = day.checked_add(FROM_MARCH_OF_YEAR_0)?;
        let (era, of_era) = (day / DAYS_OF_400_YEARS, day % DAYS_OF_400_YEARS);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?)
    }

    /// Whether all of it lies before `now`. Its bill is final only then.
    pub fn is_over(self, now: SystemTime) -> bool {
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::of_unix_seconds(since.as_secs()).is_none_or(|current| self < current),
            // A clock that stands before 1970 knows of nothing that is over.
            Err(_) => false,
        }
    }

    /// How many days it has.
    #[inline]
    pub const fn days(self) -> u8 {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// The month before. `None` before January of the year 0.
    pub const fn previous(self) -> Option<Self> {
        match (self.year, self.month) {
            (0, 1) => None,
            (year, 1) => Self::new(year - 1, 12),
            (year, month) => Self::new(year, month - 1),
        }
    }

    /// The month after. `None` after December of the year 9999.
    pub const fn next(self) -> Option<Self> {
        if self.month == 12 { Self::new(self.year + 1, 1) } else { Self::new(self.year, self.month + 1) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}", self.year, self.month)
    }
}

/// A text that is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMonth;

impl fmt::Display for NotAMonth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no month; expected four digits, `-`, and 01 to 12, for example `2015-05`")
    }
}

impl std::error::Error for NotAMonth {}

impl FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        let digits = |text: &str| {
            let all_digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| all_digits)
        };
        match text.split_once('-') {
            Some((year, month)) if year.len() == 4 && month.len() == 2 => digits(year)
                .zip(digits(month))
                .and_then(|(year, month)| Self::new(year, u8::try_from(month).ok()?))
                .ok_or(NotAMonth),
            _ => Err(NotAMonth),
        }
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format_args!("`{text}` is {error}")))
    }
}

impl JsonSchema for Month {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Month")
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$" })
    }
}
