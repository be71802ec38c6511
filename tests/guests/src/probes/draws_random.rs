//! Asks for many random bytes in one call. Must end as over-limit before the host has made them; within the limit the
//! report says how many came.

use crate::asked::Asked;
use bindings::wasi::random::random::get_random_bytes;
use mainworker::Failure;
use serde_json::{Value, json};

pub(super) fn run(asked: &Asked) -> Result<Value, Failure> {
    let bytes = get_random_bytes(asked.number("bytes"));
    Ok(json!({ "bytes": bytes.len() }))
}

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package guests:probes;
            world draws-random { import wasi:random/random@0.2.0; }
            package wasi:random@0.2.0 {
                interface random {
                    get-random-bytes: func(len: u64) -> list<u8>;
                    get-random-u64: func() -> u64;
                }
            }
        ",
        generate_all,
    });
}
