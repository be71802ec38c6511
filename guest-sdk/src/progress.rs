//! How far an attempt has come, for whoever watches it.

use crate::imports;

/// Says that `percent` of the work is done (0 to 100; more counts as 100), with a few words on what is being done.
///
/// Cheap to call often: beyond ten calls a second the host shows only the newest.
///
/// ```
/// use mainworker::{progress, testing};
///
/// let host = testing::Host::new();
/// host.run(|| progress::report(40, format!("read {} of {} files", 4, 10)));
/// assert_eq!(host.progress()[0].percent, 40);
/// ```
pub fn report(percent: u8, message: impl AsRef<str>) {
    imports::progress(percent.min(100), message.as_ref());
}
