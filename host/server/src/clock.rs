//! The host's clock: the only place where a running host looks at the machine's, and one clock for all of it. Stamps, what is
//! due, what has expired, tokens, events and the guests' own clock agree because they come from here.
//!
//! Not from here, since the machine's time is meant: validity of TLS certificates, times of files, the stamp with which a
//! webhook's receiver tells old posts from new ones, and waits, which have no date. Task ids have a time in them that nobody
//! reads.

use mainworker_domain::lifecycle::Timestamp;
use mainworker_queue::dispatch;
use mainworker_sandbox::capabilities::clock as guest;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What a host is there for. Only a host that nobody relies on may have another time than its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// For whoever sends it tasks.
    #[default]
    Service,
    /// For trying things out: `--dev`.
    Development {
        /// What its wall clock shows when it begins, if not the machine's time: `--clock`.
        clock: Option<Timestamp>,
    },
}

/// What time it is on this host.
#[derive(Clone, Copy, Debug)]
pub struct HostClock {
    mode: Mode,
    began: Instant,
    /// The machine's time at `began`. Leases count from there, whatever the wall says.
    machine_began_at: Timestamp,
}

impl HostClock {
    /// The machine's own wall clock, which people and time servers may set at any time; or, where the mode says so, one that
    /// begins now at another time and goes on evenly from there.
    pub fn of(mode: Mode) -> Self {
        Self { mode, began: Instant::now(), machine_began_at: Timestamp::from(SystemTime::now()) }
    }

    /// What the host is there for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ms(i64::try_from(self.wall().as_millis()).unwrap_or(i64::MAX))
    }

    /// Since 1970-01-01 UTC. A machine whose clock stands before that has 1970.
    fn wall(&self) -> Duration {
        match self.mode {
            Mode::Development { clock: Some(began_at) } => {
                Duration::from_millis(began_at.ms_since(Timestamp::MIN)) + self.began.elapsed()
            }
            Mode::Service | Mode::Development { clock: None } => {
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
            }
        }
    }
}

impl dispatch::Clock for HostClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn steady(&self) -> Timestamp {
        self.machine_began_at.after_ms(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// The host's clock as one attempt sees it. How long the host has been up is not for guests, so monotonic time begins with
/// the attempt.
#[derive(Debug)]
struct GuestClock {
    host: Arc<HostClock>,
    began: Instant,
}

/// The clock of an attempt that begins now.
pub fn of_attempt(host: &Arc<HostClock>) -> Arc<dyn guest::Clock> {
    Arc::new(GuestClock { host: Arc::clone(host), began: Instant::now() })
}

impl guest::Clock for GuestClock {
    fn wall(&self) -> Duration {
        self.host.wall()
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainworker_queue::dispatch::Clock as _;

    #[test]
    fn a_clock_that_was_set_begins_there_and_goes_on_evenly() {
        let moment = Timestamp::parse("2031-03-30T00:59:30Z").unwrap();
        let before = Instant::now();
        let clock = Arc::new(HostClock::of(Mode::Development { clock: Some(moment) }));
        let guest = of_attempt(&clock);
        for _ in 0..3 {
            let (now, wall, steady) = (HostClock::now(&clock), guest.wall(), clock.steady());
            let passed_ms = u64::try_from(before.elapsed().as_millis()).unwrap() + 1;
            assert!(now.ms_since(moment) <= passed_ms && now >= moment, "{now}");
            assert!(wall.as_millis() >= u128::from(now.ms_since(Timestamp::MIN)));
            // Leases do not follow it.
            assert!(steady < moment || Timestamp::from(SystemTime::now()) >= moment);
        }
    }

    #[test]
    fn by_itself_it_is_the_machine_s() {
        for mode in [Mode::Service, Mode::Development { clock: None }] {
            let clock = HostClock::of(mode);
            let (before, now) = (Timestamp::from(SystemTime::now()), clock.now());
            assert!(now.ms_since(before) < 60_000 && before.ms_since(now) < 60_000);
        }
    }
}
