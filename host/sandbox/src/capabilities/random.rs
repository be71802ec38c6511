//! Randomness, as a guest sees it: `wasi:random` behind one seam, so that a test or a replay can supply it.

use crate::state::State;
use mainworker_domain::limits::{Limit, Limits};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtxBuilder, WasiView};

/// Where a guest's randomness comes from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Seed {
    /// The operating system: cryptographically secure.
    #[default]
    System,
    /// These bytes, the same sequence each time: for tests and replays.
    Fixed([u8; 32]),
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    random::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    insecure::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    insecure_seed::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())
}

/// Gives randomness to one attempt. What WASI has by default is drawn from the system.
pub(crate) fn build(wasi: &mut WasiCtxBuilder, seed: Seed, limits: &Limits) {
    wasi.max_random_size(limits.get(Limit::Random));
    if let Seed::Fixed(bytes) = seed {
        let mut generator = StdRng::from_seed(bytes);
        wasi.insecure_random(StdRng::from_rng(&mut generator));
        wasi.insecure_random_seed(wide(&mut generator));
        wasi.secure_random(generator);
    }
}

/// A number that no other attempt has, for placeholders.
pub(crate) fn nonce(seed: Seed) -> u128 {
    match seed {
        Seed::System => wide(&mut rand::make_rng::<StdRng>()),
        Seed::Fixed(bytes) => wide(&mut StdRng::from_seed(bytes)),
    }
}

fn wide(generator: &mut StdRng) -> u128 {
    (u128::from(generator.next_u64()) << 64) | u128::from(generator.next_u64())
}
