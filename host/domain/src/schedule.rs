//! Schedules: when a job runs by itself, what becomes of runs that were missed or overlap, and what each run is given.
//!
//! A [`Definition`] says it all; [`Definitions`] is the file of them that CI applies. [`Occurrences`] are the moments at
//! which one runs, and [`plan`] decides at each look which of them become tasks. Time zones come from a database that the
//! caller hands in.
//!
//! # When the clock changes
//!
//! A [`Cron`] is about the clock on the wall of its time zone. Twice a year, in many zones, that clock skips some time or
//! shows it twice. Which runs there are then depends on what the expression says:
//!
//! * **Fixed times of the day**: neither the minute nor the hour has a `*`, as in `30 2 * * *` or `0,30 1-5 * * MON`.
//!   Each day has its runs: skipped times run once, all together, at the first moment after the gap; repeated times run
//!   the first time only.
//! * **Every so often**: the minute or the hour has a `*`, as in `*/15 * * * *` or `30 * * * *`. Runs keep their distance:
//!   skipped times do not run, repeated times run both times.
//!
//! In Berlin the clock goes from 02:00 to 03:00 on 29 March 2026 and from 03:00 back to 02:00 on 25 October 2026:
//!
//! | expression | 29 March | 25 October |
//! | --- | --- | --- |
//! | `30 2 * * *` | 03:00 summer time | 02:30 summer time |
//! | `0,30 2 * * *` | 03:00, once for both | 02:00 and 02:30 summer time |
//! | `0 3 * * *` | 03:00, as ever | 03:00, as ever |
//! | `30 * * * *` | 01:30, then 03:30 | 01:30, 02:30 twice, 03:30 |
//! | `*/30 2 * * *` | none | 02:00 and 02:30 twice |
//!
//! ```
//! use jiff::tz::TimeZoneDatabase;
//! use mainworker_domain::lifecycle::Timestamp;
//! use mainworker_domain::schedule::Definition;
//!
//! let zones = TimeZoneDatabase::bundled();
//! let nightly = Definition::parse(
//!     r#"{ "job": "echo", "cron": "30 2 * * *", "timeZone": "Europe/Berlin" }"#,
//!     &zones,
//! )?;
//! let at = |text| Timestamp::parse(text).unwrap();
//! let next = |after| nightly.occurrences(at("2026-01-01T00:00:00Z")).next_after(at(after));
//!
//! assert_eq!(next("2026-03-28T12:00:00Z"), Some(at("2026-03-29T03:00:00+02:00")), "02:30 was skipped");
//! assert_eq!(next("2026-10-24T12:00:00Z"), Some(at("2026-10-25T02:30:00+02:00")));
//! assert_eq!(next("2026-10-25T00:30:00Z"), Some(at("2026-10-26T02:30:00+01:00")), "not a second time");
//! # Ok::<(), mainworker_domain::schedule::ScheduleError>(())
//! ```
//!
//! The same holds for any change: of half an hour (Lord Howe), of two (Troll), at midnight (Santiago), for Ramadan
//! (Casablanca), or of a whole day, when a country moves over the date line.

mod cron;
mod definition;
mod definition_file;
mod difference;
mod error;
mod occurrences;
mod options;
mod overlap;
mod plan;
mod template;
mod zone;

pub use cron::Cron;
pub use definition::FIELDS;
pub use definition_file::Definitions;
pub use difference::{Difference, Said, differences, said};
pub use error::{Place, ScheduleError};
pub use occurrences::Occurrences;
pub use options::{OPTIONS, ScheduledOptions};
pub use overlap::{Open, Overlap, OverlapDecision, overlap};
pub use plan::{Dropped, Ended, Plan, Standing, plan};
pub use template::PayloadTemplate;

use crate::job_name::{JobName, NotAJobName};
use crate::lifecycle::Timestamp;
use crate::limits::{HORIZON_MS_MAX, MISSED_WINDOW_MS};
use crate::task_options::TaskOptions;
use jiff::tz::TimeZone;
use std::fmt;

/// The name of a schedule: of the same form as a job's, `[a-z][a-z0-9-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleName(JobName);

impl ScheduleName {
    /// Takes `text` if it is of the form.
    ///
    /// # Errors
    /// The text, shortened, and the form.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        JobName::parse(text).map(Self).map_err(|NotAJobName { found }| {
            ScheduleError::of(&found, "a name of 1 to 63 of a-z, 0-9 and `-`, starting with a letter")
        })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// At which times a schedule runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// At the civil times of an expression.
    Cron {
        /// The expression.
        cron: Cron,
        /// On whose clock; UTC unless it is said.
        time_zone: TimeZone,
    },
    /// At equal distances from `startAt`, that time included; without one, from its creation, which is not.
    Every {
        /// Milliseconds between two runs.
        every_ms: u64,
    },
    /// Once.
    Once {
        /// Then.
        at: Timestamp,
    },
}

