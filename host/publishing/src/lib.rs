//! What is published: modules in registries and directories, what is signed about them, and who is trusted to sign.
//!
//! A **publication** is content with digests: the module, its OCI manifest, and signed statements about both. The same
//! bytes stand in a registry and in a directory ([`repository`]), so a release has one digest everywhere. Nothing that
//! comes from there is believed before its signature and its digests were checked.
//!
//! The way out: [`publication::Unsigned`] → [`publication::Publication`] → [`publication::publish`]. The way in:
//! [`publication::pull`] → [`trust::Verified`] → [`trust::Release`]; each step takes only what the one before gave.
//!
//! This crate runs no module, knows no queue and no settings file, and asks nobody for the time of day.

#![forbid(unsafe_code)]

pub mod bundle;
pub mod dsse;
pub mod key;
pub mod layout;
pub mod place;
pub mod publication;
pub mod registry;
pub mod repository;
pub mod statement;
pub mod trust;

mod codes;
