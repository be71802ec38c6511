//! Asking a component for its schemas, once, when a module is built.
//!
//! The one place where guest code runs outside an attempt: in a sandbox that is given nothing, with the default limits and
//! a short wall time.

use crate::bindings::JobPre;
use crate::control::Control;
use crate::module::Sandbox;
use crate::state::State;
use mainworker_domain::limits::Limits;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use wasmtime::component::Component;
use wasmtime::{Store, UpdateDeadline};

/// The export that answers.
const SCHEMA: &str = "mainworker:job/schema@0.1.0";

/// What a schema may take to be made. It is a constant text in most jobs.
const WALL: Duration = Duration::from_secs(10);

/// The schemas of a component; none where it does not export any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schemas {
    /// Of the payload.
    pub payload: Option<Value>,
    /// Of the result.
    pub result: Option<Value>,
}

/// Why a component's schemas could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SchemaProbeError {
    /// It does not compile, link or answer.
    #[error("the component was asked for its schemas and did not answer: {0}")]
    NoAnswer(String),
    /// The answer is not JSON.
    #[error("the component's {which} schema is not JSON: {problem}")]
    NotJson {
        /// `payload` or `result`.
        which: &'static str,
        /// What the JSON reader found.
        problem: String,
    },
}

impl Sandbox {
    /// Asks `component`, which has no manifest yet, for its schemas. Must be called on a Tokio runtime with timers.
    ///
    /// # Errors
    /// A component that cannot answer, or whose answer is not JSON.
    pub async fn schemas(&self, component: &[u8]) -> Result<Schemas, SchemaProbeError> {
        let too_long = || SchemaProbeError::NoAnswer(format!("it took longer than {} s", WALL.as_secs()));
        let component =
            self.compile(component).map_err(|error| SchemaProbeError::NoAnswer(format!("{error:#}")))?;
        // The epoch stops a guest that computes; one that is parked in a host call is left there.
        timeout(WALL, self.ask(component)).await.unwrap_or_else(|_| Err(too_long()))
    }

    async fn ask(&self, component: Component) -> Result<Schemas, SchemaProbeError> {
        let no_answer = |error: wasmtime::Error| SchemaProbeError::NoAnswer(format!("{error:#}"));
        let Some((_, schema)) = component.get_export(None, SCHEMA) else { return Ok(Schemas::default()) };
        let pre = self.linker.instantiate_pre(&component).and_then(JobPre::new).map_err(no_answer)?;
        let mut store = empty_store(pre.engine());
        let instance = pre.instance_pre().instantiate_async(&mut store).await.map_err(no_answer)?;
        let mut answers = Vec::new();
        for which in ["payload", "result"] {
            let function = instance
                .get_export_index(&mut store, Some(&schema), which)
                .ok_or_else(|| SchemaProbeError::NoAnswer(format!("it has no function `{which}`")))?;
            let function =
                instance.get_typed_func::<(), (String,)>(&mut store, function).map_err(no_answer)?;
            let (text,) = function.call_async(&mut store, ()).await.map_err(no_answer)?;
            let value: Value = serde_json::from_str(&text)
                .map_err(|error| SchemaProbeError::NotJson { which, problem: error.to_string() })?;
            answers.push(value);
        }
        let result = answers.pop();
        Ok(Schemas { payload: answers.pop(), result })
    }
}

fn empty_store(engine: &wasmtime::Engine) -> Store<State> {
    let limits = Limits::default();
    let control = Arc::new(Control::new(&limits));
    let state = State::with_nothing(&limits, Arc::clone(&control));
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if control.started.elapsed() > WALL {
            wasmtime::bail!("it took longer than {} s", WALL.as_secs());
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}
