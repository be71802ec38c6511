//! How many tasks a job takes, and a source may ask for, in a time: a bucket for each that has such a rate.
//!
//! A bucket holds as many tasks as its rate names, which can all be taken at once, and fills evenly. Where several buckets
//! have a say, all of them give or none does. What a bucket lacks is counted in whole parts of a task, `per_ms` of which are
//! one: it fills by `tasks` parts each millisecond, so nothing is ever rounded.

use crate::job_name::JobName;
use crate::lifecycle::Timestamp;
use crate::limits::{RATE_PER_MS_MAX, RATE_PER_MS_MIN, RATE_TASKS_MAX};
use crate::quantity::{format_ms, parse_ms};
use crate::table::{Table, TableError, TableProblem};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;

/// So many tasks in so much time. Printed as `600 tasks in 1m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    tasks: u64,
    per_ms: u64,
}

impl RateLimit {
    /// A rate, if it can be meant: the bounds are those of [`RateLimit::read`].
    pub fn new(tasks: u64, per_ms: u64) -> Option<Self> {
        let fits =
            (1..=RATE_TASKS_MAX).contains(&tasks) && (RATE_PER_MS_MIN..=RATE_PER_MS_MAX).contains(&per_ms);
        fits.then_some(Self { tasks, per_ms })
    }

    /// Reads `rate-limit = { tasks = 600, per = "1m" }` of a table, if it is there.
    ///
    /// # Errors
    /// An unknown key, one that is missing, a value of another type, a rate that cannot be meant.
    pub fn read(table: &Table<'_>) -> Result<Option<Self>, TableError> {
        let Some(value) = table.value("rate-limit") else { return Ok(None) };
        let table = Table::open(value, &table.path_of("rate-limit"), &["tasks", "per"])?;
        let tasks = table.count("tasks")?.ok_or_else(|| table.error("tasks", TableProblem::MissingKey))?;
        let per = table.required_string("per")?;
        let per_ms = parse_ms(per).map_err(|error| table.invalid("per", per, error.to_string()))?;
        if !(1..=RATE_TASKS_MAX).contains(&tasks) {
            return Err(table.invalid(
                "tasks",
                &tasks.to_string(),
                format!("expected 1 to {RATE_TASKS_MAX}"),
            ));
        }
        Self::new(tasks, per_ms).map(Some).ok_or_else(|| {
            let (least, most) = (format_ms(RATE_PER_MS_MIN), format_ms(RATE_PER_MS_MAX));
            table.invalid("per", per, format!("expected `{least}` to `{most}`"))
        })
    }

    /// As [`RateLimit::read`] takes it.
    pub fn to_json(self) -> Value {
        json!({ "tasks": self.tasks, "per": format_ms(self.per_ms) })
    }

    /// Tasks that can be taken at once at the most.
    pub fn at_once(self) -> u64 {
        self.tasks
    }

    /// Whether, in no time however short or long, more tasks pass than `other` lets pass.
    pub fn is_within(self, other: Self) -> bool {
        self.tasks <= other.tasks && self.tasks * other.per_ms <= other.tasks * self.per_ms
    }

    /// As one word: `600/1m`.
    pub fn as_word(self) -> String {
        format!("{}/{}", self.tasks, format_ms(self.per_ms).replace(' ', ""))
    }

    /// Parts of a task that a full bucket has.
    fn parts(self) -> u64 {
        self.tasks * self.per_ms
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = if self.tasks == 1 { "task" } else { "tasks" };
        write!(f, "{} {tasks} in {}", self.tasks, format_ms(self.per_ms))
    }
}

/// Whose rate it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RateOf {
    /// A job's: how many tasks of it are taken.
    Job(JobName),
    /// A source's: how many tasks it may ask for, of whichever job.
    Source(String),
}

impl fmt::Display for RateOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => write!(f, "the job `{job}` takes"),
            Self::Source(source) => write!(f, "the source `{source}` may ask for"),
        }
    }
}

/// Tasks that are to be taken out of one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub of: RateOf,
    /// Its rate as it stands now.
    pub limit: RateLimit,
    /// How many.
    pub tasks: u64,
}

/// More tasks than a rate allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{of} {limit}: {asked} asked for{problem}")]
pub struct OverRate {
    /// Whose rate.
    pub of: RateOf,
    /// The rate.
    pub limit: RateLimit,
    /// How many were asked for.
    pub asked: u64,
    /// Whether that can ever pass.
    pub problem: RateProblem,
}

