//! The moments at which a definition runs.

use super::{Cron, Definition, When};
use crate::lifecycle::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// The moments at which a definition that exists since a certain time runs, before any jitter.
///
/// Each is at or after `startAt` and before `endAt`: the end itself is no longer in it.
#[derive(Clone, Copy, Debug)]
pub struct Occurrences<'a> {
    definition: &'a Definition,
    created_at: Timestamp,
}

impl<'a> Occurrences<'a> {
    pub(super) fn new(definition: &'a Definition, created_at: Timestamp) -> Self {
        Self { definition, created_at }
    }

    /// The first after `after`, if there is one.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let start_ms = self.definition.start_at.map_or(i64::MIN, |start_at| start_at.as_ms() - 1);
        let after_ms = after.as_ms().max(start_ms);
        let next_ms = match &self.definition.when {
            When::Once { at } => (at.as_ms() > after_ms).then_some(at.as_ms()),
            When::Every { every_ms } => self.next_of_interval(*every_ms, after_ms),
            When::Cron { cron, time_zone } => {
                next_in_zone(cron, time_zone, after_ms.div_euclid(1_000)).map(|second| second * 1_000)
            }
        }?;
        let end_ms = self.definition.end_at.map_or(i64::MAX, Timestamp::as_ms);
        (next_ms < end_ms && next_ms <= Timestamp::MAX.as_ms()).then(|| Timestamp::from_ms(next_ms))
    }

    /// Those after the one moment up to and including the other, in order.
    pub fn between(
        self,
        from_exclusive: Timestamp,
        to_inclusive: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + 'a {
        let next = move |after: Timestamp| self.next_after(after).filter(|next| *next <= to_inclusive);
        std::iter::successors(next(from_exclusive), move |last| next(*last))
    }

    /// The last after the one moment up to and including the other. Found by halving, so it costs the same for a minute and
    /// for ten years.
    pub fn last_between(&self, from_exclusive: Timestamp, to_inclusive: Timestamp) -> Option<Timestamp> {
        let next = |after| self.next_after(after).filter(|next| *next <= to_inclusive);
        let mut last = next(from_exclusive)?;
        let mut none_after = to_inclusive;
        loop {
            let middle = last.after_ms(none_after.ms_since(last) / 2);
            match next(middle) {
                Some(later) => last = later,
                None if middle == last => return Some(last),
                None => none_after = middle,
            }
        }
    }

    /// The k-th is the anchor and k intervals. The anchor itself is one if somebody chose it.
    fn next_of_interval(&self, every_ms: u64, after_ms: i64) -> Option<i64> {
        let (anchor, first) = match self.definition.start_at {
            Some(start_at) => (start_at.as_ms(), 0),
            None => (self.created_at.as_ms(), 1),
        };
        let every_ms = i64::try_from(every_ms).ok().filter(|every_ms| *every_ms > 0)?;
        let k = ((after_ms - anchor).div_euclid(every_ms) + 1).max(first);
        anchor.checked_add(k.checked_mul(every_ms)?)
    }
}

/// The civil time at a second under a constant offset, and back: seconds of the civil clock since its 1970-01-01.
fn civil(second: i64) -> Option<jiff::civil::DateTime> {
    Some(Offset::UTC.to_datetime(jiff::Timestamp::from_second(second).ok()?))
}

fn civil_second(civil: jiff::civil::DateTime) -> Option<i64> {
    Some(Offset::UTC.to_timestamp(civil).ok()?.as_second())
}

/// The first second after `after` at which `cron` runs in `zone`.
///
/// Goes from one change of the zone's clock to the next: between two of them civil time is the moment and a constant, so
/// all that can be wrong about a change is decided at it, and only there.
fn next_in_zone(cron: &Cron, zone: &TimeZone, after: i64) -> Option<i64> {
    let mut from = after.checked_add(1)?;
    loop {
        let at = jiff::Timestamp::from_second(from).ok()?;
        let offset = i64::from(zone.to_offset(at).seconds());
        let end = zone.following(at).next().map(|change| change.timestamp().as_second());
        let mut civil_from = from + offset;
        if cron.has_fixed_times()
            && let Some((changed, offset_before)) = change_before(zone, from)
        {
            let (entered, left) = (changed + offset, changed + offset_before);
            if from == changed && left < entered && meant(cron, left)? < entered {
                // The clock went forward over a time that is meant: it runs now.
                return Some(changed);
            }
            // The clock went back: what lies before the time at which it did has had its run.
            civil_from = civil_from.max(left);
        }
        let second = meant(cron, civil_from)? - offset;
        match end {
            Some(end) if second >= end => from = end,
            _ => return Some(second),
        }
    }
}

/// The first civil second that is meant, at or after one. None if there is never one again.
fn meant(cron: &Cron, from: i64) -> Option<i64> {
    civil_second(cron.at_or_after(civil(from)?)?)
}

/// The last change of the clock at or before a second, and the offset before it.
fn change_before(zone: &TimeZone, second: i64) -> Option<(i64, i64)> {
    let next = jiff::Timestamp::from_second(second.checked_add(1)?).ok()?;
    let changed = zone.preceding(next).next()?.timestamp().as_second();
    let before = jiff::Timestamp::from_second(changed - 1).ok()?;
    Some((changed, i64::from(zone.to_offset(before).seconds())))
}
