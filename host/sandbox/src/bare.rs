//! The yardstick for attempts: the least that a fresh instance and one call can cost.
//!
//! The same engine, the same component and the same linked interfaces as an attempt, in a plain loop: no limits, no
//! meter, no log, no deadline, no threads of their own. What attempts cost above this is what isolation costs.

use crate::bindings::exports::mainworker::job::handler;
use crate::control::Control;
use crate::module::Module;
use crate::state::State;
use mainworker_domain::limits::{Limit, Limits};
use std::sync::Arc;
use wasmtime::Store;

/// Makes an instance of `module`, calls it with `payload` and throws it away.
///
/// # Errors
/// A job that does not complete.
pub async fn attempt(module: &Module, payload: &str) -> wasmtime::Result<String> {
    call(&mut open_store(module), module, payload).await
}

/// An instance after its call, not thrown away: for weighing.
pub struct Held(#[expect(dead_code, reason = "held for its memory")] Store<State>);

/// Makes an instance, calls it and keeps it.
///
/// # Errors
/// A job that does not complete.
pub async fn hold(module: &Module, payload: &str) -> wasmtime::Result<Held> {
    let mut store = open_store(module);
    call(&mut store, module, payload).await?;
    Ok(Held(store))
}

fn open_store(module: &Module) -> Store<State> {
    // A log that keeps nothing.
    let limits = Limits::default().with(Limit::LogLines, 0);
    let state = State::with_nothing(&limits, Arc::new(Control::new(&limits)));
    let mut store = Store::new(module.pre.engine(), state);
    store.set_epoch_deadline(u64::MAX / 2);
    store
}

async fn call(store: &mut Store<State>, module: &Module, payload: &str) -> wasmtime::Result<String> {
    let instance = module.pre.instantiate_async(&mut *store).await?;
    let task = handler::Task {
        id: String::new(),
        job: String::new(),
        source: String::new(),
        attempt: 1,
        max_attempts: 1,
        tags: Vec::new(),
    };
    let answer = instance.mainworker_job_handler().call_run(store, &task, payload).await?;
    answer.map_err(|failure| wasmtime::format_err!("the job ended with {failure:?}"))
}