/// See [`OverRate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateProblem {
    /// Not now.
    Now {
        /// How many would have passed.
        left: u64,
        /// Milliseconds until all of them would.
        wait_ms: u64,
    },
    /// Never: a full bucket has not so many.
    Ever {
        /// How many there may be at once.
        at_once: u64,
    },
}

impl RateProblem {
    /// How many of the tasks would have passed.
    pub fn passing(self) -> u64 {
        match self {
            Self::Now { left, .. } => left,
            Self::Ever { at_once } => at_once,
        }
    }

    /// Seconds until all of them would pass, rounded up; none if they never do.
    pub fn wait_seconds(self) -> Option<u64> {
        match self {
            Self::Now { wait_ms, .. } => Some(wait_ms.div_ceil(1_000)),
            Self::Ever { .. } => None,
        }
    }
}

impl fmt::Display for RateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now { left, wait_ms } => {
                let wait = format_ms(wait_ms.div_ceil(1_000) * 1_000);
                write!(f, ", {left} left, expected no more, or the same no sooner than in {wait}")
            }
            Self::Ever { at_once } => write!(f, " at once, expected at most {at_once}"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    limit: RateLimit,
    /// Parts of a task that it lacks of being full, as of `at`.
    lacking: u64,
    at: Timestamp,
}

impl Bucket {
    /// As it stands now, under the rate that holds now. What was taken under another one counts as much as it did.
    fn at(self, limit: RateLimit, now: Timestamp) -> Self {
        let filled = now.ms_since(self.at).saturating_mul(self.limit.tasks);
        let mut lacking = self.lacking.saturating_sub(filled);
        if limit != self.limit {
            lacking = lacking.div_ceil(self.limit.per_ms).min(limit.tasks) * limit.per_ms;
        }
        // A reading of the clock that is older than the last fills nothing twice.
        Self { limit, lacking, at: self.at.max(now) }
    }

    fn problem(&self, tasks: u64) -> Option<RateProblem> {
        if tasks > self.limit.tasks {
            return Some(RateProblem::Ever { at_once: self.limit.tasks });
        }
        let left = self.limit.parts() - self.lacking;
        let short = (tasks * self.limit.per_ms).checked_sub(left).filter(|&short| short > 0)?;
        let (left, wait_ms) = (left / self.limit.per_ms, short.div_ceil(self.limit.tasks));
        Some(RateProblem::Now { left, wait_ms })
    }
}

/// The buckets of a host, full at first. There is one for each job and each source that has a rate and was asked for.
#[derive(Clone, Debug, Default)]
pub struct RateBuckets(HashMap<RateOf, Bucket>);

impl RateBuckets {
    /// Takes all that is wanted, each from another bucket, or nothing. `now` is a clock's that does not jump.
    ///
    /// # Errors
    /// The one that never gives so much, or else the one that takes the longest to.
    pub fn take(&mut self, wanted: &[Wanted], now: Timestamp) -> Result<(), OverRate> {
        let mut worst: Option<(u64, OverRate)> = None;
        for Wanted { of, limit, tasks } in wanted {
            let full = Bucket { limit: *limit, lacking: 0, at: now };
            let bucket = self.0.entry(of.clone()).or_insert(full);
            *bucket = bucket.at(*limit, now);
            let Some(problem) = bucket.problem(*tasks) else { continue };
            let wait_ms = match problem {
                RateProblem::Now { wait_ms, .. } => wait_ms,
                RateProblem::Ever { .. } => u64::MAX,
            };
            if worst.as_ref().is_none_or(|(longest_ms, _)| wait_ms > *longest_ms) {
                worst = Some((wait_ms, OverRate { of: of.clone(), limit: *limit, asked: *tasks, problem }));
            }
        }
        if let Some((_, over)) = worst {
            return Err(over);
        }
        for Wanted { of, limit, tasks } in wanted {
            if let Some(bucket) = self.0.get_mut(of) {
                bucket.lacking += tasks * limit.per_ms;
            }
        }
        Ok(())
    }

