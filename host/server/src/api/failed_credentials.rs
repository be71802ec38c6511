//! Credentials that were shown and are not good: counted for each address and over all, so that nobody can try many of them,
//! or fill the host's log by trying.
//!
//! Only failures count, and a good credential is never held up by those of others: who sits behind one proxy has one address.
//! Memory is the same however many addresses there are: each falls into one of a fixed number of places, by a hash that
//! nobody outside can foresee, and shares it with some others.

use super::limits::{
    CREDENTIAL_PLACES, CREDENTIALS_FAILED_MAX, CREDENTIALS_FAILED_OVER_ALL_MAX,
    CREDENTIALS_OVER_ALL_PAUSE_MS, CREDENTIALS_PAUSE_MS,
};
use super::listener::Peer;
use mainworker_domain::lifecycle::Timestamp;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Bits of an IPv6 address that one holder has for sure; the rest it can choose.
const HOLDER_BITS: u32 = 64;

/// More failures than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    /// Milliseconds until one more would be looked at.
    pub(super) wait_ms: u64,
}

/// How many failures there were.
pub(super) struct FailedCredentials<S = RandomState> {
    hasher: S,
    counted: Mutex<Counted>,
}

struct Counted {
    places: Box<[Bucket]>,
    over_all: Bucket,
}

/// A token bucket, as the moment at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_at_ms: u64,
}

impl Bucket {
    /// How long to wait for a token; none if there is one.
    fn wait_ms(self, now_ms: u64, tokens_max: u64, pause_ms: u64) -> Option<u64> {
        let missing_ms = self.full_at_ms.saturating_sub(now_ms);
        let room_ms = tokens_max.saturating_sub(1).saturating_mul(pause_ms);
        missing_ms.checked_sub(room_ms).filter(|&wait_ms| wait_ms > 0)
    }

    fn take(&mut self, now_ms: u64, pause_ms: u64) {
        self.full_at_ms = self.full_at_ms.max(now_ms).saturating_add(pause_ms);
    }
}

impl FailedCredentials {
    /// Nobody has failed yet.
    pub(super) fn new() -> Self {
        Self::with(RandomState::new())
    }
}

impl<S: BuildHasher> FailedCredentials<S> {
    fn with(hasher: S) -> Self {
        let places = vec![Bucket::default(); CREDENTIAL_PLACES].into_boxed_slice();
        Self { hasher, counted: Mutex::new(Counted { places, over_all: Bucket::default() }) }
    }

    /// Counts a failure at `now`, by a clock that never goes back.
    ///
    /// # Errors
    /// There were too many already; this one does not count.
    pub(super) fn count(&self, peer: Peer, now: Timestamp) -> Result<(), TooMany> {
        let now_ms = now.ms_since(Timestamp::MIN);
        let place = self.hasher.hash_one(holder(peer)) % CREDENTIAL_PLACES as u64;
        // Whole numbers, whatever happened in between.
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { places, over_all } = &mut *counted;
        let Some(place) = usize::try_from(place).ok().and_then(|place| places.get_mut(place)) else {
            return Ok(());
        };
        let wait_ms = place
            .wait_ms(now_ms, CREDENTIALS_FAILED_MAX, CREDENTIALS_PAUSE_MS)
            .max(over_all.wait_ms(now_ms, CREDENTIALS_FAILED_OVER_ALL_MAX, CREDENTIALS_OVER_ALL_PAUSE_MS));
        if let Some(wait_ms) = wait_ms {
            return Err(TooMany { wait_ms });
        }
        place.take(now_ms, CREDENTIALS_PAUSE_MS);
        over_all.take(now_ms, CREDENTIALS_OVER_ALL_PAUSE_MS);
        Ok(())
    }
}

/// Whose failures are counted together; none for whoever comes over the socket.
fn holder(peer: Peer) -> Option<IpAddr> {
    match peer {
        Peer::Socket => None,
        Peer::Address(address) => Some(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let mask = u128::MAX << (Ipv6Addr::BITS - HOLDER_BITS);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        }),
    }
}

impl<S> fmt::Debug for FailedCredentials<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedCredentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasherDefault, DefaultHasher};

    type Known = BuildHasherDefault<DefaultHasher>;

    fn at(ms: u64) -> Timestamp {
        Timestamp::MIN.after_ms(1_000_000 + ms)
    }

    fn peer(text: &str) -> Peer {
        Peer::Address(text.parse().unwrap())
    }

    #[test]
    fn one_address_fails_so_often_and_then_once_in_a_while() {
        let failed = FailedCredentials::with(Known::default());
        let one = peer("192.0.2.1");
        for _ in 0..CREDENTIALS_FAILED_MAX {
            assert_eq!(failed.count(one, at(0)), Ok(()));
        }
        assert_eq!(failed.count(one, at(0)), Err(TooMany { wait_ms: CREDENTIALS_PAUSE_MS }));
        assert_eq!(failed.count(one, at(1)), Err(TooMany { wait_ms: CREDENTIALS_PAUSE_MS - 1 }));
        assert_eq!(failed.count(peer("192.0.2.2"), at(1)), Ok(()), "another address is another matter");
        assert_eq!(failed.count(Peer::Socket, at(1)), Ok(()));
        assert_eq!(failed.count(one, at(CREDENTIALS_PAUSE_MS)), Ok(()));
        assert!(failed.count(one, at(CREDENTIALS_PAUSE_MS)).is_err());
        // After a rest it has all of them again, and no more.
        let rested = 2 * CREDENTIALS_FAILED_MAX * CREDENTIALS_PAUSE_MS;
        let taken = (0..2 * CREDENTIALS_FAILED_MAX).filter(|_| failed.count(one, at(rested)).is_ok());
        assert_eq!(taken.count() as u64, CREDENTIALS_FAILED_MAX);
    }

    #[test]
    fn the_addresses_of_one_holder_are_one() {
        for (one, other, same) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(holder(peer(one)) == holder(peer(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn all_of_them_together_have_a_bound_and_one_size() {
        let failed = FailedCredentials::with(Known::default());
        let everybody = (0..20_000_u32).map(|number| Peer::Address(IpAddr::V4(number.into())));
        let taken = everybody.filter(|peer| failed.count(*peer, at(0)).is_ok()).count() as u64;
        assert_eq!(taken, CREDENTIALS_FAILED_OVER_ALL_MAX);
        assert_eq!(failed.counted.lock().unwrap().places.len(), CREDENTIAL_PLACES);
        let later = at(CREDENTIALS_OVER_ALL_PAUSE_MS);
        assert_eq!(failed.count(peer("198.51.100.1"), later), Ok(()));
        assert!(failed.count(peer("198.51.100.2"), later).is_err());
    }
}
