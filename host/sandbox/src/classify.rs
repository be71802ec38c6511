//! What an error of the engine means for its attempt, in one place.

use crate::control::Stopped;
use mainworker_domain::limits::{Limit, Limits};
use mainworker_domain::outcome::{AttemptEnd, LimitBreach, Trap};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, WasmBacktrace};
use wasmtime_wasi::I32Exit;

/// Bytes of a function's name in a backtrace. Names come from the module; generic ones in Rust have some hundred.
const FRAME_NAME_BYTES_MAX: usize = 512;

/// Marks an error of the call itself, when the instance was there.
#[derive(Debug, thiserror::Error)]
#[error("the call of the job")]
pub(crate) struct InCall;

/// How an attempt ended whose call gave an error instead of an answer. The trap's log lines are added by the caller.
pub(crate) fn classify(error: &wasmtime::Error, limits: &Limits) -> AttemptEnd {
    if let Some(breach) = error.downcast_ref::<LimitBreach>() {
        return AttemptEnd::OverLimit(*breach);
    }
    if let Some(Stopped(reason)) = error.downcast_ref::<Stopped>() {
        return reason.end();
    }
    if let Some(breach) = engine_limit(error, limits) {
        return AttemptEnd::OverLimit(breach);
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(frames);
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        // WASI 0.2 carries no more of an exit code than this.
        let how = if *code == 0 { "a success" } else { "a failure" };
        let cause = format!("it ended its process as {how} instead of returning");
        return trapped(cause, backtrace);
    }
    if let Some(trap) = error.downcast_ref::<wasmtime::Trap>() {
        return trapped(trap.to_string(), backtrace);
    }
    match backtrace {
        // An error of a host call that the guest brought about: a handle that is not there, bytes that are no text.
        Some(frames) => trapped(error.root_cause().to_string(), Some(frames)),
        // Outside of its code a call fails only by what the guest handed over: an answer that is no text, no memory for
        // the payload.
        None if error.is::<InCall>() && !error.is::<PoolConcurrencyLimitError>() => {
            trapped(error.root_cause().to_string(), None)
        }
        None => AttemptEnd::HostError { message: format!("{error:#}") },
    }
}

fn trapped(cause: String, backtrace: Option<Vec<String>>) -> AttemptEnd {
    AttemptEnd::Trapped(Box::new(Trap { cause, backtrace: backtrace.unwrap_or_default(), ..Trap::default() }))
}

/// Limits that the engine keeps itself. It has no types for their errors, so their texts are compared; a probe for each
/// shows that they still say that.
fn engine_limit(error: &wasmtime::Error, limits: &Limits) -> Option<LimitBreach> {
    let next = |limit: Limit| {
        let allowed = limits.get(limit);
        Some(LimitBreach { limit, observed: allowed.saturating_add(1), allowed })
    };
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return next(Limit::ResourceHandles);
    }
    let cause = error.root_cause().to_string();
    if cause.contains("store handle limit exceeded") {
        return next(Limit::ResourceHandles);
    }
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        return next(Limit::HostCall);
    }
    if cause.contains("total size of fields exceeds limit") {
        return next(Limit::HttpHeaders);
    }
    if let Some(observed) = number_after(&cause, "instance count too high at ") {
        return Some(LimitBreach {
            limit: Limit::Instances,
            observed,
            allowed: limits.get(Limit::Instances),
        });
    }
    if cause.contains("exceeds limit")
        && let Some(observed) = number_after(&cause, "requested len ")
    {
        return Some(LimitBreach { limit: Limit::Random, observed, allowed: limits.get(Limit::Random) });
    }
    None
}

fn number_after(text: &str, before: &str) -> Option<u64> {
    let (_, rest) = text.split_once(before)?;
    let digits: &str = &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()];
    digits.parse().ok()
}

/// Function names, innermost first. A function without a name is known by its index.
fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => {
            let mut name = format!("{:#}", rustc_demangle::demangle(name));
            name.truncate(name.floor_char_boundary(FRAME_NAME_BYTES_MAX));
            name
        }
        None => format!("function {}", frame.func_index()),
    };
    backtrace.frames().iter().map(name).collect()
}