    /// Puts back what was taken for tasks that did not come to be.
    pub fn give_back(&mut self, unused: &[Wanted], now: Timestamp) {
        for Wanted { of, limit, tasks } in unused {
            if let Some(bucket) = self.0.get_mut(of) {
                *bucket = bucket.at(*limit, now);
                bucket.lacking = bucket.lacking.saturating_sub(tasks.saturating_mul(limit.per_ms));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_ms(1_431_849_932_000);

    fn rate(tasks: u64, per_ms: u64) -> RateLimit {
        RateLimit::new(tasks, per_ms).unwrap()
    }

    fn of_job(limit: RateLimit, tasks: u64) -> Wanted {
        Wanted { of: RateOf::Job(JobName::parse("echo").unwrap()), limit, tasks }
    }

    fn of_source(limit: RateLimit, tasks: u64) -> Wanted {
        Wanted { of: RateOf::Source("api".to_owned()), limit, tasks }
    }

    #[test]
    fn as_many_as_the_rate_names_pass_at_once_and_then_one_after_the_other() {
        let mut buckets = RateBuckets::default();
        let limit = rate(60, 60_000);
        assert_eq!(buckets.take(&[of_job(limit, 60)], START), Ok(()));
        let over = buckets.take(&[of_job(limit, 1)], START).unwrap_err();
        assert_eq!(over.problem, RateProblem::Now { left: 0, wait_ms: 1_000 });
        assert_eq!(
            over.to_string(),
            "the job `echo` takes 60 tasks in 1m: 1 asked for, 0 left, expected no more, or the same no sooner than in 1s"
        );
        let over = buckets.take(&[of_job(limit, 3)], START.after_ms(1_500)).unwrap_err();
        assert_eq!(over.problem, RateProblem::Now { left: 1, wait_ms: 1_500 });
        assert_eq!(over.problem.wait_seconds(), Some(2), "never told to come too early");
        assert_eq!(buckets.take(&[of_job(limit, 3)], START.after_ms(3_000)), Ok(()));
    }

    #[test]
    fn what_no_bucket_ever_holds_is_told_so() {
        let mut buckets = RateBuckets::default();
        let over = buckets.take(&[of_source(rate(1, 1_000), 2)], START).unwrap_err();
        assert_eq!(
            over.to_string(),
            "the source `api` may ask for 1 task in 1s: 2 asked for at once, expected at most 1"
        );
        assert_eq!((over.problem.wait_seconds(), over.problem.passing()), (None, 1));
    }

    #[test]
    fn of_two_that_refuse_the_longer_wait_is_told_and_neither_gives() {
        let mut buckets = RateBuckets::default();
        let (fast, slow) = (rate(1, 1_000), rate(1, 3_600_000));
        assert_eq!(buckets.take(&[of_job(fast, 1), of_source(slow, 1)], START), Ok(()));
        let both = [of_job(fast, 1), of_source(slow, 1)];
        let over = buckets.take(&both, START).unwrap_err();
        assert_eq!(over.of, RateOf::Source("api".to_owned()));
        // The job's bucket is full again, and what the source refuses leaves it so.
        let later = START.after_ms(1_000);
        buckets.take(&both, later).unwrap_err();
        assert_eq!(buckets.take(&[of_job(fast, 1)], later), Ok(()));
    }

    #[test]
    fn another_rate_counts_what_was_taken_under_the_former() {
        let mut buckets = RateBuckets::default();
        assert_eq!(buckets.take(&[of_job(rate(10, 60_000), 4)], START), Ok(()));
        let over = buckets.take(&[of_job(rate(5, 1_000), 2)], START).unwrap_err();
        assert_eq!(over.problem, RateProblem::Now { left: 1, wait_ms: 200 });
        let over = buckets.take(&[of_job(rate(3, 1_000), 1)], START).unwrap_err();
        assert_eq!(over.problem.passing(), 0, "more than there may be at once is as much as that");
    }

    #[test]
    fn rates_that_cannot_be_meant_are_refused() {
        let read = |rate: Value| {
            let value = json!({ "rate-limit": rate });
            let table = Table::open_any(&value, "run").unwrap();
            RateLimit::read(&table).map_err(|error| error.to_string())
        };
        assert_eq!(read(json!({ "tasks": 600, "per": "1m" })), Ok(Some(rate(600, 60_000))));
        for (bad, expected) in [
            (json!({ "tasks": 0, "per": "1m" }), "`run.rate-limit.tasks`: found `0`, expected 1 to 1000000"),
            (
                json!({ "tasks": 1_000_001, "per": "1m" }),
                "`run.rate-limit.tasks`: found `1000001`, expected 1",
            ),
            (json!({ "tasks": 1, "per": "0s" }), "`run.rate-limit.per`: found `0s`, expected `1s` to `24h`"),
            (json!({ "tasks": 1, "per": "999ms" }), "`run.rate-limit.per`: found `999ms`, expected `1s`"),
            (
                json!({ "tasks": 1, "per": "25h" }),
                "`run.rate-limit.per`: found `25h`, expected `1s` to `24h`",
            ),
            (
                json!({ "tasks": 1, "per": "minute" }),
                "`run.rate-limit.per`: found `minute`, expected a duration",
            ),
            (json!({ "tasks": 1, "per": 60 }), "`run.rate-limit.per`: expected a string, found a number"),
            (
                json!({ "tasks": -1, "per": "1m" }),
                "`run.rate-limit.tasks`: expected a whole number from 0 up",
            ),
            (json!({ "per": "1m" }), "`run.rate-limit.tasks`: missing"),
            (json!({ "tasks": 1 }), "`run.rate-limit.per`: missing"),
            (
                json!({ "task": 1, "per": "1m" }),
                "`run.rate-limit.task`: unknown key, expected one of: tasks, per",
            ),
            (json!("600/m"), "`run.rate-limit`: expected a table, found a string"),
        ] {
            let said = read(bad.clone()).unwrap_err();
            assert!(said.starts_with(expected), "{bad}: {said}");
        }
    }

    fn rates() -> impl Strategy<Value = RateLimit> {
        (1..=50_u64, prop_oneof![Just(1_000), Just(60_000), 1_000..=100_000_u64])
            .prop_map(|(tasks, per_ms)| rate(tasks, per_ms))
    }

    proptest! {
        /// In no time do more pass than the rate names and that time adds; and whoever waits as long as is said, passes.
        #[test]
        fn a_rate_is_kept_and_its_wait_is_exact(
            limit in rates(),
            asked in prop::collection::vec((0..5_000_u64, 1..=12_u64), 1..80),
        ) {
            let (mut buckets, mut now) = (RateBuckets::default(), START);
            let mut passed: Vec<(Timestamp, u64)> = Vec::new();
            for (later_ms, tasks) in asked {
                now = now.after_ms(later_ms);
                let before = buckets.clone();
                let after_wait = |wait_ms| before.clone().take(&[of_job(limit, tasks)], now.after_ms(wait_ms));
                match buckets.take(&[of_job(limit, tasks)], now).map_err(|over| over.problem) {
                    Ok(()) => passed.push((now, tasks)),
                    Err(RateProblem::Ever { at_once }) => prop_assert!(tasks > at_once),
                    Err(RateProblem::Now { left, wait_ms }) => {
                        prop_assert!(left < tasks && wait_ms > 0);
                        prop_assert!(before.clone().take(&[of_job(limit, left)], now).is_ok());
                        prop_assert!(before.clone().take(&[of_job(limit, left + 1)], now).is_err());
                        prop_assert!(after_wait(wait_ms - 1).is_err());
                        prop_assert!(after_wait(wait_ms).is_ok());
                    }
                }
            }
            for (first, (from, _)) in passed.iter().enumerate() {
                let mut sum = 0;
                for (to, tasks) in &passed[first..] {
                    sum += tasks;
                    let may = limit.parts() + to.ms_since(*from) * limit.tasks;
                    prop_assert!(sum * limit.per_ms <= may, "{sum} between {from} and {to}");
                }
            }
        }

        /// What was refused, and what was given back, is as if it had never been asked for.
        #[test]
        fn nothing_is_lost_with_what_does_not_come_to_be(
            limits in (rates(), rates()),
            asked in prop::collection::vec((0..2_000_u64, 1..=60_u64, 1..=60_u64, any::<bool>()), 1..60),
        ) {
            let (mut buckets, mut without) = (RateBuckets::default(), RateBuckets::default());
            let mut now = START;
            for (later_ms, of_the_job, of_the_source, comes_to_be) in asked {
                now = now.after_ms(later_ms);
                let wanted = [of_job(limits.0, of_the_job), of_source(limits.1, of_the_source)];
                let taken = buckets.take(&wanted, now);
                if taken.is_ok() && !comes_to_be {
                    buckets.give_back(&wanted, now);
                } else if taken.is_ok() {
                    prop_assert!(without.take(&wanted, now).is_ok());
                } else {
                    prop_assert_eq!(without.clone().take(&wanted, now), taken);
                }
            }
        }

        #[test]
        fn a_clock_that_goes_back_fills_nothing(limit in rates(), back_ms in 0..100_000_u64) {
            let mut buckets = RateBuckets::default();
            let later = START.after_ms(back_ms);
            prop_assert!(buckets.take(&[of_job(limit, limit.at_once())], later).is_ok());
            prop_assert!(buckets.take(&[of_job(limit, 1)], START).is_err());
            prop_assert!(buckets.take(&[of_job(limit, 1)], later).is_err());
        }
    }
}
