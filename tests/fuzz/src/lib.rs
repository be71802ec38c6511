//! Fuzz targets for the parsers that read what strangers send.
//!
//! A target is a function over bytes. On stable it is replayed over kept inputs ([`replay`]): that is what the gate
//! does, and what AFL-style tools can drive. Under cargo-fuzz (`cfg(fuzzing)`) libFuzzer calls it.
//!
//! Seeds are in `corpus/TARGET`. One named `good-…` has to be accepted, one named `bad-…` refused; names of other
//! shapes, such as those that fuzzers give, promise nothing.

pub mod replay;
