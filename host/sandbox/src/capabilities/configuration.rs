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

/// What the guest holds instead of a secret, and the secret.
#[derive(Debug)]
pub(crate) struct Placeholder {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) value: SecretString,
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    store::add_to_linker::<State, OfState>(linker, |state| state)
}

/// The values as one attempt sees them, and what stands behind its placeholders. What `seed` gives makes these
/// placeholders differ from those of all other attempts.
pub(crate) fn build(granted: &Granted, seed: Seed) -> (Configuration, Vec<Placeholder>) {
    let nonce = if granted.values().any(|granted| granted.placeholder) { random::nonce(seed) } else { 0 };
    let mut placeholders = Vec::new();
    let values = granted
        .iter()
        .enumerate()
        .map(|(index, (key, granted))| {
            let value = if granted.placeholder {
                // Of one width: a digit behind it must not make it another one.
                let text = format!("mwsecret-{nonce:032x}-{index:03}");
                let (key, value) = (key.clone(), granted.value.clone());
                placeholders.push(Placeholder { key, text: text.clone(), value });
                SecretString::from(text)
            } else {
                granted.value.clone()
            };
            (key.clone(), value)
        })
        .collect();
    (Configuration { values }, placeholders)
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