impl When {
    /// On whose clock the times of runs are written.
    pub fn zone(&self) -> &TimeZone {
        const UTC: &TimeZone = &TimeZone::UTC;
        match self {
            Self::Cron { time_zone, .. } => time_zone,
            Self::Every { .. } | Self::Once { .. } => UTC,
        }
    }
}

/// What becomes of runs whose time passed while nobody looked: the host was off, or the schedule stood still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// They do not run.
    Skip,
    /// The newest of all that are due runs, for all of them.
    #[default]
    Once,
    /// Each one runs that is not too old.
    All {
        /// Milliseconds that it may be late.
        window_ms: u64,
    },
}

impl Missed {
    /// The words of all policies.
    pub const WORDS: [&str; 3] = ["skip", "once", "all"];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All { .. } => "all",
        }
    }

    /// The policy that [`Missed::as_str`] writes so, with the usual window.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Skip, Self::Once, Self::All { window_ms: MISSED_WINDOW_MS }]
            .into_iter()
            .find(|missed| missed.as_str() == word)
    }
}

/// What runs, when, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The job.
    pub job: JobName,
    /// At which times.
    pub when: When,
    /// No run before.
    pub start_at: Option<Timestamp>,
    /// No run then or after.
    pub end_at: Option<Timestamp>,
    /// Runs in all.
    pub runs_max: Option<u64>,
    /// Milliseconds that a run is put off at the most, to spread the load.
    pub jitter_ms: u64,
    /// What becomes of missed runs.
    pub missed: Missed,
    /// What happens to a run while an earlier one is not over.
    pub overlap: Overlap,
    /// What the job is given.
    pub payload: PayloadTemplate,
    /// The options of the tasks.
    pub options: ScheduledOptions,
    /// One line for people.
    pub summary: Option<String>,
}

impl Definition {
    /// The moments at which it runs if it exists since `created_at`.
    pub fn occurrences(&self, created_at: Timestamp) -> Occurrences<'_> {
        Occurrences::new(self, created_at)
    }

    /// Checks that a definition made now has a run, and not only in a distant future. Not for one that stands already: it
    /// may have come to its end.
    ///
    /// # Errors
    /// A time to run, or an end, that is not after `now`; no run within [`HORIZON_MS_MAX`] after `now` or the start.
    pub fn check(&self, now: Timestamp) -> Result<(), ScheduleError> {
        let horizon = now.after_ms(HORIZON_MS_MAX);
        let moments = match &self.when {
            When::Once { at } => [("/runAt", Some(*at)), ("/endAt", None)],
            When::Cron { .. } | When::Every { .. } => [("/startAt", self.start_at), ("/endAt", self.end_at)],
        };
        for (pointer, moment) in moments {
            let Some(moment) = moment else { continue };
            if moment <= now && pointer != "/startAt" {
                let expected = format!("a time after now, {now}");
                return Err(ScheduleError::of(&moment.to_string(), expected).at(pointer));
            }
            if moment > horizon && pointer != "/endAt" {
                let expected = format!("a time up to {horizon}");
                return Err(ScheduleError::of(&moment.to_string(), expected).at(pointer));
            }
        }
        let from = self.start_at.map_or(now, |start_at| start_at.max(now));
        // The start itself can be a run.
        let before = if from > now { Timestamp::from_ms(from.as_ms() - 1) } else { now };
        let last = from.after_ms(HORIZON_MS_MAX);
        if self.occurrences(now).next_after(before).is_some_and(|next| next <= last) {
            return Ok(());
        }
        let (pointer, found) = match &self.when {
            When::Cron { cron, .. } => ("/cron", format!("`{cron}`")),
            When::Every { .. } | When::Once { .. } => ("", "no run".to_owned()),
        };
        let end = self.end_at.map_or(last, |end_at| end_at.min(last));
        Err(ScheduleError::new(found, format!("a run between {from} and {end}")).at(pointer))
    }

    /// When the task for the run that is meant for `occurrence` may begin: up to `jitter_ms` later, and always the same.
    ///
    /// Where in that time is a hash of the schedule's name and of the moment. FNV-1a is written out here because a host
    /// that restarts, or is of another version, has to come to the same result, which the hashes of the standard library
    /// do not promise; nobody gains anything by steering it.
    pub fn begins_at(&self, name: &ScheduleName, occurrence: Timestamp) -> Timestamp {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let bytes = name.as_str().bytes().chain([0]).chain(occurrence.as_ms().to_le_bytes());
        let hash = bytes.fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        occurrence.after_ms(hash % self.jitter_ms.saturating_add(1))
    }

    /// The payload of the run that is meant for `occurrence`: the text of a JSON object.
    pub fn payload(&self, occurrence: Timestamp) -> String {
        self.payload.render(occurrence, self.when.zone())
    }

    /// The options of its task.
    pub fn task_options(&self, name: &ScheduleName, occurrence: Timestamp) -> TaskOptions {
        self.options.render(occurrence, self.begins_at(name, occurrence), self.when.zone())
    }
}
