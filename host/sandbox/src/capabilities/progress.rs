//! Progress: how far an attempt has come, masked and throttled.
//!
//! A report is shown at once if the last one shown is long enough ago; otherwise it waits, and the next one replaces it.
//! The newest is always shown when the attempt ends.

use super::OfState;
use super::log::cut;
use super::masking::Masker;
use crate::bindings::mainworker::job::progress;
use crate::listener::Listener;
use crate::state::State;
use mainworker_domain::event::{Progress as Report, Said};
use mainworker_domain::limits::{Limit, Limits, TEXT_BYTES_MAX};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::Linker;

/// The progress of one attempt.
#[derive(Debug)]
pub struct Progress {
    masker: Arc<Masker>,
    listener: Option<Arc<dyn Listener>>,
    interval: Duration,
    shown: Option<Instant>,
    waiting: Option<Report>,
}

pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    progress::add_to_linker::<State, OfState>(linker, |state| state)
}

/// The progress of an attempt that has not begun.
pub(crate) fn build(masker: Arc<Masker>, limits: &Limits, listener: Option<Arc<dyn Listener>>) -> Progress {
    let per_second = limits.get(Limit::Progress).max(1);
    let interval = Duration::from_micros(1_000_000 / per_second);
    Progress { masker, listener, interval, shown: None, waiting: None }
}

impl Progress {
    fn report(&mut self, percent: u8, message: &str, now: Instant) {
        // Masking a flood of texts that nobody will see is work for nothing, so only what is shown is masked. Until then
        // there is enough of it that a secret which begins within the part that is shown is there whole.
        let kept = message.floor_char_boundary(TEXT_BYTES_MAX + self.masker.longest_bytes() + 1);
        self.waiting = Some(Report { percent: percent.min(100), message: message[..kept].to_owned() });
        if self.shown.is_none_or(|shown| now.duration_since(shown) >= self.interval) {
            self.shown = Some(now);
            self.show();
        }
    }

    fn show(&mut self) {
        let (Some(mut progress), Some(listener)) = (self.waiting.take(), &self.listener) else { return };
        progress.message = cut(&self.masker.mask(&progress.message));
        listener.hear(Said::Progress(progress));
    }
}

/// The newest report is shown when the attempt's state goes.
impl Drop for Progress {
    fn drop(&mut self) {
        self.show();
    }
}

impl progress::Host for State {
    fn report(&mut self, percent: u8, message: String) -> wasmtime::Result<()> {
        self.progress.report(percent, &message, Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_thinned_and_the_newest_is_shown_at_the_end() {
        let (listener, mut shown) = tokio::sync::mpsc::unbounded_channel();
        let mut progress = build(Arc::default(), &Limits::default(), Some(Arc::new(listener)));
        let start = Instant::now();
        for ms in 0..1_000_u64 {
            progress.report(
                u8::try_from(ms / 10).unwrap(),
                &ms.to_string(),
                start + Duration::from_millis(ms),
            );
        }
        drop(progress);
        let mut messages = Vec::new();
        while let Ok(Said::Progress(progress)) = shown.try_recv() {
            messages.push(progress.message);
        }
        assert_eq!(messages.len(), 11, "{messages:?}");
        assert_eq!(messages.last().map(String::as_str), Some("999"));
    }
}
