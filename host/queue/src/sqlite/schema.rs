//! The schema, in steps that only go forward. A step that was released is never edited; the next is a file beside it.

/// The steps, in order. The number of a step, from 1, is `user_version` after it.
pub(super) const STEPS: [&str; 3] =
    [include_str!("schema/0001.sql"), include_str!("schema/0002.sql"), include_str!("schema/0003.sql")];

/// Says whose file it is: `MWRK`, in the field that SQLite has for it.
pub(super) const APPLICATION_ID: u32 = 0x4D57_524B;

/// What `user_version` is when all steps were made.
pub(super) fn version() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}
