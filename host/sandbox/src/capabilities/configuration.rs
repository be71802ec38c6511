//! Configuration: the keys that the manifest names, through `wasi:config/store`.
//!
//! Values were looked up at the door. A secret with `only-to` reaches the guest as a placeholder that differs per
//! attempt; the value itself stays in the host.

use super::OfState;
use super::random::{self, Seed};
use crate::bindings::wasi::config::store;
use crate::state::State;
use mainworker_domain::configuration::Granted;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use wasmtime::component::Linker;

/// What `wasi:config/store` answers in one attempt.
#[derive(Debug, Default)]
pub struct Configuration {
    values: BTreeMap<String, SecretString>,
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    store::add_to_linker::<State, OfState>(linker, |state| state)
}

/// The values as one attempt sees them. What `seed` gives makes this attempt's placeholders differ from all others.
pub fn build(granted: &Granted, seed: Seed) -> Configuration {
    let nonce = if granted.values().any(|granted| granted.placeholder) { random::nonce(seed) } else { 0 };
    let values = granted
        .iter()
        .enumerate()
        .map(|(index, (key, granted))| {
            let value = if granted.placeholder {
                SecretString::from(format!("mwsecret-{nonce:032x}-{index}"))
            } else {
                granted.value.clone()
            };
            (key.clone(), value)
        })
        .collect();
    Configuration { values }
}

impl store::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        let value = self.configuration.values.get(&key);
        Ok(Ok(value.map(|value| value.expose_secret().to_owned())))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        let values = &self.configuration.values;
        Ok(Ok(values.iter().map(|(key, value)| (key.clone(), value.expose_secret().to_owned())).collect()))
    }
}
