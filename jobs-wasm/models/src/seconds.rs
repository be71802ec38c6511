//! Time that viewers were connected.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLIS_PER_SECOND: u64 = 1_000;

/// A number of seconds, exact to the millisecond.
///
/// In JSON a whole number of seconds is an integer (`90`), any other has up to three decimals (`90.25`). Kept as
/// milliseconds, because a sum of many floating-point numbers would depend on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(transparent)]
pub struct Seconds(#[schemars(with = "f64", range(min = 0.0))] u64);

impl Seconds {
    /// So many thousandths of a second.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// The same time in thousandths of a second.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Both together; at the largest value it stays there.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(MILLIS_PER_SECOND) {
            serializer.serialize_u64(self.0 / MILLIS_PER_SECOND)
        } else {
            #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years of milliseconds")]
            serializer.serialize_f64(self.0 as f64 / MILLIS_PER_SECOND as f64)
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of seconds, 0 or more")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
        seconds
            .checked_mul(MILLIS_PER_SECOND)
            .map(Seconds)
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(seconds), &self))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
        #[expect(clippy::cast_precision_loss, reason = "a bound, not a count")]
        let milliseconds = (seconds * MILLIS_PER_SECOND as f64).round();
        if !(0.0..1.8e19).contains(&milliseconds) {
            return Err(E::invalid_value(Unexpected::Float(seconds), &self));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(Seconds(milliseconds as u64))
    }
}
