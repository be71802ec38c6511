//! Which runs of a schedule are to be brought about now.

use super::{Definition, Missed, Occurrences, When};
use crate::lifecycle::Timestamp;
use crate::limits::{DROPPED_COUNT_MAX, MISSED_AFTER_MS, OCCURRENCES_AT_ONCE_MAX};

/// What is kept of a schedule between two looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Since when it is defined as it is.
    pub created_at: Timestamp,
    /// Up to which moment, that one included, its runs were decided about. At first the time of its creation.
    pub evaluated_to: Timestamp,
    /// Runs that became tasks.
    pub runs: u64,
}

/// Why a schedule has no further run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has run as often as `runTimes` says.
    RunTimes,
    /// None is left before `endAt`.
    EndAt,
    /// It was to run once.
    Once,
}

impl Ended {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunTimes => "run-times",
            Self::EndAt => "end-at",
            Self::Once => "once",
        }
    }
}

/// Runs that fell due and are not brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// Whether there are more than were counted.
    pub at_least: bool,
    /// The first of them.
    pub oldest: Option<Timestamp>,
    /// The last of them.
    pub newest: Option<Timestamp>,
}

/// What one look at a schedule brings about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a plan that nobody writes down is made again"]
pub struct Plan {
    /// The moments for which it runs, in order; at most [`OCCURRENCES_AT_ONCE_MAX`].
    pub run: Vec<Timestamp>,
    /// What is not run.
    pub dropped: Dropped,
    /// What [`Standing::evaluated_to`] becomes.
    pub evaluated_to: Timestamp,
    /// When to look again; none if it ended.
    pub next_at: Option<Timestamp>,
    /// Whether and why there is no further run.
    pub ended: Option<Ended>,
}

/// Decides about all runs that fell due since the last look.
///
/// One that is at most [`MISSED_AFTER_MS`] late is on time; others were missed, and the schedule says what becomes of them.
/// Whatever it says, a run that would be past its `expiresAfterMs` is dropped rather than enqueued to expire.
///
/// **The clock went back** if `now` is before [`Standing::evaluated_to`]. Nothing runs then and the schedule stands at
/// `now`: what a clock that was ahead skipped runs at its real time. What it already ran comes up again too; the store has
/// one row for each schedule and moment, by which it knows.
pub fn plan(definition: &Definition, standing: &Standing, now: Timestamp) -> Plan {
    let occurrences = definition.occurrences(standing.created_at);
    let left = definition.runs_max.map_or(u64::MAX, |runs_max| runs_max.saturating_sub(standing.runs));
    let (run, dropped) = if left == 0 || now < standing.evaluated_to {
        (Vec::new(), Dropped::default())
    } else {
        due(definition, &occurrences, standing.evaluated_to, now, left)
    };
    let used_up = run.len() as u64 >= left;
    let next_at = if used_up { None } else { occurrences.next_after(now) };
    let ended = match (used_up, next_at, &definition.when) {
        (true, _, _) => Some(Ended::RunTimes),
        (false, Some(_), _) => None,
        (false, None, When::Once { .. }) => Some(Ended::Once),
        (false, None, _) => Some(Ended::EndAt),
    };
    Plan { run, dropped, evaluated_to: now, next_at, ended }
}

/// What runs of all that is in `(from, now]`, and what does not. The dropped ones are always the older ones.
fn due(
    definition: &Definition,
    occurrences: &Occurrences<'_>,
    from: Timestamp,
    now: Timestamp,
    left: u64,
) -> (Vec<Timestamp>, Dropped) {
    let Some(oldest) = occurrences.next_after(from).filter(|oldest| *oldest <= now) else {
        return (Vec::new(), Dropped::default());
    };
    let newest = occurrences.last_between(from, now).unwrap_or(oldest);
    let any_missed = now.ms_since(oldest) > MISSED_AFTER_MS;
    let late_ms_max = match definition.missed {
        _ if !any_missed => u64::MAX,
        Missed::Skip => MISSED_AFTER_MS,
        Missed::Once => now.ms_since(newest),
        Missed::All { window_ms } => window_ms,
    };
    // At its expiry a task no longer begins.
    let late_ms_max = match definition.options.expires_after_ms() {
        Some(expires_after_ms) => late_ms_max.min(expires_after_ms.saturating_sub(1)),
        None => late_ms_max,
    };
    let runs_from = from.max(before(now, late_ms_max.saturating_add(1)));
    let run = newest_or_first(occurrences, runs_from, now, left);
    let dropped_to = match run.first() {
        Some(first) => before(*first, 1),
        None => now,
    };
    (run, dropped(occurrences, from, dropped_to))
}

/// The first `left` of those in `(from, now]` if they are few; otherwise as many of the newest as may run at once.
fn newest_or_first(
    occurrences: &Occurrences<'_>,
    from: Timestamp,
    now: Timestamp,
    left: u64,
) -> Vec<Timestamp> {
    let at_once = OCCURRENCES_AT_ONCE_MAX;
    if let Ok(left) = usize::try_from(left)
        && left <= at_once
    {
        return occurrences.between(from, now).take(left).collect();
    }
    let take = |from| occurrences.between(from, now).take(at_once + 1).collect::<Vec<_>>();
    let all = take(from);
    if all.len() <= at_once {
        return all;
    }
    // After `many` there are too many, after `few` too few; a millisecond holds one at most, so in between there is one
    // after which there are as many as may run.
    let (mut many, mut few) = (from, now);
    loop {
        let middle = many.after_ms(few.ms_since(many) / 2);
        let run = take(middle);
        if run.len() == at_once || middle == many {
            return run.into_iter().take(at_once).collect();
        }
        if run.len() > at_once { many = middle } else { few = middle }
    }
}

fn dropped(occurrences: &Occurrences<'_>, from: Timestamp, to: Timestamp) -> Dropped {
    let bound = usize::try_from(DROPPED_COUNT_MAX).unwrap_or(usize::MAX);
    let count = occurrences.between(from, to).take(bound.saturating_add(1)).count() as u64;
    Dropped {
        count: count.min(DROPPED_COUNT_MAX),
        at_least: count > DROPPED_COUNT_MAX,
        oldest: occurrences.next_after(from).filter(|oldest| *oldest <= to),
        newest: occurrences.last_between(from, to),
    }
}

/// The moment so many milliseconds earlier, or the first there is.
fn before(moment: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_ms(moment.as_ms().saturating_sub_unsigned(ms))
}
