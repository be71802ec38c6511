//! Where the host's chance comes from: leases and the spread of waits.

use mainworker_queue::dispatch::Random;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Numbers that nobody can foresee, seeded by the system once.
pub struct SystemRandom(Mutex<StdRng>);

impl SystemRandom {
    /// Seeds it.
    ///
    /// # Errors
    /// A system that has no random bytes.
    pub fn start() -> io::Result<Self> {
        let mut seed = <StdRng as SeedableRng>::Seed::default();
        SysRng.try_fill_bytes(&mut seed).map_err(io::Error::other)?;
        Ok(Self(Mutex::new(StdRng::from_seed(seed))))
    }
}

impl Random for SystemRandom {
    fn bits(&self) -> u64 {
        // A panic in between leaves numbers as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}

impl fmt::Debug for SystemRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemRandom").finish_non_exhaustive()
    }
}
