//! The job as a whole, natively, over recordings made for each test.
//!
//! `joining`: what is archived · `again`: a second run, and what a killed one left · `live`: recordings that are not over ·
//! `refused`: playlists that can never be archived · `hostile`: playlists that want to read elsewhere · `many`: the most
//! segments there may be · `any_bytes`: nothing makes the parser panic · `encoder`: segments of a real encoder.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

mod again;
mod any_bytes;
mod encoder;
mod hostile;
mod joining;
mod live;
mod many;
mod recordings;
mod refused;
